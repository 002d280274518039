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

from cost_reports import parquet
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


def test_no_more_than_twenty_decimals_are_kept() -> None:
    amounts = [Decimal("0.123456789012345678951"), Decimal("1E-21"), Decimal("0E-40")]
    found = read(write(Table((Column("m", "decimal", amounts),), {})))
    assert found.columns[0].values == [Decimal("0.12345678901234567895"), 0, 0]


@pytest.mark.parametrize("amount", ["1E+26", "NaN", "Infinity", "123456789012345678901234567.1"])
def test_an_amount_that_does_not_fit_is_refused(amount: str) -> None:
    with pytest.raises(ParquetError, match=r"^m .* does not fit 38 digits, 12 of them decimals$"):
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


def test_a_changed_byte_does_not_change_an_amount() -> None:
    amounts = [Decimal("1.25"), Decimal(-3)]
    data = write(Table((Column("m", "decimal", amounts),), {}))
    for at in range(len(data)):
        for bit in range(8):
            damaged = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            with suppress(ParquetError):
                assert read(damaged).columns[0].values == amounts


def with_footer(footer: bytes) -> bytes:
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


@pytest.mark.parametrize(
    ("footer", "message"),
    [
        (b"\x1c" * 5000, "^it is damaged$"),
        (b"\x19" * 5000, "^it is damaged$"),
        (encode({2: [{4: "schema"}], 3: Long(2**40), 4: [{}]}), "^it has 1099511627776 rows; up to 10000000 are read$"),
    ],
    ids=["structs in structs", "lists in lists", "too many rows"],
)
def test_a_footer_made_to_exhaust_is_refused(footer: bytes, message: str) -> None:
    with pytest.raises(ParquetError, match=message):
        read(with_footer(footer))


@pytest.mark.parametrize("said", [5, 0, -1])
def test_a_page_that_unpacks_to_more_than_it_says_is_refused(said: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def header(fields: dict[int, Any]) -> bytes:
        return encode({**fields, 2: said} if fields.get(1) == parquet._DATA_PAGE else fields)

    with monkeypatch.context() as patch:
        patch.setattr(parquet, "encode", header)
        data = write(Table((Column("a", "text", ["x" * 100_000]),), {}))
    with pytest.raises(ParquetError, match=r"^column 'a' is not as long as it says$"):
        read(data)


def test_a_file_of_another_program_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    duckdb.sql(f"COPY (SELECT 'x' AS a FROM range(1000)) TO '{path}' (FORMAT parquet, COMPRESSION snappy)")
    with pytest.raises(ParquetError, match="column 'a' has a type that is not read"):
        read(path.read_bytes())


@pytest.mark.parametrize(
    ("number", "message"),
    [("_GZIP", "'a' is another program's: its codec"), ("_DATA_PAGE", "'a' has pages that are not read")],
)
def test_another_codec_or_page_is_refused(number: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(parquet, number, 1)
        data = write(SMALL)
    with pytest.raises(ParquetError, match=message):
        read(data)


def test_a_type_that_is_not_known_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    duckdb.sql(f"COPY (SELECT 1.5::DOUBLE AS a) TO '{path}' (FORMAT parquet, COMPRESSION gzip)")
    with pytest.raises(ParquetError, match="column 'a' has a type that is not read"):
        read(path.read_bytes())


def test_a_length_below_zero_is_refused() -> None:
    with pytest.raises(ThriftError, match="-1 bytes at 2 go past the end"):
        Reader(b"abc", 2).take(-1)


def test_structs_of_thrift_come_back() -> None:
    fields = {1: 5, 2: -5, 3: Long(2**40), 18: [1, -1, 300], 19: [{1: "x"}] * 20, 20: {}, 30: []}
    assert Reader(encode(fields)).fields() == {**fields, 19: [{1: b"x"}] * 20}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "1 bytes at 0 go past the end"),
        (b"\x15", "1 bytes at 1 go past the end"),
        (b"\x15" + b"\xff" * 20, "the number before byte 11 has more than 64 bits"),
        (b"\x18\x80", "1 bytes at 2 go past the end"),
        (b"\x1d\x00", "type 13 at byte 1 is not read"),
        (b"\x19\xf5\xff\xff\x03\x00", "a list of 65535 values is longer than the data"),
    ],
)
def test_bytes_that_are_no_struct_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ThriftError, match=message):
        Reader(data).fields()


@pytest.mark.parametrize("fields", [{2: 1, 1: 1}, {16: 1}, {1: 2**31}])
def test_structs_that_would_be_written_wrong_are_refused(fields: dict[int, int]) -> None:
    with pytest.raises(ThriftError):
        encode(fields)


def test_booleans_and_doubles_of_a_struct_are_read() -> None:
    assert Reader(b"\x11\x12\x17\x00\x00\x00\x00\x00\x00\xf8\x3f\x19\x21\x01\x02\x00").fields() == {
        1: True,
        2: False,
        3: 1.5,
        4: [True, False],
    }
