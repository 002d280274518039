"""Rolls the delivered exports up, month by month, and keeps the days of each month in the fact table.

A month that was delivered unchanged is not fetched again. A call that was stopped leaves the months that it did not
reach as they were, and the next one does them: nothing is counted twice.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from billing_exports import charges, duckdb_engine, rollups
from billing_exports.choice import Choice
from billing_exports.formats import ExportError
from billing_exports.query import ReportScope
from billing_exports.sources import Group, SourceFile, groups_of, is_line_file
from billing_exports.temp_dir import temporary_folder
from contracts.money import Source
from contracts.times import first_of_month, stamp
from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.records import Window
from lambdas.common.facts import Facts, ImportedWindow, PeriodCharges
from lambdas.common.runtime import error_code
from lambdas.common.store import Results

SOURCE: Source = "billed-export"
#: A month is replaced whole, whatever the days of its lines.
ALL_DAYS = Window(start=date(2000, 1, 1), end=date(2100, 1, 1))
_REWRITTEN = frozenset({"PreconditionFailed", "412", "NoSuchKey", "404"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What a call did. `rows`: charges of the delivered months; `through`: their last day with usage, None without."""

    format: str | None
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    rows: int
    through: date | None
    notes: tuple[str, ...]


class Exports:
    """The objects of exports below a prefix of a bucket."""

    def __init__(self, s3: Any, bucket: str, prefix: str) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def uri(self, name: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{name}"

    def list(self, folder: Path) -> list[SourceFile]:
        """Return the files that hold lines; their `path` is where `fetch` puts them, below `folder`.

        Raises:
            ExportError: the name of an object would not be a path below `folder`.
        """
        files = []
        for entry in Results(self.bucket, self.s3).objects(self.prefix):
            name = str(entry["Key"]).removeprefix(self.prefix)
            if is_line_file(name):
                # `exports//bill/1.parquet`: S3 allows it, but on a disk it would be `/bill/1.parquet`.
                if name.startswith("/") or str(PurePosixPath(name)) != name:
                    raise ExportError(
                        f"{self.uri(name)}: the name has an empty folder in it; name the folder that holds the export,"
                        " or remove the object"
                    )
                files.append(
                    SourceFile(name=name, path=folder / name, size=int(entry["Size"]), stamp=str(entry["ETag"]))
                )
        return sorted(files, key=lambda file: file.name)

    def fetch(self, file: SourceFile) -> None:
        """Download a file as it was listed; it is there whole or not at all.

        Raises:
            ExportError: AWS has rewritten it since it was listed.
        """
        file.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.path.with_name(f".{file.path.name}.part")
        try:
            response = self.s3.get_object(Bucket=self.bucket, Key=self.prefix + file.name, IfMatch=file.stamp)
        except ClientError as error:
            if error_code(error) in _REWRITTEN:
                raise ExportError(
                    f"{self.uri(file.name)}: AWS is rewriting it; run this again in a few minutes"
                ) from error
            raise
        with unfinished.open("wb") as out:
            for chunk in response["Body"].iter_chunks(1024 * 1024):
                out.write(chunk)
        unfinished.replace(file.path)


def sync(exports: Exports, results: Results, *, experiment: str, now: datetime, temp: Path | None = None) -> Synced:
    """Roll up what was delivered or changed since the last call, and replace these months in the fact table.

    Months that are no longer delivered stay.

    Raises:
        ExportError: a file is wrong, or is being rewritten; months before it are done.
    """
    facts, catalogue, today = Facts(results, experiment), Catalogue.load(), now.astimezone(UTC).date()
    scope = ReportScope(experiment=experiment, window=ALL_DAYS)
    delivered: dict[str, PeriodCharges] = {}
    changed: list[str] = []
    with temporary_folder(temp) as folder, closing(duckdb_engine.connect(folder / "spill")) as connection:
        choice = _choose(connection, exports, folder)
        for group in choice.groups:
            period = _period(exports, group)
            kept, digest = facts.read(SOURCE, period), _digest(group, catalogue)
            if kept.imported is None or kept.imported.digest != digest:
                with _fetched(exports, group.files, folder):
                    duckdb_engine.roll_up(connection, group)
                days = duckdb_engine.rolled_rows(connection, scope)
                kept = PeriodCharges(
                    rows=tuple(charges.charge_rows(days, catalogue, today=today)),
                    imported=ImportedWindow(window=_month(period), read_at=stamp(now), digest=digest),
                )
                facts.replace_period(SOURCE, period, kept)
                changed.append(period)
            delivered[period] = kept
    _close(facts, today)
    rows = [row for kept in delivered.values() for row in kept.rows]
    return Synced(
        format=choice.format or None,
        changed=tuple(changed),
        unchanged=tuple(period for period in delivered if period not in changed),
        rows=len(rows),
        through=charges.through(rows),
        notes=(*choice.notes, *charges.notes(rows)),
    )


def _close(facts: Facts, today: date) -> None:
    """Mark the charges of months that were closed since they were written as final."""
    for period, written in facts.written(SOURCE).items():
        if written.date() < charges.closes_on(period) <= today:
            facts.update(SOURCE, period, _final)


def _final(kept: PeriodCharges) -> PeriodCharges:
    return replace(kept, rows=tuple(replace(row, estimated=False) for row in kept.rows))


def _choose(connection: Any, exports: Exports, folder: Path) -> Choice:
    """Return the months to read, each from one export. The smallest file of each export tells its format."""
    groups = groups_of(exports.list(folder))
    if not groups:
        note = "AWS has delivered nothing yet; the first files come about a day after an export is made."
        return Choice(groups=(), formats=(), notes=(note,))
    samples: dict[str, SourceFile] = {}
    for group in groups:
        for file in group.files:
            if group.export not in samples or file.size < samples[group.export].size:
                samples[group.export] = file
    with _fetched(exports, samples.values(), folder):
        return rollups.choose_groups(connection, groups, samples)


def _period(exports: Exports, group: Group) -> str:
    """Return the month of a group.

    Raises:
        ExportError: its files lie in no folder of a month.
    """
    if group.period is None:
        raise ExportError(
            f"{exports.uri(group.files[0].name)} lies in no folder of a month, such as BILLING_PERIOD=2026-10; move it"
            " into that of its month, or away"
        )
    return group.period


def _digest(group: Group, catalogue: Catalogue) -> str:
    """Return what changes with the files of a month and with what makes charges of them."""
    digest = hashlib.sha256(f"{rollups.digest_of(group)} {catalogue.as_of}".encode())
    digest.update(Path(charges.__file__).read_bytes())
    return digest.hexdigest()


def _month(period: str) -> Window:
    start = date.fromisoformat(f"{period}-01")
    return Window(start=start, end=first_of_month(start, 1))


@contextmanager
def _fetched(exports: Exports, files: Iterable[SourceFile], folder: Path) -> Iterator[None]:
    """Keep the files in `folder` for as long as they are needed: its disk holds one month.

    Raises:
        ExportError: it does not.
    """
    needed = list(files)
    size, room = sum(file.size for file in needed), shutil.disk_usage(folder).free
    if size > room:
        raise ExportError(
            f"{needed[0].name} and {len(needed) - 1} others are {size / 1e9:.1f} GB, and {room / 1e9:.1f} GB are free"
            " here; give the function more storage, or ask Athena: ladder export query --engine athena"
        )
    try:
        for file in needed:
            exports.fetch(file)
        yield
    finally:
        for file in needed:
            file.path.unlink(missing_ok=True)
