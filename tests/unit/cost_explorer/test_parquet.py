"""Parquet files by the standard library: read back as written, read alike by DuckDB, and refused where damaged."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_reports.parquet import Column, ParquetError, Table, read, write
from cost_reports.thrift import Long, Reader, ThriftError, encode

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(),
    "date": st.dates(),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**25), max_value=10**25),
    "boolean": st.booleans(),
}
SMALL = Table(
    (
        Column("a", "text", ["x", None, "ü"]),
        Column("d", "date", [date(2026, 11, 1), None, date(1969, 12, 31)]),
        Column("m", "decimal", [Decimal("-1.5"), Decimal(0), None]),
        Column("b", "boolean", [True, None, False]),
    ),
    {"schema": "1", "note": "ü"},
)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """All kinds of columns, with nulls, of up to 40 rows: more than one byte of levels."""
    rows = draw(st.integers(0, 40))
    columns = [
        Column(kind, kind, draw(st.lists(st.none() | values, min_size=rows, max_size=rows)))  # type: ignore[arg-type]
        for kind, values in VALUES.items()
    ]
    return Table(tuple(columns), draw(st.dictionaries(st.text(), st.text(), max_size=20)))


def rows_of(table: Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.values for column in table.columns), strict=True))


def by_duckdb(path: Path, table: Table) -> list[tuple[Any, ...]]:
    path.write_bytes(write(table))
    return duckdb.sql(f"SELECT * FROM '{path}'").fetchall()


@given(tables())
def test_what_was_written_is_read(table: Table) -> None:
    found = read(write(table))
    assert rows_of(found) == rows_of(table)
    assert [(column.name, column.kind) for column in found.columns] == [(c.name, c.kind) for c in table.columns]
    assert found.metadata == table.metadata


@given(table=tables())
def test_duckdb_reads_the_same(table: Table, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert by_duckdb(tmp_path_factory.getbasetemp() / "table.parquet", table) == rows_of(table)


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 1000, 70_000])
@pytest.mark.parametrize("every", [1, 3, 2000])
def test_long_columns_with_few_and_many_nulls(rows: int, every: int, tmp_path: Path) -> None:
    values = [None if n % every == 0 else f"value {n}" for n in range(rows)]
    table = Table(
        (Column("a", "text", values), Column("b", "boolean", [None if v is None else True for v in values])), {}
    )
    assert rows_of(read(write(table))) == rows_of(table)
    assert by_duckdb(tmp_path / "t.parquet", table) == rows_of(table)


def test_more_decimals_than_usual_widen_their_column(tmp_path: Path) -> None:
    amounts = [Decimal("0.12345678901234567"), Decimal("1E+3"), Decimal("-2")]
    table = Table((Column("m", "decimal", amounts),), {})
    assert read(write(table)).columns[0].values == amounts
    assert by_duckdb(tmp_path / "t.parquet", table) == [(amount,) for amount in amounts]
    assert str(duckdb.sql(f"SELECT * FROM '{tmp_path / 't.parquet'}'").types[0]) == "DECIMAL(38,17)"


@pytest.mark.parametrize("amount", ["1E+26", "1E-39", "NaN", "Infinity", "123456789012345678901234567.1"])
def test_an_amount_that_does_not_fit_is_refused(amount: str) -> None:
    with pytest.raises(ParquetError, match=r"^m .* is no number of 38 digits"):
        write(Table((Column("m", "decimal", [Decimal(amount)]),), {}))


@pytest.mark.parametrize("columns", [(), (Column("a", "text", ["x"]), Column("b", "text", []))])
def test_columns_of_unlike_length_are_no_table(columns: tuple[Column, ...]) -> None:
    with pytest.raises(ParquetError, match="are no table"):
        write(Table(columns, {}))


def test_the_same_table_is_the_same_bytes() -> None:
    assert write(SMALL) == write(SMALL)


def test_a_file_that_is_cut_short_or_changed_is_refused_or_read_and_never_fails_otherwise() -> None:
    data = write(SMALL)
    for length in range(len(data)):
        with pytest.raises(ParquetError):
            read(data[:length])
    for at in range(len(data)):
        for bit in (1, 0x10, 0x80, 0xFF):
            damaged = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
            with suppress(ParquetError):
                read(damaged)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("COMPRESSION snappy", "column a is another program's: its codec"),
        ("COMPRESSION gzip, DICTIONARY_SIZE_LIMIT 1000", "column a is another program's: its codec or dictionary"),
    ],
)
def test_a_file_of_another_program_is_refused_with_the_reason(options: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    duckdb.sql(f"COPY (SELECT 'x' || (i % 3) AS a FROM range(1000) t(i)) TO '{path}' (FORMAT parquet, {options})")
    with pytest.raises(ParquetError, match=message):
        read(path.read_bytes())


def test_a_type_that_is_not_known_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    duckdb.sql(f"COPY (SELECT 1.5::DOUBLE AS a) TO '{path}' (FORMAT parquet, COMPRESSION gzip)")
    with pytest.raises(ParquetError, match="column a has a type that is not read"):
        read(path.read_bytes())


def test_structs_of_thrift_come_back() -> None:
    fields = {1: 5, 2: -5, 3: Long(2**40), 18: [1, -1, 300], 19: [{1: "x"}] * 20, 20: {}, 30: []}
    assert Reader(encode(fields)).fields() == {**fields, 19: [{1: b"x"}] * 20}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "1 bytes at 0 go past the end"),
        (b"\x15", "1 bytes at 1 go past the end"),
        (b"\x1d\x00", "type 13 at byte 1 is not read"),
        (b"\x19\xf5\xff\xff\x03\x00", "a list of 65535 values is longer than the data"),
    ],
)
def test_bytes_that_are_no_struct_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ThriftError, match=message):
        Reader(data).fields()


def test_booleans_and_doubles_of_a_struct_are_read() -> None:
    assert Reader(b"\x11\x12\x17\x00\x00\x00\x00\x00\x00\xf8\x3f\x19\x21\x01\x02\x00").fields() == {
        1: True,
        2: False,
        3: 1.5,
        4: [True, False],
    }
