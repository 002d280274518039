"""`ladder prices`: the price list, what an experiment needs of it, and its renewal (only `refresh` asks AWS)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ladder.commands import options
from ladder.errors import LadderError, one_line_errors

app = typer.Typer(help="The price list that every dollar here comes from.", no_args_is_help=True)


@app.command()
def show(
    service: Annotated[str, typer.Argument(help="Part of a service code or usage type.")] = "",
    prices: options.PriceFile = None,
) -> None:
    """Show prices with their source, date, age and confidence."""
    from cost_reports.prices.catalogue import Catalogue
    from ladder.billing import price_list
    from ladder.output import print_document

    with one_line_errors():
        catalogue = Catalogue.load(prices)
    print_document(price_list.document(catalogue, service, datetime.now(UTC).date()))


@app.command()
def check(
    experiment: options.ExperimentFolder = options.EXPERIMENT,
    region: options.Region = options.REGION,
    days: Annotated[int, typer.Option(help="Older prices are listed.")] = 90,
    prices: options.PriceFile = None,
) -> None:
    """Check the prices that an experiment needs: missing, not public, old. Exit code 1 if one is missing."""
    from ladder.billing import price_list
    from ladder.experiment.outlook import read_inputs

    if days < 0:
        raise LadderError(f"--days must be 0 or more, not {days}")
    inputs = read_inputs(experiment, prices, region)
    for line in price_list.check(inputs, days, datetime.now(UTC).date()):
        typer.echo(line)


@app.command()
def refresh(
    out: Annotated[Path, typer.Option(help="Folder of the new price file.")] = Path(),
    region: options.Region = options.REGION,
    prices: options.PriceFile = None,
) -> None:
    """Read the AWS Price List API (needs credentials), write a new dated price file, and say what changed."""
    import boto3

    from cost_reports.prices.catalogue import Catalogue
    from cost_reports.prices.usage_types import usage_type
    from ladder.billing import price_refresh

    with one_line_errors():
        catalogue = Catalogue.load(prices)
        usage_type("", "", region)  # an unknown region must not cost a download first
        today = datetime.now(UTC).date().isoformat()
        listed = price_refresh.fetch(boto3.client("pricing", region_name="us-east-1"), catalogue, region)
        path, renewed = price_refresh.write(catalogue, listed, today, out, region)
    for line in price_refresh.diff(renewed):
        typer.echo(line)
    typer.echo(
        f"{path}: {len(renewed.changes)} prices changed, {renewed.confirmed} confirmed, {len(renewed.added)} added,"
        f" {len(renewed.not_found)} not found; use it with --prices"
    )
