"""`ladder prices`: the price list, what an experiment needs of it, and its renewal (only `refresh` asks AWS)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import boto3
import typer

from cost_reports.estimate.expected_usage import month_usage
from cost_reports.estimate.options.ladder import all_options
from cost_reports.prices import catalogue as price_module
from cost_reports.prices import checks
from cost_reports.prices.catalogue import Catalogue
from cost_reports.prices.usage_types import usage_type
from cost_reports.render.document import Block, Bullets, Document, Heading, Table, columns
from cost_reports.text import NOT_AVAILABLE
from ladder.billing import price_refresh
from ladder.commands.output import (
    DEFAULT_EXPERIMENT,
    ExperimentFolder,
    PriceFile,
    Region,
    one_line_errors,
    print_document,
)
from ladder.errors import LadderError
from ladder.experiment.estimate_inputs import setting_of
from ladder.experiment.folder import load

prices_app = typer.Typer(help="The price list that every dollar here comes from.", no_args_is_help=True)


@prices_app.command("show")
def prices_show(
    service: Annotated[str, typer.Argument(help="Part of a service code or usage type.")] = "",
    prices: PriceFile = None,
) -> None:
    """Show prices with their source, date, age and confidence."""
    with one_line_errors():
        catalogue = Catalogue.load(prices)
    today = datetime.now(UTC).date()
    matching = [p for p in catalogue.prices if service.lower() in price_module.name_of(p).lower()]
    unknown = [u for u in catalogue.unpublished if service.lower() in f"{u.service_code} {u.usage_type}".lower()]
    if not matching and not unknown:
        raise LadderError(f"no price matches {service!r}")
    origins = dict.fromkeys((p.source, p.note or "") for p in matching)
    numbers = {origin: n for n, origin in enumerate(origins, start=1)}
    rows = [
        (
            p.service_code,
            p.usage_type + (f" ({p.operation})" if p.operation else ""),
            f"{p.usd:f} / {p.unit}",
            p.as_of,
            NOT_AVAILABLE if (age := checks.age_days(p, today)) is None else f"{age} d",
            p.confidence,
            str(numbers[p.source, p.note or ""]),
        )
        for p in matching
    ]
    names = columns("service", "usage type", ">USD", "=as of", ">age", "=confidence", ">source")
    table = Table(title=f"{len(rows)} prices", columns=names, rows=tuple(rows))
    listed = Bullets(tuple(f"{n}: {source}{note and f' (note: {note})'}" for (source, note), n in numbers.items()))
    blocks: list[Block] = [table, Heading("Sources"), listed]
    if unknown:
        rates = tuple((u.service_code, u.usage_type, f"unknown / {u.unit}", u.description, u.why) for u in unknown)
        heads = columns("service", "usage type", ">USD", "what", "why")
        blocks.append(Table(title=f"{len(unknown)} rates that nobody publishes", columns=heads, rows=rates))
    print_document(Document(title="Prices", kicker=f"as of {catalogue.as_of}, USD", summary="", blocks=tuple(blocks)))


@prices_app.command("check")
def prices_check(
    experiment: ExperimentFolder = DEFAULT_EXPERIMENT,
    region: Region = "us-east-1",
    days: Annotated[int, typer.Option(help="Older prices are listed.")] = 90,
    prices: PriceFile = None,
) -> None:
    """What an experiment needs, and which of it is missing, not public or old. Exit code 1 if anything is missing."""
    if days < 0:
        raise LadderError(f"--days must be 0 or more, not {days}")
    with one_line_errors():
        catalogue = Catalogue.load(prices)
        options = all_options(setting_of(load(experiment), catalogue, region=region))
        needed = [row for option in options for row in month_usage(option, 1, first=True)]
        gone, unknown = checks.missing(catalogue, needed), checks.unpublished(catalogue, needed)
        priced = [r for r in needed if not checks.missing(catalogue, [r]) and not catalogue.unpublished_for(r)]
        today = datetime.now(UTC).date()
        old = checks.stale(catalogue, priced, today, days)
    used = {(r.service_code, r.usage_type, r.operation) for r in needed}
    typer.echo(
        f"{len(used)} prices are needed, {len(gone)} are missing, {len(unknown)} are not public, {len(old)} are older"
        f" than {days} days"
    )
    for rate in unknown:
        typer.echo(f"unknown: {rate.name}: {rate.why}")
    for row in old:
        age = checks.age_days(row, today)
        typer.echo(
            f"old: {price_module.name_of(row)}: as of {row.as_of} ({'no date' if age is None else f'{age} days'})"
        )
    for text in checks.odd_ratios(catalogue, today.isoformat()):
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
    with one_line_errors():
        catalogue = Catalogue.load(prices)
        usage_type("", "", region)
        today = datetime.now(UTC).date().isoformat()
        found = price_refresh.fetch(boto3.client("pricing", region_name="us-east-1"), catalogue, region)
        path, renewed = price_refresh.write(catalogue, found, today, out, region)
    for line in price_refresh.diff(renewed):
        typer.echo(line)
    typer.echo(
        f"{path}: {len(renewed.changes)} prices changed, {renewed.confirmed} confirmed, {len(renewed.added)} added,"
        f" {len(renewed.not_found)} not found; use it with --prices"
    )
