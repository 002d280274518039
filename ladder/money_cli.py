"""`ladder estimate`, `decide`, `prices` and `idle`: money without an account (only `prices refresh` asks AWS)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import boto3
import typer
from rich.console import Console

from cost_reports import idle as idle_module
from cost_reports import price_checks
from cost_reports import prices as price_module
from cost_reports.decide import decide as make_decision
from cost_reports.decide import quality_of, tokens_of
from cost_reports.estimate import estimate as make_estimate
from cost_reports.estimate import month_usage
from cost_reports.options_tuned import all_options
from cost_reports.prices import Catalogue
from cost_reports.render import decision_document, estimate_document, html, markdown, terminal
from cost_reports.render.document import Bullets, Document, Heading, Table, columns
from cost_reports.report import Report, report_from_json, to_json
from cost_reports.text import NONE, usd
from ladder import price_refresh
from ladder.errors import LadderError
from ladder.experiment import load
from ladder.money import parse_assumptions, read_templates, setting_of

prices_app = typer.Typer(help="The price list that every dollar here comes from.", no_args_is_help=True)

ExperimentFolder = Annotated[
    Path, typer.Option("--experiment", "-e", help="Folder with experiment.yaml, documents/ and questions.*.jsonl.")
]
Region = Annotated[str, typer.Option(help="AWS region whose prices are used.")]
Requests = Annotated[
    int | None, typer.Option("--requests-per-month", "-n", help="Instead of the experiment's own number.")
]
Horizon = Annotated[int | None, typer.Option("--horizon-months", help="Instead of the experiment's own number.")]
Assume = Annotated[
    list[str] | None, typer.Option(metavar="NAME=NUMBER", help="Your value of an assumption; may be repeated.")
]
PriceFile = Annotated[Path | None, typer.Option("--prices", help="A price file; default: the newest that ships.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the result there as JSON.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="Write one self-contained page there.")]
MarkdownFile = Annotated[Path | None, typer.Option("--markdown", help="Write it there as Markdown.")]

DEFAULT_EXPERIMENT = Path("experiments/handbook")


def register(app: typer.Typer) -> None:
    """Put the money commands into the `ladder` command."""
    app.command()(estimate)
    app.command()(decide)
    app.command()(idle)
    app.add_typer(prices_app, name="prices")


def estimate(
    experiment: ExperimentFolder = DEFAULT_EXPERIMENT,
    region: Region = "us-east-1",
    requests: Requests = None,
    horizon: Horizon = None,
    assume: Assume = None,
    prices: PriceFile = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """What every approach and variant would cost, a month and over the horizon, itemised to usage and prices."""
    with _one_line_errors():
        setting = setting_of(
            load(experiment),
            Catalogue.load(prices),
            region=region,
            requests_per_month=requests,
            horizon_months=horizon,
            assumed=parse_assumptions(assume or []),
        )
        found = make_estimate(setting)
    _show(estimate_document.document(found), to_json(found), json_file, html_file, markdown_file)


def decide(
    experiment: ExperimentFolder = DEFAULT_EXPERIMENT,
    quality: Annotated[Path | None, typer.Option(help="report.json of a run: its measured quality and tokens.")] = None,
    region: Region = "us-east-1",
    requests: Requests = None,
    horizon: Horizon = None,
    assume: Assume = None,
    prices: PriceFile = None,
    seed: Annotated[int, typer.Option(help="Seed of the random trials.")] = 20261123,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Which approach to use: cheapest by volume, break-even, cost of quality, sensitivity, and a recommendation."""
    report = None if quality is None else _report(quality)
    with _one_line_errors():
        setting = setting_of(
            load(experiment),
            Catalogue.load(prices),
            region=region,
            requests_per_month=requests,
            horizon_months=horizon,
            assumed=parse_assumptions(assume or []),
            measured=None if report is None else tokens_of(report),
        )
        found = make_decision(setting, None if report is None else quality_of(report), seed=seed)
    _show(decision_document.document(found), to_json(found), json_file, html_file, markdown_file)


def idle(
    app: Annotated[Path, typer.Option(help="Folder of the synthesised app.")] = Path("cdk.out"),
    region: Region = "us-east-1",
    prices: PriceFile = None,
    everything: Annotated[bool, typer.Option("--all", help="List free resources too.")] = False,
) -> None:
    """What each deployed resource bills a month without any traffic. Exit code 1 if one is unknown."""
    with _one_line_errors():
        lines = idle_module.idle(read_templates(app), Catalogue.load(prices), region)
    stacks = {line.stack: [i for i in lines if i.stack == line.stack] for line in lines}
    sums = tuple((stack, str(len(found)), usd(idle_module.total(found))) for stack, found in stacks.items())
    shown = [line for line in lines if everything or line.status in ("billed", "unknown")]
    tables = (
        Table(
            title="Resources" if everything else "Resources that bill while idle (--all lists the others)",
            columns=columns("stack", "resource", "type", "status", ">USD", "what"),
            rows=tuple((i.stack, i.resource, i.type, i.status, usd(i.usd), i.what) for i in shown),
        ),
        Table(title="A month without traffic", columns=columns("stack", ">resources", ">USD"), rows=sums),
    )
    summary = f"{usd(idle_module.total(lines))} a month in all, for what is known."
    _print(Document(title="Idle cost", kicker=str(app), summary=summary, blocks=tables))
    if unknown := [i for i in lines if i.status == "unknown"]:
        names = ", ".join(sorted({i.type for i in unknown}))
        raise LadderError(f"{len(unknown)} resources have no known price ({names}); the sum is too small by them")


