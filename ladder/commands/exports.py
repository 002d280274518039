"""`ladder export query` and `sync`: the spend report out of billing exports instead of Cost Explorer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ladder.commands.options import (
    DEFAULT_EXPERIMENT,
    CsvFile,
    ExperimentFolder,
    HtmlFile,
    JsonFile,
    MarkdownFile,
    PriceFile,
    Since,
    Until,
    days,
)
from ladder.errors import LadderError

app = typer.Typer(
    help="The spend report out of billing exports: exact, by day; costs their storage, and what Athena scans.",
    no_args_is_help=True,
)


@app.command()
def query(
    experiment: ExperimentFolder = DEFAULT_EXPERIMENT,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="DIR|s3://BUCKET/PREFIX", help="The export; default: what `sync` fetched."),
    ] = None,
    since: Since = None,
    until: Until = None,
    engine: Annotated[
        Literal["duckdb", "athena"],
        typer.Option(help="duckdb reads files here; athena queries a table in AWS."),
    ] = "duckdb",
    workgroup: Annotated[str | None, typer.Option(help="Athena's; default: that of the deployment.")] = None,
    database: Annotated[str | None, typer.Option(help="Athena's; default: that of the deployment.")] = None,
    table: Annotated[str, typer.Option(help="Athena's.")] = "focus",
    charges: Annotated[Path | None, typer.Option(help="charges.csv of a run or report, to compare with.")] = None,
    prices: PriceFile = None,
    json_file: JsonFile = None,
    csv_file: CsvFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """What an experiment was billed, out of FOCUS or Cost and Usage files: here by DuckDB, or in AWS by Athena."""
    if engine == "athena" and source is not None:
        raise LadderError("--from names files, which Athena does not read; leave it out or use --engine duckdb")
    first, end = days(since, until)

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
def sync(experiment: ExperimentFolder = DEFAULT_EXPERIMENT) -> None:
    """Fetch what AWS delivered or rewrote since the last time, and roll it up. Stopped, it goes on where it was."""
    from ladder.billing import exported_spend
    from ladder.experiment.folder import load

    for line in exported_spend.sync(load(experiment).experiment.name):
        typer.echo(line)
