"""Billing exports on this machine: fetches them, rolls them up, and reads what a spend report needs."""

from __future__ import annotations

import csv
import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from billing_exports import duckdb_engine, rollups
from billing_exports.rollups import Rollups
from billing_exports.sources import is_line_file, local_files, place_of
from contracts.money import ChargeRow
from ladder.errors import LadderError
from lambdas.common.runtime import on_embedded_aws
from lambdas.export_sync.logic import Exports

HOME = Path(".ladder/exports")
RECORD = "fetched.json"
BILLED = frozenset({"billed-ce", "billed-export"})
_AMOUNTS = frozenset({"quantity", "amount_usd", "effective_usd", "list_usd"})
_OPTIONAL = frozenset(
    {"account", "experiment", "approach", "variant", "service_code", "usage_type", "model", "unit", *_AMOUNTS}
) - {"amount_usd"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a call downloaded and removed (names below the export's place), and what was there already."""

    new: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int


def fetch(exports: Exports, folder: Path) -> Fetched:
    """Bring `folder` in line with the bucket. Files that are there as they were listed are not fetched again, so that a
    call that was stopped goes on where it was.

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
            " move the folder away, so that two bills do not add up"
        )
    known = _files(record)
    new: list[str] = []
    listed = exports.list(folder)
    for file in listed:
        if known.get(file.name) == [file.stamp, file.size] and file.path.exists():
            continue
        exports.fetch(file)
        known[file.name] = [file.stamp, file.size]
        _record(folder, origin, known)
        new.append(file.name)
    names, places = {file.name for file in listed}, {place_of(file.name) for file in listed}
    local = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    removed = sorted(n for n in local if is_line_file(n) and n not in names and place_of(n) in places)
    for name in removed:
        (folder / name).unlink()
        known.pop(name, None)
    _record(folder, origin, known)
    return Fetched(new=tuple(new), removed=tuple(removed), unchanged=len(listed) - len(new))


def is_simulated(folder: Path) -> bool:
    """Whether the files in `folder`, or in the folder that it was fetched with, were fetched from an embedded AWS."""
    place = folder.resolve()
    return any(bool(_read(one).get("simulated")) for one in (place, *place.parents))


@contextmanager
def engine() -> Iterator[Any]:
    """A DuckDB; what does not fit its memory goes to a folder that is removed."""
    with tempfile.TemporaryDirectory() as temp:
        connection = duckdb_engine.connect(Path(temp))
        try:
            yield connection
        finally:
            connection.close()


def roll_up(connection: Any, folder: Path) -> Rollups:
    """The rollups of the export in a folder; only months whose files changed are read.

    Raises:
        ExportError: a file is wrong; it is named.
    """
    return rollups.update(connection, local_files(folder), rollup_folder(folder))


def rollup_folder(folder: Path) -> Path:
    """Where the rollups of the export in `folder` are kept; never in the folder, which may be read-only."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return HOME / "rollups" / name


def read_charges(path: Path) -> list[ChargeRow]:
    """The metered and estimated charges of a charges.csv; what was billed is left out, since the export says it.

    Raises:
        LadderError: the file cannot be read, or a value does not belong; the message names line and column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as text:
            lines = list(csv.DictReader(text))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LadderError(f"{path}: cannot be read: {error}; give the charges.csv of a run or of a report") from error
    numbered = [(number, line) for number, line in enumerate(lines, start=2) if line.get("source") not in BILLED]
    return [_charge(line, f"{path} line {number}") for number, line in numbered]


def _charge(line: dict[str, str | None], where: str) -> ChargeRow:
    values: dict[str, Any] = {}
    for field in fields(ChargeRow):
        text = line.get(field.name)
        if text is None:
            raise LadderError(f"{where}: no column {field.name}; give the charges.csv of a run or of a report")
        # An apostrophe stands before what a spreadsheet would take for a formula.
        text = text[1:] if text.startswith("'") else text
        if not text and field.name not in _OPTIONAL:
            raise LadderError(f"{where}: {field.name} is empty")
        values[field.name] = (text == "true") if field.name == "estimated" else text or None
        if text and field.name in _AMOUNTS:
            try:
                values[field.name] = Decimal(text)
            except InvalidOperation as error:
                raise LadderError(f"{where}: {field.name} {text!r} is no number") from error
    return ChargeRow(**values)


def _files(record: dict[str, Any]) -> dict[str, list[Any]]:
    files = record.get("files", {})
    return files if isinstance(files, dict) else {}


def _read(folder: Path) -> dict[str, Any]:
    """The record of what was fetched; an empty one, so that all is fetched again, where it cannot be used."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _record(folder: Path, origin: dict[str, Any], files: dict[str, list[Any]]) -> None:
    unfinished = folder / f".{RECORD}.part"
    unfinished.write_text(json.dumps({**origin, "files": files}, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(folder / RECORD)
