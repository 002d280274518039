"""The ledger as a Parquet file, which DuckDB, Athena and data frames read as it is.

Columns are those of ChargeRow and `simulated`: whether the bill is that of an embedded AWS. The readings of the ledger
are text beside them. Rows of two cuts are the same money twice: to add up, choose one (`WHERE cut = 'service'`).
"""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any

from cost_reports import parquet
from cost_reports.actuals.records import Window
from cost_reports.contracts import ChargeRow
from cost_reports.ledger import SCHEMA, Ledger, LedgerError, Reading
from cost_reports.parquet import Column, Kind, ParquetError, Table, Value
from cost_reports.plain import plain_decimal

KINDS: dict[str, Kind] = {
    "day": "date",
    "quantity": "decimal",
    "amount_usd": "decimal",
    "effective_usd": "decimal",
    "list_usd": "decimal",
    "estimated": "boolean",
}
NAMES = tuple(field.name for field in fields(ChargeRow))


def to_parquet(ledger: Ledger, *, simulated: bool) -> bytes:
    """All that is in `ledger`.

    Raises:
        LedgerError: an amount has more digits than a decimal of Parquet.
    """
    rows, readings = ledger.contents()
    columns = [_column(name, [getattr(row, name) for row in rows]) for name in NAMES]
    columns.append(Column("simulated", "boolean", [simulated] * len(rows)))
    try:
        return parquet.write(Table(tuple(columns), {"schema": str(SCHEMA), "readings": _readings_text(readings)}))
    except ParquetError as error:
        raise LedgerError(f"{ledger.name}: cannot be written: {error}") from error


def fill(ledger: Ledger, data: bytes) -> None:
    """Put what `to_parquet` made into `ledger`, which is empty.

    Raises:
        LedgerError: the file is damaged, another program's, or of another version of this one.
    """
    try:
        table = parquet.read(data)
        schema = table.metadata.get("schema")
        if schema != str(SCHEMA):
            raise ParquetError(f"its schema is {schema}, and this program reads {SCHEMA}")
        names = tuple(column.name for column in table.columns)
        if names != (*NAMES, "simulated"):
            raise ParquetError(f"its columns are {', '.join(names)}")
        values = [_values(column) for column in table.columns[:-1]]
        rows = [ChargeRow(**dict(zip(NAMES, row, strict=True))) for row in zip(*values, strict=True)]
        readings = _readings(table.metadata["readings"])
    except (ParquetError, KeyError, TypeError, ValueError) as error:
        raise LedgerError(
            f"{ledger.name}: the ledger cannot be used ({error}); move it away, and the next report reads its window"
            " again"
        ) from error
    ledger.fill(rows, readings)


def _column(name: str, values: list[Any]) -> Column:
    kind = KINDS.get(name, "text")
    return Column(name, kind, [date.fromisoformat(value) for value in values] if kind == "date" else values)


def _values(column: Column) -> list[Any]:
    """As ChargeRow has them: days as text, amounts without the zeros that a column of decimals adds."""
    return [_plain(value) for value in column.values]


def _plain(value: Value) -> Value:
    if isinstance(value, date):
        return value.isoformat()
    return Decimal(plain_decimal(value)) if isinstance(value, Decimal) else value


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
    return [
        Reading(
            source=found["source"],
            account=found["account"],
            window=Window(start=date.fromisoformat(found["start"]), end=date.fromisoformat(found["end"])),
            read_at=found["read_at"],
        )
        for found in json.loads(text)
    ]
