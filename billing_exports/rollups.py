"""Daily rollups of exports, one Parquet file a month, kept beside a record of the files that they were made from.

A month whose files have not changed is not read again; one whose files have is replaced whole. Being stopped anywhere
leaves the rollups of before or new ones; the record is written last, so that the next call does what is missing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing_exports import duckdb_engine, formats, query, reading
from billing_exports.choice import Choice, choose
from billing_exports.sources import Group, SourceFile, groups_of

RECORD = "rollup.json"
#: Modules that put SQL together, so that a rollup does not outlive a change of what they read.
READERS = (duckdb_engine, formats, query, reading)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollups:
    """The rollup files, and what the call changed: months made again, months that are gone. `simulated`: a file is of
    an embedded AWS.
    """

    format: str
    paths: tuple[Path, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    simulated: bool
    notes: tuple[str, ...]


def update(connection: Any, files: Iterable[SourceFile], folder: Path) -> Rollups:
    """Bring the rollups in `folder` in line with the files of exports.

    Raises:
        ExportError: a file is wrong or truncated (it is named); months that were done before stay as they are.
    """
    groups = groups_of(files)
    choice = choose_groups(connection, groups, {group.export: group.files[0] for group in groups})
    folder.mkdir(parents=True, exist_ok=True)
    record = _read_record(folder)
    changed: list[str] = []
    unchanged: list[str] = []
    for group in choice.groups:
        digest = digest_of(group)
        old = record.get(group.key)
        if old is not None and old["digest"] == digest and all(_path(folder, p).exists() for p in old["periods"]):
            unchanged += old["periods"]
            continue
        done = duckdb_engine.roll_up(connection, group)
        for period in done.periods:
            duckdb_engine.write_period(connection, period, _path(folder, period))
        record[group.key] = {"digest": digest, "periods": list(done.periods), "simulated": done.simulated}
        _write_record(folder, record)
        changed += done.periods
    removed = _forget(folder, record, {group.key for group in choice.groups})
    return Rollups(
        format=choice.format,
        paths=tuple(_path(folder, period) for period in sorted({*changed, *unchanged})),
        changed=tuple(sorted(changed)),
        unchanged=tuple(sorted(unchanged)),
        removed=tuple(removed),
        simulated=any(entry["simulated"] for entry in record.values()),
        notes=choice.notes,
    )


def choose_groups(connection: Any, groups: Sequence[Group], samples: Mapping[str, SourceFile]) -> Choice:
    """Return the groups to read. `samples`: a file of each export, which tells its format.

    Raises:
        ExportError: a sample is not an export, or exports hold the same bill and none of them is the one to read.
    """
    return choose(
        groups, {export: reading.parts_of(connection, [file])[0].layout.format for export, file in samples.items()}
    )


def digest_of(group: Group) -> str:
    """Return what changes with the files of the group and with what reads them: the SQL, the modules that build it."""
    text = json.dumps([[file.name, file.size, file.stamp] for file in group.files])
    digest = hashlib.sha256(text.encode())
    for path in (*sorted(query.SQL.glob("*.sql")), *(Path(str(module.__file__)) for module in READERS)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _forget(folder: Path, record: dict[str, Any], read: set[str]) -> list[str]:
    """Remove what no file of the export stands for any more, and return the months that this takes away."""
    gone = [key for key in record if key not in read]
    for key in gone:
        del record[key]
    kept = {_path(folder, period) for entry in record.values() for period in entry["periods"]}
    stale = sorted(path for path in folder.glob("billing_period=*.parquet") if path not in kept)
    for path in stale:
        path.unlink()
    if gone:
        _write_record(folder, record)
    return [path.stem.partition("=")[2] for path in stale]


def _path(folder: Path, period: str) -> Path:
    return folder / f"billing_period={period}.parquet"


def _read_record(folder: Path) -> dict[str, Any]:
    """Return the record; an empty one where it is missing or cannot be used: everything is made again then."""
    path = folder / RECORD
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _write_record(folder: Path, record: dict[str, Any]) -> None:
    unfinished = folder / f".{RECORD}.part"
    unfinished.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(folder / RECORD)
