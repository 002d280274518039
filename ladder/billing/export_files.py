"""Billing exports on this machine: fetched, rolled up, and read for a spend report."""

from __future__ import annotations

import csv
import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from billing_exports import duckdb_engine, rollups
from billing_exports.rollups import Rollups
from billing_exports.sources import is_line_file, local_files, place_of
from contracts.json_codec import from_jsonable
from contracts.money import ChargeRow
from ladder.errors import LadderError
from ladder.files import write_text
from lambdas.common.runtime import on_embedded_aws
from lambdas.export_sync.logic import Exports

HOME = Path(".ladder/exports")
RECORD = "fetched.json"
BILLED = frozenset({"billed-ce", "billed-export"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a call downloaded and removed (names below the export's place), and what was there already."""

    new: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int


def fetch(exports: Exports, folder: Path) -> Fetched:
    """Bring `folder` in line with the bucket. Only new and changed files are fetched: a call that was stopped goes on
    where it was.

    A file that AWS took out of a month that it still delivers is removed; months that it no longer delivers stay.

    Raises:
        LadderError: the folder holds another bill: of another place, or a simulated one beside a real one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    origin = {"from": f"s3://{exports.bucket}/{exports.prefix}", "simulated": on_embedded_aws()}
    record = _read(folder)
    if record and {key: record.get(key) for key in origin} != origin:
        kind = "simulated files" if record.get("simulated") else "files"
        raise LadderError(
            f"{folder}: holds {kind} fetched from {record.get('from', 'another place')}, not from {origin['from']};"
            " move the folder away, or two bills would add up"
        )
    record = {**origin, "files": record.get("files", {})}
    known = record["files"]
    new: list[str] = []
    listed = exports.list(folder)
    for file in listed:
        if known.get(file.name) != [file.stamp, file.size] or not file.path.exists():
            exports.fetch(file)
            known[file.name] = [file.stamp, file.size]
            _write(folder, record)
            new.append(file.name)
    names, places = {file.name for file in listed}, {place_of(file.name) for file in listed}
    local = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    removed = sorted(n for n in local if is_line_file(n) and n not in names and place_of(n) in places)
    for name in removed:
        (folder / name).unlink()
        known.pop(name, None)
    _write(folder, record)
    return Fetched(new=tuple(new), removed=tuple(removed), unchanged=len(listed) - len(new))


def is_simulated(folder: Path) -> bool:
    """Return whether the files in `folder`, or in a folder around it, were fetched from an embedded AWS."""
    place = folder.resolve()
    return any(_read(around).get("simulated") for around in (place, *place.parents))


@contextmanager
def engine() -> Iterator[Any]:
    """Give a DuckDB; what does not fit its memory goes to a folder that is removed."""
    with tempfile.TemporaryDirectory() as temp, closing(duckdb_engine.connect(Path(temp))) as connection:
        yield connection


def roll_up(connection: Any, folder: Path) -> Rollups:
    """Return the rollups of the export in a folder; only months whose files changed are read.

    They are kept outside the folder, which may be read-only.

    Raises:
        ExportError: a file is wrong; it is named.
    """
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return rollups.update(connection, local_files(folder), HOME / "rollups" / name)


def read_charges(path: Path) -> list[ChargeRow]:
    """Return the metered and estimated charges of a charges.csv: what was billed, the export says.

    Raises:
        LadderError: the file cannot be read, or a value does not fit; the message names line and column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as text:
            lines = list(csv.DictReader(text))
        return [_charge(line, f"line {n}") for n, line in enumerate(lines, start=2) if line.get("source") not in BILLED]
    except (OSError, ValueError, csv.Error) as error:
        raise LadderError(f"{path}: cannot be read: {error}; give the charges.csv of a run or of a report") from error


def _charge(line: dict[str, str], where: str) -> ChargeRow:
    values: dict[str, Any] = {}
    for name in (field.name for field in fields(ChargeRow) if field.name in line):
        # An apostrophe stands before what a spreadsheet would take for a formula.
        text = (line[name] or "").removeprefix("'")
        values[name] = text == "true" if name == "estimated" else text or None
    return from_jsonable(ChargeRow, values, where)


def _read(folder: Path) -> dict[str, Any]:
    """Return the record of what was fetched; an empty one, and so all is fetched again, where it cannot be used."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError:
        return {}
    return record if isinstance(record, dict) and isinstance(record.get("files", {}), dict) else {}


def _write(folder: Path, record: dict[str, Any]) -> None:
    write_text(folder / RECORD, json.dumps(record, indent=1) + "\n")
