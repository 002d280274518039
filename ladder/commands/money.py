"""`ladder estimate`, `decide` and `idle`: money without an account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ladder.commands.options import (
    DEFAULT_EXPERIMENT,
    DEFAULT_REGION,
    CsvFile,
    ExperimentFolder,
    HtmlFile,
    JsonFile,
    MarkdownFile,
    PriceFile,
    Region,
)

Requests = Annotated[
    int | None, typer.Option("--requests-per-month", "-n", help="Instead of the experiment's own number.")
]
Horizon = Annotated[int | None, typer.Option("--horizon-months", help="Instead of the experiment's own number.")]
Assume = Annotated[
    list[str] | None, typer.Option(metavar="NAME=NUMBER", help="Your value of an assumption; may be repeated.")
]


def estimate(
    experiment: ExperimentFolder = DEFAULT_EXPERIMENT,
    region: Region = DEFAULT_REGION,
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
    from ladder.experiment import outlook
    from ladder.experiment.estimate_inputs import read_inputs
    from ladder.output import show

    inputs = read_inputs(
        experiment,
        prices,
        region=region,
        requests_per_month=requests,
        horizon_months=horizon,
        assume=assume or (),
    )
    show(outlook.estimate(inputs), json_file, csv_file, html_file, markdown_file)


def decide(
    experiment: ExperimentFolder = DEFAULT_EXPERIMENT,
    quality: Annotated[Path | None, typer.Option(help="report.json of a run: its measured quality and tokens.")] = None,
    region: Region = DEFAULT_REGION,
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
    from ladder.experiment import outlook
    from ladder.experiment.estimate_inputs import read_inputs
    from ladder.output import show

    inputs = read_inputs(
        experiment,
        prices,
        region=region,
        requests_per_month=requests,
        horizon_months=horizon,
        assume=assume or (),
    )
    show(outlook.decide(inputs, quality, seed=seed), json_file, csv_file, html_file, markdown_file)


def idle(
    app: Annotated[Path, typer.Option(help="Folder of the synthesised app.")] = Path("cdk.out"),
    region: Region = DEFAULT_REGION,
    prices: PriceFile = None,
    everything: Annotated[bool, typer.Option("--all", help="List free resources too.")] = False,
) -> None:
    """What each deployed resource bills a month without any traffic. Exit code 1 if one is unknown."""
    from ladder.billing import idle_cost
    from ladder.output import print_document

    lines = idle_cost.read(app, prices, region)
    print_document(idle_cost.document(lines, str(app), everything=everything))
    idle_cost.require_known(lines)
