"""`ladder export query` and `sync`: the spend report out of billing exports instead of Cost Explorer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

import boto3
import typer

from billing_exports import charges, duckdb_engine
from billing_exports.athena_engine import Athena
from billing_exports.query import ReportScope, RollupRow
from contracts.json_codec import to_json
from contracts.times import Deadline, stamp
from cost_reports.cost_explorer.requests import window_of
from cost_reports.prices.catalogue import Catalogue
from cost_reports.render import csv_file
from cost_reports.render.documents import spend_report_document
from cost_reports.run_report import simulated
from cost_reports.spend_report.bill import inside
from cost_reports.spend_report.build import build_spend, charges_of
from cost_reports.spend_report.records import SpendRecords, Window
from cost_reports.text import usd
from ladder.billing import bill_clock, export_files
from ladder.commands.days import Since, Until, need_order
from ladder.commands.output import DEFAULT_EXPERIMENT, ExperimentFolder, PriceFile, one_line_errors, show
from ladder.errors import LadderError
from ladder.experiment.folder import load
from ladder.runs.deployment import stack_output
from lambdas.common.runtime import on_embedded_aws
from lambdas.export_sync.logic import Exports

export_app = typer.Typer(
    help="The spend report out of billing exports: exact, by day; costs their storage, and what Athena scans.",
    no_args_is_help=True,
)

CONCERN = "exports"
PREFIX = "exports"
ATHENA_S = 300.0
NO_CHARGES = (
    "To compare with what was metered and estimated, give --charges: the charges.csv of a report of these days."
)

Engine = Literal["duckdb", "athena"]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the result there as JSON.")]
CsvFile = Annotated[Path | None, typer.Option("--csv", help="Write the billed charges there as CSV.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="Write one self-contained page there.")]
MarkdownFile = Annotated[Path | None, typer.Option("--markdown", help="Write it there as Markdown.")]


def register(app: typer.Typer) -> None:
    """Put the export commands into the `ladder` command."""
    app.add_typer(export_app, name="export")


@export_app.command()
def query(
    experiment: ExperimentFolder = DEFAULT_EXPERIMENT,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="DIR|s3://BUCKET/PREFIX", help="The export; default: what `sync` fetched."),
    ] = None,
    since: Since = None,
    until: Until = None,
    engine: Annotated[Engine, typer.Option(help="duckdb reads files here; athena queries a table in AWS.")] = "duckdb",
    workgroup: Annotated[str | None, typer.Option(help="Athena's; default: that of the deployment.")] = None,
    database: Annotated[str | None, typer.Option(help="Athena's; default: that of the deployment.")] = None,
    table: Annotated[str, typer.Option(help="Athena's.")] = "focus",
    charges_file: Annotated[
        Path | None, typer.Option("--charges", help="charges.csv of a run or report, to compare with.")
    ] = None,
    prices: PriceFile = None,
    json_file: JsonFile = None,
    csv_file_: CsvFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """What an experiment was billed, out of FOCUS or Cost and Usage files: here by DuckDB, or in AWS by Athena."""
    name = load(experiment).experiment.name
    now = bill_clock.clock() or datetime.now(UTC)
    scope = ReportScope(experiment=name, window=_window(now.date(), since, until))
    with one_line_errors():
        catalogue = Catalogue.load(prices)
        said: Sequence[str]
        if engine == "duckdb":
            folder = _folder(name, source)
            with export_files.engine() as connection:
                found = export_files.roll_up(connection, folder)
                rows = duckdb_engine.report_rows(connection, found.paths, scope)
            said = (f"Read from {found.format} files.", *found.notes)
            is_simulated = found.simulated or export_files.is_simulated(folder)
        else:
            if source is not None:
                raise LadderError("--from names files, which Athena does not read; leave it out or use --engine duckdb")
            rows, note = _by_athena(name, scope, workgroup, database, table)
            said, is_simulated = (note,), on_embedded_aws()
        own = [] if charges_file is None else inside(export_files.read_charges(charges_file), scope.window)
        billed = export_files.billed_of(rows, catalogue, now.date())
        records = SpendRecords(
            experiment=name,
            description="",
            window=scope.window,
            as_of=stamp(now),
            billed=billed,
            # No charges of these days do not say that there was nothing.
            metered=[row for row in own if row.source == "metered"] or None,
            estimated=[row for row in own if row.source == "estimated"] or None,
            prices_as_of=catalogue.as_of,
            runs=(),
            simulated=simulated.statements({}) if is_simulated else (),
            notes=(*said, *charges.notes(billed.rows), *(() if own else (NO_CHARGES,))),
        )
        report = build_spend(records, catalogue)
        lines = csv_file.render(charges_of(records), simulated=is_simulated)
    show(spend_report_document.document(report), to_json(report), lines, json_file, csv_file_, html_file, markdown_file)


@export_app.command()
def sync(experiment: ExperimentFolder = DEFAULT_EXPERIMENT) -> None:
    """Fetch what AWS delivered or rewrote since the last time, and roll it up. Stopped, it goes on where it was."""
    name = load(experiment).experiment.name
    session = boto3.Session()
    folder = export_files.HOME / name
    with one_line_errors():
        bucket = stack_output(session, name, CONCERN, "ExportBucketName")
        fetched = export_files.fetch(Exports(session.client("s3"), bucket, PREFIX), folder)
        for one in fetched.new:
            typer.echo(f"fetched {one}")
        for one in fetched.removed:
            typer.echo(f"removed {one}, which AWS no longer delivers")
        if not fetched.new and not fetched.unchanged:
            typer.echo("AWS has delivered nothing yet; the first files come about a day after the deployment")
            return
        with export_files.engine() as connection:
            found = export_files.roll_up(connection, folder)
    for note in found.notes:
        typer.echo(note)
    typer.echo(
        f"{found.format}: {len(fetched.new)} new files, {fetched.unchanged} unchanged;"
        f" months changed: {', '.join(found.changed) or 'none'}, unchanged: {', '.join(found.unchanged) or 'none'}"
    )


def _folder(experiment: str, source: str | None) -> Path:
    """The folder of the export to read; objects of a bucket are fetched first."""
    if source is None:
        folder = export_files.HOME / experiment
        if not folder.is_dir():
            raise LadderError(f"{folder}: nothing was fetched; run `ladder export sync`, or name files with --from")
        return folder
    if not source.startswith("s3://"):
        return Path(source)
    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    if not bucket or {".", ".."}.intersection((bucket, *prefix.split("/"))):
        raise LadderError(f"--from {source}: no place in S3; give s3://BUCKET or s3://BUCKET/PREFIX")
    folder = export_files.HOME / "s3" / bucket / prefix.strip("/")
    export_files.fetch(Exports(boto3.Session().client("s3"), bucket, prefix), folder)
    return folder


def _by_athena(
    experiment: str, scope: ReportScope, workgroup: str | None, database: str | None, table: str
) -> tuple[list[RollupRow], str]:
    session = boto3.Session()
    engine = Athena(
        session.client("athena"),
        workgroup=workgroup or stack_output(session, experiment, CONCERN, "AthenaWorkgroup"),
        database=database or stack_output(session, experiment, CONCERN, "GlueDatabase"),
        table=table,
        deadline=Deadline.after(ATHENA_S),
    )
    rows = engine.report_rows(scope)
    scanned = engine.scanned
    return rows, (
        f"Read by Athena from {engine.database}.{table}: {scanned.bytes:,} bytes scanned, {usd(scanned.usd)} at"
        " $5 a TB and 10 MB a query at least."
    )


def _window(today: date, since: datetime | None, until: datetime | None) -> Window:
    usual = window_of(today)
    start, end = since.date() if since else usual.start, until.date() if until else usual.end
    need_order(start, end)
    return Window(start=start, end=end)
