"""`ladder estimate`, `decide` and `idle`: money without an account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ladder.commands import options

Requests = Annotated[
    int | None, typer.Option("--requests-per-month", "-n", help="Instead of the experiment's own number.")
]
Horizon = Annotated[int | None, typer.Option("--horizon-months", help="Instead of the experiment's own number.")]
Assume = Annotated[
    list[str] | None, typer.Option(metavar="NAME=NUMBER", help="Your value of an assumption; may be repeated.")
]


def estimate(
    experiment: options.ExperimentFolder = options.EXPERIMENT,
    region: options.Region = options.REGION,
    requests: Requests = None,
    horizon: Horizon = None,
    assume: Assume = None,
    prices: options.PriceFile = None,
    json_file: options.JsonFile = None,
    html_file: options.HtmlFile = None,
    markdown_file: options.MarkdownFile = None,
    csv_file: options.CsvFile = None,
) -> None:
    """Estimate every approach and variant, a month and over the horizon, itemised to usage and prices."""
    from ladder.experiment import outlook
    from ladder.output import show

    inputs = outlook.read_inputs(experiment, prices, region, requests, horizon, assume or ())
    show(outlook.estimate(inputs), json_file, csv_file, html_file, markdown_file)


def decide(
    experiment: options.ExperimentFolder = options.EXPERIMENT,
    quality: Annotated[Path | None, typer.Option(help="report.json of a run: its measured quality and tokens.")] = None,
    region: options.Region = options.REGION,
    requests: Requests = None,
    horizon: Horizon = None,
    assume: Assume = None,
    prices: options.PriceFile = None,
    seed: Annotated[int, typer.Option(help="Seed of the random trials.")] = 20261123,
    json_file: options.JsonFile = None,
    html_file: options.HtmlFile = None,
    markdown_file: options.MarkdownFile = None,
    csv_file: options.CsvFile = None,
) -> None:
    """Say which approach to use: cheapest by volume, break-even, cost of quality, sensitivity, and a recommendation."""
    from ladder.experiment import outlook
    from ladder.output import show

    inputs = outlook.read_inputs(experiment, prices, region, requests, horizon, assume or ())
    show(outlook.decide(inputs, quality, seed=seed), json_file, csv_file, html_file, markdown_file)


def idle(
    app: Annotated[Path, typer.Option(help="Folder of the synthesised app.")] = Path("cdk.out"),
    region: options.Region = options.REGION,
    prices: options.PriceFile = None,
    everything: Annotated[bool, typer.Option("--all", help="List free resources too.")] = False,
) -> None:
    """Show what each deployed resource bills a month without any traffic. Exit code 1 if one is unknown."""
    from ladder.billing import idle_cost
    from ladder.output import print_document

    lines = idle_cost.read(app, prices, region)
    print_document(idle_cost.document(lines, str(app), everything=everything))
    idle_cost.require_known(lines)
