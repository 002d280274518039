"""`ladder estimate`, `decide`, `prices` and `idle`: money without an account (only `prices refresh` asks AWS)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from contracts.json_codec import to_json
from cost_reports import idle as idle_module
from cost_reports.decide.decide import decide as make_decision
from cost_reports.decide.decide import quality_of, tokens_of
from cost_reports.estimate.estimate import estimate as make_estimate
from cost_reports.prices.catalogue import Catalogue
from cost_reports.render import outlook_csv
from cost_reports.render.document import Document, Table, columns
from cost_reports.render.documents import decision_document, estimate_document
from cost_reports.run_report.report import Report, report_from_json
from cost_reports.text import usd
from ladder.commands.output import (
    DEFAULT_EXPERIMENT,
    ExperimentFolder,
    PriceFile,
    Region,
    one_line_errors,
    print_document,
    show,
)
from ladder.commands.prices import prices_app
from ladder.errors import LadderError
from ladder.experiment.estimate_inputs import parse_assumptions, read_templates, setting_of
from ladder.experiment.folder import load

Requests = Annotated[
    int | None, typer.Option("--requests-per-month", "-n", help="Instead of the experiment's own number.")
]
Horizon = Annotated[int | None, typer.Option("--horizon-months", help="Instead of the experiment's own number.")]
Assume = Annotated[
    list[str] | None, typer.Option(metavar="NAME=NUMBER", help="Your value of an assumption; may be repeated.")
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the result there as JSON.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="Write one self-contained page there.")]
CsvFile = Annotated[Path | None, typer.Option("--csv", help="Write its lines there as CSV.")]
MarkdownFile = Annotated[Path | None, typer.Option("--markdown", help="Write it there as Markdown.")]


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
    csv_file: CsvFile = None,
) -> None:
    """What every approach and variant would cost, a month and over the horizon, itemised to usage and prices."""
    with one_line_errors():
        setting = setting_of(
            load(experiment),
            Catalogue.load(prices),
            region=region,
            requests_per_month=requests,
            horizon_months=horizon,
            assumed=parse_assumptions(assume or []),
        )
        found = make_estimate(setting)
    lines = outlook_csv.estimate_lines(found)
    show(estimate_document.document(found), to_json(found), lines, json_file, csv_file, html_file, markdown_file)


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
    csv_file: CsvFile = None,
) -> None:
    """Which approach to use: cheapest by volume, break-even, cost of quality, sensitivity, and a recommendation."""
    report = None if quality is None else _report(quality)
    with one_line_errors():
        setting = setting_of(
            load(experiment),
            Catalogue.load(prices),
            region=region,
            requests_per_month=requests,
            horizon_months=horizon,
            assumed=parse_assumptions(assume or []),
            measured=None if report is None else tokens_of(report),
        )
        found = make_decision(
            setting,
            None if report is None else quality_of(report),
            seed=seed,
            simulated=() if report is None else report.header.simulated,
        )
    lines = outlook_csv.decision_lines(found)
    show(decision_document.document(found), to_json(found), lines, json_file, csv_file, html_file, markdown_file)


def idle(
    app: Annotated[Path, typer.Option(help="Folder of the synthesised app.")] = Path("cdk.out"),
    region: Region = "us-east-1",
    prices: PriceFile = None,
    everything: Annotated[bool, typer.Option("--all", help="List free resources too.")] = False,
) -> None:
    """What each deployed resource bills a month without any traffic. Exit code 1 if one is unknown."""
    with one_line_errors():
        lines = idle_module.idle(read_templates(app), Catalogue.load(prices), region)
    stacks = {line.stack: [i for i in lines if i.stack == line.stack] for line in lines}
    sums = tuple(
        (stack, str(len({i.resource for i in found})), usd(idle_module.total(found))) for stack, found in stacks.items()
    )
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
    print_document(Document(title="Idle cost", kicker=str(app), summary=summary, blocks=tables))
    if unknown := [i for i in lines if i.status == "unknown"]:
        names = ", ".join(sorted({i.type for i in unknown}))
        raise LadderError(f"{len(unknown)} resources have no known price ({names}); the sum is too small by them")


def _report(path: Path) -> Report:
    try:
        return report_from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise LadderError(f"{path}: {error.strerror}; give the report.json of a run") from error
    except ValueError as error:
        raise LadderError(f"{path}: {error}") from error
