"""`ladder export query` and `sync`: the spend report out of billing exports instead of Cost Explorer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ladder.commands import options
from ladder.errors import LadderError

app = typer.Typer(
    help="The spend report out of billing exports: exact, by day; costs their storage, and what Athena scans.",
    no_args_is_help=True,
)


@app.command()
def query(
    experiment: options.ExperimentFolder = options.EXPERIMENT,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="DIR|s3://BUCKET/PREFIX", help="The export; default: what `sync` fetched."),
    ] = None,
    since: options.Since = None,
    until: options.Until = None,
    engine: Annotated[
        Literal["duckdb", "athena"],
        typer.Option(help="duckdb reads files here; athena queries a table in AWS."),
    ] = "duckdb",
    workgroup: Annotated[str | None, typer.Option(help="Athena's; default: that of the deployment.")] = None,
    database: Annotated[str | None, typer.Option(help="Athena's; default: that of the deployment.")] = None,
    table: Annotated[str, typer.Option(help="Athena's.")] = "focus",
    charges: Annotated[Path | None, typer.Option(help="charges.csv of a run or report, to compare with.")] = None,
    prices: options.PriceFile = None,
    json_file: options.JsonFile = None,
    csv_file: options.CsvFile = None,
    html_file: options.HtmlFile = None,
    markdown_file: options.MarkdownFile = None,
) -> None:
    """Show what an experiment was billed, out of FOCUS or Cost and Usage files: here by DuckDB, or in AWS by Athena."""
    if engine == "athena" and source is not None:
        raise LadderError("--from names files, which Athena does not read; leave it out or use --engine duckdb")
    first, end = options.days(since, until)

    from ladder.billing import exported_spend
    from ladder.experiment.folder import load
    from ladder.output import show

    scope = exported_spend.scope_of(load(experiment).experiment.name, first, end)
    if engine == "duckdb":
        exported = exported_spend.read_files(scope, source)
    else:
        exported = exported_spend.ask_athena(scope, workgroup, database, table)
    output = exported_spend.report(scope, exported, charges, prices)
    show(output, json_file, csv_file, html_file, markdown_file)


@app.command()
def sync(experiment: options.ExperimentFolder = options.EXPERIMENT) -> None:
    """Fetch what AWS delivered or rewrote since the last time, and roll it up. Stopped, it goes on where it was."""
    from ladder.billing import exported_spend
    from ladder.experiment.folder import load

    for line in exported_spend.sync(load(experiment).experiment.name):
        typer.echo(line)
