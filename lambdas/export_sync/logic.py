"""Rolls the delivered exports up, month by month, keeps the rollups in the results bucket and their days in the ledger.

A month that was delivered unchanged is not fetched again. The ledger is written at the end of every call, from all
rollups that there are: a call that was stopped in between is made good by the next one, and nothing is counted twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from billing_exports import charges, duckdb_engine, rollups
from billing_exports.choice import Choice
from billing_exports.formats import ExportError
from billing_exports.query import Asked
from billing_exports.sources import SourceFile, groups_of, is_line_file
from billing_exports.temp_dir import scratch
from contracts import keys
from contracts.money import ChargeRow, Source
from contracts.times import stamp
from cost_reports.ledger import Ledger
from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.records import Window
from lambdas.common.facts import Facts
from lambdas.common.runtime import error_code
from lambdas.common.store import Results

SOURCE: Source = "billed-export"
#: Every day of every bill: rollups of months that are no longer delivered stay, and are part of what is replaced.
ALL_DAYS = Window(start=date(2000, 1, 1), end=date(2100, 1, 1))
#: Metadata of a rollup's object: the digest of the files that it was made from.
DIGEST = "sources"
_CHANGED = frozenset({"PreconditionFailed", "412", "NoSuchKey", "404"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What a call did. `rows`: charges in the ledger; `through`: the last day with usage, null of none."""

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

    def list(self, folder: Path) -> list[SourceFile]:
        """The files that hold lines; their `path` is where `fetch` puts them, below `folder`.

        Raises:
            ExportError: the name of an object would not be a path below `folder`.
        """
        found = []
        for entry in Results(self.bucket, self.s3).objects(self.prefix):
            name = str(entry["Key"]).removeprefix(self.prefix)
            if is_line_file(name):
                # `exports//bill/1.parquet`: S3 allows it, but on a disk it would be `/bill/1.parquet`.
                if name.startswith("/") or str(PurePosixPath(name)) != name:
                    raise ExportError(
                        f"s3://{self.bucket}/{entry['Key']}: the name has an empty folder in it; name the folder that"
                        " holds the export, or remove the object"
                    )
                found.append(
                    SourceFile(name=name, path=folder / name, size=int(entry["Size"]), stamp=str(entry["ETag"]))
                )
        return sorted(found, key=lambda file: file.name)

    def fetch(self, file: SourceFile) -> None:
        """Download a file as it was listed; it is there whole or not at all.

        Raises:
            ExportError: AWS has rewritten it since it was listed.
        """
        file.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.path.with_name(f".{file.path.name}.part")
        try:
            got = self.s3.get_object(Bucket=self.bucket, Key=self.prefix + file.name, IfMatch=file.stamp)
        except ClientError as error:
            if error_code(error) in _CHANGED:
                raise ExportError(
                    f"s3://{self.bucket}/{self.prefix}{file.name}: AWS is rewriting it; run this again in a few minutes"
                ) from error
            raise
        with unfinished.open("wb") as out:
            for chunk in got["Body"].iter_chunks(1024 * 1024):
                out.write(chunk)
        unfinished.replace(file.path)


def sync(exports: Exports, results: Results, *, experiment: str, now: datetime, temp: Path | None = None) -> Synced:
    """Roll up what was delivered or changed since the last call, and put the days of all months into the ledger.

    Raises:
        ExportError: a file is wrong, or is being rewritten; months before it are done.
    """
    prefix = f"{keys.report_prefix(experiment, 'facts')}source={SOURCE}/"
    with scratch(temp) as folder:
        connection = duckdb_engine.connect(folder / "spill")
        try:
            choice = _chosen(connection, exports, folder)
            changed: list[str] = []
            unchanged: list[str] = []
            for group in choice.groups:
                if group.period is None:
                    raise ExportError(
                        f"s3://{exports.bucket}/{exports.prefix}{group.files[0].name} lies in no folder of a month,"
                        " such as BILLING_PERIOD=2026-10; move it into that of its month, or away"
                    )
                key = f"{prefix}billing_period={group.period}/rollup.parquet"
                digest = rollups.digest_of(group)
                if _digest(results, key) == digest:
                    unchanged.append(group.period)
                    continue
                with _fetched(exports, group.files, folder):
                    duckdb_engine.roll_up(connection, group)
                path = folder / "rollup.parquet"
                duckdb_engine.write_period(connection, group.period, path)
                _put(results, key, path, digest)
                changed.append(group.period)
            rows, said = _ledger(connection, results, prefix, folder, experiment=experiment, now=now)
        finally:
            connection.close()
    return Synced(
        format=choice.format or None,
        changed=tuple(changed),
        unchanged=tuple(unchanged),
        rows=len(rows),
        through=charges.through(rows),
        notes=(*choice.notes, *said),
    )