@prices_app.command("show")
def prices_show(
    service: Annotated[str, typer.Argument(help="Part of a service code or usage type.")] = "",
    prices: PriceFile = None,
) -> None:
    """Show prices with their source, date, age and confidence."""
    with _one_line_errors():
        catalogue = Catalogue.load(prices)
    today = datetime.now(UTC).date()
    matching = [p for p in catalogue.prices if service.lower() in price_module.name_of(p).lower()]
    if not matching:
        raise LadderError(f"no price matches {service!r}")
    origins = dict.fromkeys((p.source, p.note or "") for p in matching)
    numbers = {origin: n for n, origin in enumerate(origins, start=1)}
    rows = [
        (
            p.service_code,
            p.usage_type + (f" ({p.operation})" if p.operation else ""),
            f"{p.usd:f} / {p.unit}",
            p.as_of,
            NONE if (age := price_checks.age_days(p, today)) is None else f"{age} d",
            p.confidence,
            str(numbers[p.source, p.note or ""]),
        )
        for p in matching
    ]
    names = columns("service", "usage type", ">USD", "=as of", ">age", "=confidence", ">source")
    table = Table(title=f"{len(rows)} prices", columns=names, rows=tuple(rows))
    listed = Bullets(tuple(f"{n}: {source}{note and f' (note: {note})'}" for (source, note), n in numbers.items()))
    blocks = (table, Heading("Sources"), listed)
    _print(Document(title="Prices", kicker=f"as of {catalogue.as_of}, USD", summary="", blocks=blocks))


@prices_app.command("check")
def prices_check(
    experiment: ExperimentFolder = DEFAULT_EXPERIMENT,
    region: Region = "us-east-1",
    days: Annotated[int, typer.Option(help="Older prices are listed.")] = 90,
    prices: PriceFile = None,
) -> None:
    """What an experiment needs, and which of it is missing or old. Exit code 1 if anything is missing."""
    with _one_line_errors():
        catalogue = Catalogue.load(prices)
        options = all_options(setting_of(load(experiment), catalogue, region=region))
        needed = [row for option in options for row in month_usage(option, 1, first=True)]
        gone = price_checks.missing(catalogue, needed)
        priced = [r for r in needed if not price_checks.missing(catalogue, [r])]
        today = datetime.now(UTC).date()
        old = price_checks.stale(catalogue, priced, today, days)
    used = {(r.service_code, r.usage_type, r.operation) for r in needed}
    typer.echo(f"{len(used)} prices are needed, {len(gone)} are missing, {len(old)} are older than {days} days")
    for row in old:
        age = price_checks.age_days(row, today)
        typer.echo(
            f"old: {price_module.name_of(row)}: as of {row.as_of} ({'no date' if age is None else f'{age} days'})"
        )
    for text in price_checks.odd_ratios(catalogue, today.isoformat()):
        typer.echo(f"odd: {text}")
    if gone:
        raise LadderError("; ".join(gone))


@prices_app.command("refresh")
def prices_refresh(
    out: Annotated[Path, typer.Option(help="Folder of the new price file.")] = Path(),
    region: Region = "us-east-1",
    prices: PriceFile = None,
) -> None:
    """Read the AWS Price List API (needs credentials), write a new dated price file, and say what changed."""
    with _one_line_errors():
        catalogue = Catalogue.load(prices)
        today = datetime.now(UTC).date().isoformat()
        found = price_refresh.fetch(boto3.client("pricing", region_name="us-east-1"), catalogue, region)
        path, renewed = price_refresh.write(catalogue, found, today, out)
    for change in renewed.changes:
        share = "" if change.share is None else f" ({change.share:+.1%})"
        typer.echo(f"{change.name}: {change.old_usd:f} -> {change.new_usd:f} USD a {change.unit}{share}")
    typer.echo(
        f"{path}: {len(renewed.changes)} prices changed, {renewed.confirmed} confirmed, {len(renewed.not_found)} not"
        " found (kept as they were); use it with --prices"
    )


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """What the money library refuses (always a ValueError of one line) becomes an error of the command."""
    try:
        yield
    except ValueError as error:
        raise LadderError(str(error)) from error


def _report(path: Path) -> Report:
    try:
        return report_from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise LadderError(f"{path}: {error.strerror}; give the report.json of a run") from error
    except ValueError as error:
        raise LadderError(f"{path}: {error}") from error


def _show(document: Document, as_json: str, json_file: Path | None, html_file: Path | None, md: Path | None) -> None:
    written = []
    for path, text in ((json_file, as_json), (html_file, html.render(document)), (md, markdown.render(document))):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(f"  {path}")
    _print(document, written)


def _print(document: Document, paths: list[str] | None = None) -> None:
    terminal.render(document, Console(), paths or [])
