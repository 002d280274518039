"""The spend report out of billing exports: what was fetched from a bucket, any other files, or a table in AWS.

What is wrong with them is a `LadderError` of one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import boto3

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
from cost_reports.spend_report.records import Billed, SpendRecords, Window
from cost_reports.text import usd
from ladder import embedded_aws
from ladder.billing import export_files
from ladder.deployment import stack_output
from ladder.errors import LadderError, one_line_errors
from ladder.output import Output
from lambdas.common.runtime import on_embedded_aws
from lambdas.export_sync.logic import Exports

PREFIX = "exports"
ATHENA_S = 300.0
NO_CHARGES = (
    "To compare with what was metered and estimated, give --charges: the charges.csv of a report of these days."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRows:
    """Daily rows of an export, and what a reader of them should know."""

    rows: list[RollupRow]
    simulated: bool
    notes: tuple[str, ...]


def now() -> datetime:
    """Return the time as the bill has it: that of an embedded AWS may be put forward."""
    return embedded_aws.bill_time() or datetime.now(UTC)


@one_line_errors()
def scope_of(experiment: str, first: date | None, end: date | None) -> ReportScope:
    """Return what to read; a day that is None is that of the usual window."""
    usual = window_of(now().date())
    return ReportScope(experiment=experiment, window=Window(start=first or usual.start, end=end or usual.end))


@one_line_errors()
def read_files(scope: ReportScope, source: str | None) -> ExportedRows:
    """Return the rows of an export in a folder or below `s3://BUCKET/PREFIX`; None: of what `sync` fetched."""
    folder = _folder(scope.experiment, source)
    with export_files.engine() as connection:
        rollups = export_files.roll_up(connection, folder)
        rows = duckdb_engine.report_rows(connection, rollups.paths, scope)
    return ExportedRows(
        rows=rows,
        simulated=rollups.simulated or export_files.is_simulated(folder),
        notes=(f"Read from {rollups.format} files.", *rollups.notes),
    )


@one_line_errors()
def ask_athena(scope: ReportScope, workgroup: str | None, database: str | None, table: str) -> ExportedRows:
    """Return the rows of a table in AWS; workgroup and database are those of the deployment where they are None."""
    session = boto3.Session()
    engine = Athena(
        session.client("athena"),
        workgroup=workgroup or _deployed(session, scope.experiment, "AthenaWorkgroup"),
        database=database or _deployed(session, scope.experiment, "GlueDatabase"),
        table=table,
        deadline=Deadline.after(ATHENA_S),
    )
    rows = engine.report_rows(scope)
    scanned = engine.scanned
    note = (
        f"Read by Athena from {engine.database}.{table}: {scanned.bytes:,} bytes scanned, {usd(scanned.usd)} at"
        " $5 a TB and 10 MB a query at least."
    )
    return ExportedRows(rows=rows, simulated=on_embedded_aws(), notes=(note,))


@one_line_errors()
def report(scope: ReportScope, exported: ExportedRows, charges_file: Path | None, price_file: Path | None) -> Output:
    """Return the spend report of the rows, beside what a charges.csv says was metered and estimated."""
    catalogue, moment = Catalogue.load(price_file), now()
    expected = [] if charges_file is None else inside(export_files.read_charges(charges_file), scope.window)
    billed = charges.charge_rows(exported.rows, catalogue, today=moment.date())
    accounts = {row.account for row in billed}
    records = SpendRecords(
        experiment=scope.experiment,
        description="",
        window=scope.window,
        as_of=stamp(moment),
        billed=Billed(
            source="billed-export",
            account=next(iter(accounts)) if len(accounts) == 1 else None,
            rows=billed,
            through=charges.through(billed),
        ),
        # Without charges of these days it is not known what was metered.
        metered=[row for row in expected if row.source == "metered"] or None,
        estimated=[row for row in expected if row.source == "estimated"] or None,
        prices_as_of=catalogue.as_of,
        runs=(),
        simulated=simulated.statements({}) if exported.simulated else (),
        notes=(*exported.notes, *charges.notes(billed), *(() if expected else (NO_CHARGES,))),
    )
    spend = build_spend(records, catalogue)
    lines = csv_file.render(charges_of(records), simulated=exported.simulated)
    return Output(spend_report_document.document(spend), to_json(spend), lines)


def sync(experiment: str) -> Iterator[str]:
    """Fetch what AWS delivered or rewrote, and roll it up; yield a line for each file, and what changed."""
    session = boto3.Session()
    folder = export_files.HOME / experiment
    with one_line_errors():
        bucket = _deployed(session, experiment, "ExportBucketName")
        fetched = export_files.fetch(Exports(session.client("s3"), bucket, PREFIX), folder)
        for name in fetched.new:
            yield f"fetched {name}"
        for name in fetched.removed:
            yield f"removed {name}, which AWS no longer delivers"
        if not fetched.new and not fetched.unchanged:
            yield "AWS has delivered nothing yet; the first files come about a day after the deployment"
            return
        with export_files.engine() as connection:
            rollups = export_files.roll_up(connection, folder)
    yield from rollups.notes
    yield (
        f"{rollups.format}: {len(fetched.new)} new files, {fetched.unchanged} unchanged;"
        f" months changed: {', '.join(rollups.changed) or 'none'}, unchanged: {', '.join(rollups.unchanged) or 'none'}"
    )


def _deployed(session: boto3.Session, experiment: str, key: str) -> str:
    return stack_output(session.client("cloudformation"), experiment, "exports", key)


def _folder(experiment: str, source: str | None) -> Path:
    """Return the folder of the export to read; objects of a bucket are fetched first."""
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
