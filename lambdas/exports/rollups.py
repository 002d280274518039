"""Daily rollups of an export, one Parquet file a month, kept beside a record of the files that they were made from.

A month whose files have not changed is not read again; one whose files have is replaced whole. Being stopped anywhere
leaves the rollups of before or new ones; the record is written last, so that the next call does what is missing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdas.exports import duck, query
from lambdas.exports.formats import PREFERENCE, ExportError, Format
from lambdas.exports.reading import parts_of
from lambdas.exports.sources import Group, SourceFile, groups_of, one_export

RECORD = "rollup.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollups:
    """The rollup files, and what the call changed: months made again, months that are gone."""

    format: str
    paths: tuple[Path, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    notes: tuple[str, ...]


def update(connection: Any, files: Iterable[SourceFile], folder: Path) -> Rollups:
    """Bring the rollups in `folder` in line with the files of an export.

    Raises:
        ExportError: a file is wrong or truncated (it is named); months that were done before stay as they are.
    """
    every = groups_of(files)
    best, found, notes = best_export(connection, {group.export: group.files[0] for group in every})
    groups = one_export(every, best)
    folder.mkdir(parents=True, exist_ok=True)
    record = _read_record(folder)
    changed: list[str] = []
    unchanged: list[str] = []
    for group in groups:
        digest = digest_of(group)
        old = record.get(group.key)
        if old is not None and old["digest"] == digest and all(_path(folder, p).exists() for p in old["periods"]):
            unchanged += old["periods"]
            continue
        _, periods = duck.roll_up(connection, group)
        for period in periods:
            duck.write_period(connection, period, _path(folder, period))
        record[group.key] = {"digest": digest, "periods": periods}
        _write_record(folder, record)
        changed += periods
    removed = _forget(folder, record, {group.key for group in groups})
    return Rollups(
        format=found,
        paths=tuple(_path(folder, period) for period in sorted({*changed, *unchanged})),
        changed=tuple(sorted(changed)),
        unchanged=tuple(sorted(unchanged)),
        removed=tuple(removed),
        notes=notes,
    )


def best_export(connection: Any, samples: Mapping[str, SourceFile]) -> tuple[str, Format, tuple[str, ...]]:
    """The one export to read, its format, and what to say about others, since they hold the same bill. `samples`: a
    file of each export.

    Raises:
        ExportError: two exports of one format lie there.
    """
    formats = {export: parts_of(connection, [file])[0].layout.format for export, file in samples.items()}
    ranked = sorted(formats, key=lambda export: (PREFERENCE.index(formats[export]), export))
    best, others = ranked[0], ranked[1:]
    if others and formats[others[0]] == formats[best]:
        raise ExportError(
            f"{best or '.'} and {others[0] or '.'} are both exports of {formats[best]} and may hold the same bill; name"
            " the folder of one"
        )
    said = tuple(
        f"The export {export or '.'} ({formats[export]}) holds the same bill and was not read." for export in others
    )
    return best, formats[best], said


def digest_of(group: Group) -> str:
    """Changes whenever the files of the group do, or the SQL that reads them."""
    text = json.dumps([[file.name, file.size, file.stamp] for file in group.files])
    for path in sorted(query.SQL.glob("*.sql")):
        text += path.read_text(encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def _forget(folder: Path, record: dict[str, Any], wanted: set[str]) -> list[str]:
    """Remove what no file of the export stands for any more; the months that this takes away."""
    gone = [key for key in record if key not in wanted]
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
    """The record; an empty one where there is none, or where it cannot be used: everything is made again then."""
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