def _chosen(connection: Any, exports: Exports, folder: Path) -> Choice:
    """The months to read, each from one export. The smallest file of each export tells its format."""
    groups = groups_of(exports.list(folder))
    if not groups:
        said = "AWS has delivered nothing yet; the first files come about a day after an export is made."
        return Choice(groups=(), formats=(), notes=(said,))
    samples: dict[str, SourceFile] = {}
    for group in groups:
        for file in group.files:
            if group.export not in samples or file.size < samples[group.export].size:
                samples[group.export] = file
    with _fetched(exports, samples.values(), folder):
        return rollups.chosen(connection, groups, samples)


def _ledger(
    connection: Any, results: Results, prefix: str, folder: Path, *, experiment: str, now: datetime
) -> tuple[list[ChargeRow], tuple[str, ...]]:
    """Replace all days of all rollups in the ledger; what is in it then, and what to say about the amounts."""
    paths = []
    for key in results.list_keys(prefix):
        if key.endswith("/rollup.parquet"):
            path = folder / key.removeprefix(prefix).replace("/", ".")
            path.write_bytes(results.s3.get_object(Bucket=results.bucket, Key=key)["Body"].read())
            paths.append(path)
    if not paths:
        return [], ()
    found = duckdb_engine.report_rows(connection, paths, Asked(experiment=experiment, window=ALL_DAYS))
    today = now.astimezone(UTC).date()
    rows = charges.charge_rows(found, Catalogue.load(), today=today)
    read_at = stamp(now)

    def change(ledger: Ledger) -> None:
        # Accounts that the export no longer has must go too.
        accounts = {row.account for row in rows} | {reading.account for reading in ledger.readings(source=SOURCE)}
        for account in sorted(accounts, key=str):
            own = [row for row in rows if row.account == account]
            ledger.replace(own, source=SOURCE, account=account, window=ALL_DAYS, read_at=read_at)

    Facts(results, experiment).update(change)
    return rows, charges.notes(found)


def _digest(results: Results, key: str) -> str | None:
    """The digest that the rollup in the bucket was made from; null where there is none."""
    try:
        found = results.s3.head_object(Bucket=results.bucket, Key=key)
    except ClientError as error:
        if error_code(error) in _CHANGED:
            return None
        raise
    digest: str | None = found["Metadata"].get(DIGEST)
    return digest


def _put(results: Results, key: str, path: Path, digest: str) -> None:
    results.s3.put_object(
        Bucket=results.bucket,
        Key=key,
        Body=path.read_bytes(),
        ContentType="application/vnd.apache.parquet",
        Metadata={DIGEST: digest},
    )


@contextmanager
def _fetched(exports: Exports, files: Iterable[SourceFile], folder: Path) -> Iterator[None]:
    """The files in `folder`, for as long as they are needed: its disk holds one month.

    Raises:
        ExportError: it does not.
    """
    own = list(files)
    wanted, room = sum(file.size for file in own), shutil.disk_usage(folder).free
    if wanted > room:
        raise ExportError(
            f"{own[0].name} and {len(own) - 1} others are {wanted / 1e9:.1f} GB, and {room / 1e9:.1f} GB are free here;"
            " give the function more storage, or ask Athena: ladder export query --engine athena"
        )
    try:
        for file in own:
            exports.fetch(file)
        yield
    finally:
        for file in own:
            file.path.unlink(missing_ok=True)
