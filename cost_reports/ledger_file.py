"""The ledger as a Parquet file, which DuckDB, pyarrow and polars read as it is.

Columns are those of ChargeRow and `simulated`: whether the bill is that of an embedded AWS. The readings of the ledger
are text beside them. Rows of two cuts are the same money twice: to add up, choose one (`WHERE cut = 'usage-type'`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from contracts.json_codec import plain_decimal
from cost_reports import parquet
from cost_reports.ledger import AMOUNTS, COLUMNS, SCHEMA, Ledger, LedgerError, Reading
from cost_reports.parquet import Column, Kind, ParquetError, Table
from cost_reports.spend_report.records import Window

KINDS: dict[str, Kind] = {name: "decimal" if name in AMOUNTS else "text" for name in COLUMNS} | {
    "day": "date",
    "estimated": "boolean",
    "simulated": "boolean",
}
_TO_FILE: dict[Kind, Callable[[Any], Any]] = {"date": date.fromisoformat, "decimal": Decimal, "boolean": bool}
_TO_LEDGER: dict[Kind, Callable[[Any], Any]] = {"date": date.isoformat, "decimal": plain_decimal, "boolean": int}


def to_parquet(ledger: Ledger, *, simulated: bool) -> bytes:
    """All that is in `ledger`.

    Raises:
        LedgerError: an amount has more digits than a decimal of Parquet.
    """
    rows, readings = ledger.contents()
    values = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    columns = [
        Column(name, KINDS[name], _converted(column, _TO_FILE.get(KINDS[name])))
        for name, column in zip(COLUMNS, values, strict=True)
    ]
    columns.append(Column("simulated", "boolean", [simulated] * len(rows)))
    try:
        return parquet.write(Table(tuple(columns), {"schema": str(SCHEMA), "readings": _readings_text(readings)}))
    except ParquetError as error:
        raise LedgerError(f"{ledger.name}: cannot be written: {error}") from error


def from_parquet(ledger: Ledger, data: bytes) -> None:
    """Put what `to_parquet` made into `ledger`, which is empty.

    Raises:
        LedgerError: the file is damaged, another program's, or of another version of this one.
    """
    try:
        table = parquet.read(data)
        schema = table.metadata.get("schema")
        if schema != str(SCHEMA):
            raise ParquetError(f"its schema is {schema!r}, and this program reads {SCHEMA}")
        if {column.name: column.kind for column in table.columns} != KINDS or len(table.columns) != len(KINDS):
            raise ParquetError(f"its columns are {', '.join(f'{c.name!r} {c.kind}' for c in table.columns)}")
        readings = _readings(table.metadata.get("readings", ""))
    except ParquetError as error:
        raise LedgerError(
            f"{ledger.name}: the ledger cannot be used ({error}); move it away, and what is read next makes a new one"
        ) from error
    stored = {column.name: _converted(column.values, _TO_LEDGER.get(column.kind)) for column in table.columns}
    ledger.fill(zip(*(stored[name] for name in COLUMNS), strict=True), readings)


def _converted(values: Sequence[Any], convert: Callable[[Any], Any] | None) -> Sequence[Any]:
    return values if convert is None else [None if value is None else convert(value) for value in values]


def _readings_text(readings: list[Reading]) -> str:
    return json.dumps(
        [
            {
                "source": reading.source,
                "account": reading.account,
                "start": reading.window.start.isoformat(),
                "end": reading.window.end.isoformat(),
                "read_at": reading.read_at,
            }
            for reading in readings
        ]
    )


def _readings(text: str) -> list[Reading]:
    try:
        return [
            Reading(
                source=found["source"],
                account=found["account"],
                window=Window(start=date.fromisoformat(found["start"]), end=date.fromisoformat(found["end"])),
                read_at=found["read_at"],
            )
            for found in json.loads(text)
        ]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ParquetError("its readings are damaged") from error
