"""The ledger as a Parquet file: nothing is lost on the way there and back, and DuckDB reads the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.money import ChargeRow
from cost_reports import parquet
from cost_reports.ledger import Ledger, LedgerError
from cost_reports.ledger_file import from_parquet, to_parquet
from cost_reports.parquet import Column, Table
from tests.unit.lambdas.spend_report.ledger_rows import ACCOUNT, NOVEMBER, put, row

ROWS = (
    row("2026-11-24", "1.50", approach=None, experiment=None),
    row("2026-11-25", "-0.0000000001", quantity=Decimal("12345678901234567890.5"), estimated=False),
    row("2026-11-25", "0", effective_usd=Decimal("0.1"), list_usd=Decimal("0.2"), service="Größe; 'x'", cut="model"),
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite", name="s3://b/charges.parquet") as made:
        yield made


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "other.sqlite", name="s3://b/charges.parquet") as made:
        yield made


def opened(tmp_path: Path, data: bytes) -> Any:
    (tmp_path / "charges.parquet").write_bytes(data)
    return duckdb.sql(f"SELECT * FROM '{tmp_path / 'charges.parquet'}'")


def amounts(ledger: Ledger) -> list[str]:
    return [str(found.amount_usd) for found in ledger.rows(source="billed-ce")]


def test_a_ledger_comes_back_as_it_was(ledger: Ledger, other: Ledger) -> None:
    put(ledger, *ROWS)
    exported = row("2026-11-02", "3", source="billed-export", account=None, cut="whole")
    ledger.replace([exported], source="billed-export", account=None, window=NOVEMBER, read_at="2026-11-28T09:30:00Z")
    from_parquet(other, to_parquet(ledger, simulated=False))
    assert other.contents() == ledger.contents()
    assert len(other.contents()[0]) == 4
    assert [reading.account for reading in other.contents()[1]] == [ACCOUNT, None]


def test_what_comes_back_is_replaced_as_before(ledger: Ledger, other: Ledger) -> None:
    put(ledger, *ROWS)
    from_parquet(other, to_parquet(ledger, simulated=False))
    put(other, row("2026-11-25", "7"))
    assert amounts(other) == ["7"]
    assert len(other.contents()[1]) == 1


def test_amounts_come_back_without_the_zeros_of_their_column(ledger: Ledger, other: Ledger) -> None:
    put(ledger, row(amount="1.50"), row(amount="1E+2"), row(amount="-0.000"))
    from_parquet(other, to_parquet(ledger, simulated=False))
    assert amounts(other) == amounts(ledger)
    assert {Decimal(amount) for amount in amounts(other)} == {Decimal("1.5"), Decimal(100), Decimal(0)}


def test_an_empty_ledger_is_a_file_too(ledger: Ledger, other: Ledger, tmp_path: Path) -> None:
    data = to_parquet(ledger, simulated=False)
    from_parquet(other, data)
    assert other.contents() == ([], [])
    assert opened(tmp_path, data).fetchall() == []
    metadata = f"SELECT num_row_groups FROM parquet_file_metadata('{tmp_path / 'charges.parquet'}')"
    assert duckdb.sql(metadata).fetchall() == [(0,)]  # some readers refuse a group without rows


@pytest.mark.parametrize("simulated", [True, False])
def test_duckdb_reads_columns_with_their_types(ledger: Ledger, tmp_path: Path, simulated: bool) -> None:
    put(ledger, *ROWS)
    found = opened(tmp_path, to_parquet(ledger, simulated=simulated))
    assert found.columns == [*(field.name for field in fields(ChargeRow)), "simulated"]
    types = dict(zip(found.columns, map(str, found.types), strict=True))
    assert {name: kind for name, kind in types.items() if kind != "VARCHAR"} == {
        "day": "DATE",
        "quantity": "DECIMAL(38,12)",
        "amount_usd": "DECIMAL(38,12)",
        "effective_usd": "DECIMAL(38,12)",
        "list_usd": "DECIMAL(38,12)",
        "estimated": "BOOLEAN",
        "simulated": "BOOLEAN",
    }
    assert {read[-1] for read in found.fetchall()} == {simulated}
    sums = found.aggregate("cut, SUM(amount_usd), COUNT(approach), COUNT(*)").order("cut").fetchall()
    assert sums == [("model", Decimal(0), 1, 1), ("service", Decimal("1.4999999999"), 1, 2)]


def test_an_amount_that_no_decimal_of_parquet_holds_is_named(ledger: Ledger) -> None:
    put(ledger, row(amount="1E+26"))
    message = r"^s3://b/charges.parquet: cannot be written: amount_usd 10+ does not fit 38 digits, 12 of them decimals$"
    with pytest.raises(LedgerError, match=message):
        to_parquet(ledger, simulated=False)


def test_all_amounts_that_cost_explorer_may_say_can_be_kept(ledger: Ledger, other: Ledger) -> None:
    """18 digits before the point, and decimals without end, in one column."""
    bounds = ("999999999999999999", "0E-50", "0E+99", "1.000000000000000000000000000000", "0.123456789012345678901234")
    put(ledger, *(row(amount=amount) for amount in bounds))
    from_parquet(other, to_parquet(ledger, simulated=False))
    found = {Decimal(amount) for amount in amounts(other)}
    assert found == {Decimal(amount) for amount in (*bounds[:-1], "0.12345678901234567890")}


def changed(data: bytes, **metadata: str) -> bytes:
    table = parquet.read(data)
    return parquet.write(Table(table.columns, {**table.metadata, **metadata}))


def first_column(data: bytes, **changes: Any) -> bytes:
    table = parquet.read(data)
    return parquet.write(replace(table, columns=(replace(table.columns[0], **changes), *table.columns[1:])))


def without_last_column(data: bytes) -> bytes:
    table = parquet.read(data)
    return parquet.write(replace(table, columns=table.columns[:-1]))


def twice_the_last_column(data: bytes) -> bytes:
    table = parquet.read(data)
    return parquet.write(replace(table, columns=(*table.columns, table.columns[-1])))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda data: changed(data, schema="9"), "its schema is '9', and this program reads 1"),
        (lambda data: changed(data, readings="[{}]"), "its readings are damaged"),
        (lambda data: changed(data, readings="nonsense"), "its readings are damaged"),
        (lambda data: changed(data, readings="[" * 100_000), "its readings are damaged"),
        (lambda data: first_column(data, name="d\ny"), "its columns are 'd\\ny' date, "),
        (lambda data: first_column(data, kind="text", values=["x"] * 3), "its columns are 'day' text, "),
        (without_last_column, "its columns are 'day' date, "),
        (twice_the_last_column, "its columns are 'day' date, "),
        (lambda data: data[:-1], "it is no whole Parquet file"),
        (lambda _: parquet.write(Table((Column("a", "text", ["x"]),), {})), "its schema is None"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_fills_nothing(
    make: Any, message: str, ledger: Ledger, other: Ledger
) -> None:
    put(ledger, *ROWS)
    with pytest.raises(LedgerError) as caught:
        from_parquet(other, make(to_parquet(ledger, simulated=False)))
    assert str(caught.value).startswith(f"s3://b/charges.parquet: the ledger cannot be used ({message}")
    assert str(caught.value).endswith("; move it away, and what is read next makes a new one")
    assert "\n" not in str(caught.value)
    assert other.contents() == ([], [])
