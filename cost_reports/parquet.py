"""A table as a Parquet file and back, by the standard library alone: the function that keeps the ledger has no package.

The plainest form of the format: one row group, one page a column, plain values, gzip. DuckDB, pyarrow and polars take
it. Only this form is read here; what other programs write (dictionaries, other codecs) is refused with the reason.
The numbers of fields below are those of https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from contracts.units import WIDE
from cost_reports.thrift import Long, Reader, encode, varint

Kind = Literal["text", "date", "decimal", "boolean"]
Value = str | date | Decimal | bool | None

MAGIC = b"PAR1"
CREATED_BY = "fm-cost-ladder version 1"
#: Decimals of a column of amounts: the least, and the most. What an amount has beyond the most is rounded away.
DECIMALS, MOST_DECIMALS = 12, 20
#: Digits that an amount may have, and the bytes that hold them.
DIGITS, WIDTH = 38, 16
#: A file that says it has more is not believed: its values could take all memory.
MOST_ROWS = 10_000_000
EPOCH = date(1970, 1, 1)

# What the format calls by numbers: Type, ConvertedType, FieldRepetitionType, Encoding, CompressionCodec, PageType.
_PHYSICAL: dict[Kind, int] = {"boolean": 0, "date": 1, "text": 6, "decimal": 7}
_CONVERTED: dict[Kind, int] = {"text": 0, "decimal": 5, "date": 6}
_OPTIONAL = 1
_PLAIN, _RLE = 0, 3
_GZIP = 2
_DATA_PAGE = 0
#: What comes of bytes that mean something else than they did.
_DAMAGED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class ParquetError(ValueError):
    """Bytes are no Parquet file that this module reads, or a value cannot be written; the message says why."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its values, any of which may be null."""

    name: str
    kind: Kind
    values: Sequence[Value]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one length, and text that goes with them."""

    columns: tuple[Column, ...]
    metadata: Mapping[str, str]


def write(table: Table) -> bytes:
    """The file.

    Raises:
        ParquetError: columns differ in length, or an amount does not fit 38 digits.
    """
    lengths = {len(column.values) for column in table.columns}
    if len(lengths) != 1:
        raise ParquetError(f"columns of {sorted(lengths)} rows are no table")
    (rows,) = lengths
    if rows > MOST_ROWS:
        raise ParquetError(f"{rows} rows are more than the {MOST_ROWS} that are read again")
    out = bytearray(MAGIC)
    elements: list[dict[int, Any]] = [{4: "schema", 5: len(table.columns)}]
    chunks: list[dict[int, Any]] = []
    unpacked = 0
    for column in table.columns:
        decimals = _decimals(column)
        elements.append(_element(column.name, column.kind, decimals))
        if rows == 0:
            continue
        page = _levels(column.values) + _plain(column, decimals)
        packed = gzip.compress(page, compresslevel=6, mtime=0)
        # PageHeader, with its DataPageHeader.
        header = encode({1: _DATA_PAGE, 2: len(page), 3: len(packed), 5: {1: rows, 2: _PLAIN, 3: _RLE, 4: _RLE}})
        begin = Long(len(out))
        chunks.append({2: begin, 3: _chunk(column, begin, len(header) + len(page), len(header) + len(packed))})
        unpacked += len(header) + len(page)
        out += header + packed
    # FileMetaData, with a RowGroup: some readers refuse one without rows.
    group = {1: chunks, 2: Long(unpacked), 3: Long(rows)}
    pairs = [{1: key, 2: value} for key, value in table.metadata.items()]
    footer = encode({1: 1, 2: elements, 3: Long(rows), 4: [group] if rows else [], 5: pairs, 6: CREATED_BY})
    return bytes(out + footer + struct.pack("<I", len(footer)) + MAGIC)


def read(data: bytes) -> Table:
    """The table of a file that `write` made.

    Raises:
        ParquetError: it is another program's, or damaged.
    """
    try:
        return _read(data)
    except ParquetError:
        raise
    except _DAMAGED as error:
        raise ParquetError("it is damaged") from error


def _read(data: bytes) -> Table:
    if len(data) < 12 or data[:4] != MAGIC or data[-4:] != MAGIC:
        raise ParquetError("it is no whole Parquet file")
    (length,) = struct.unpack("<I", data[-8:-4])
    footer = Reader(data, len(data) - 8 - length).fields()
    _, *elements = footer[2]
    if not 0 <= footer[3] <= MOST_ROWS:
        raise ParquetError(f"it has {footer[3]} rows; up to {MOST_ROWS} are read")
    if len(footer[4]) != (1 if footer[3] else 0):
        raise ParquetError(f"it has {len(footer[4])} row groups of {footer[3]} rows; one is read")
    chunks = [chunk[3] for chunk in footer[4][0][1]] if footer[4] else [None for _ in elements]
    columns = tuple(_column(data, element, chunk, footer[3]) for element, chunk in zip(elements, chunks, strict=True))
    return Table(columns, {pair[1].decode(): pair[2].decode() for pair in footer[5]})


def _element(name: str, kind: Kind, decimals: int) -> dict[int, Any]:
    """SchemaElement of a column: with the converted type for older readers, and the logical one for newer."""
    if kind == "text":
        own: dict[int, Any] = {6: _CONVERTED[kind], 10: {1: {}}}
    elif kind == "date":
        own = {6: _CONVERTED[kind], 10: {6: {}}}
    elif kind == "decimal":
        own = {2: WIDTH, 6: _CONVERTED[kind], 7: decimals, 8: DIGITS, 10: {5: {1: decimals, 2: DIGITS}}}
    else:
        own = {}
    return dict(sorted({1: _PHYSICAL[kind], 3: _OPTIONAL, 4: name, **own}.items()))


def _chunk(column: Column, begin: Long, unpacked: int, packed: int) -> dict[int, Any]:
    """ColumnMetaData: where a column lies, and what is in it."""
    return {
        1: _PHYSICAL[column.kind],
        2: [_PLAIN, _RLE],
        3: [column.name],
        4: _GZIP,
        5: Long(len(column.values)),
        6: Long(unpacked),
        7: Long(packed),
        9: begin,
    }


def _column(data: bytes, element: dict[int, Any], chunk: Mapping[int, Any] | None, rows: int) -> Column:
    name = element[4].decode()
    stored = (element.get(1), element.get(6))
    kind = next((kind for kind in _PHYSICAL if (_PHYSICAL[kind], _CONVERTED.get(kind)) == stored), None)
    decimals = element.get(7, 0)
    # Compared as a whole, since a scale that is not what it was would change money.
    if kind is None or Reader(encode(_element(name, kind, decimals))).fields() != element:
        raise ParquetError(f"column {name!r} has a type that is not read")
    if chunk is None:
        return Column(name, kind, [])
    if chunk[4] != _GZIP or 11 in chunk:
        raise ParquetError(f"column {name!r} is another program's: its codec or dictionary is not read")
    reader = Reader(data, chunk[9])
    header = reader.fields()
    if header[1] != _DATA_PAGE or header[5] != {1: rows, 2: _PLAIN, 3: _RLE, 4: _RLE}:
        raise ParquetError(f"column {name!r} has pages that are not read")
    unpack = zlib.decompressobj(wbits=31)  # 31: gzip
    page = unpack.decompress(reader.take(header[3]), max(header[2], 0) + 1)
    if len(page) != header[2] or not unpack.eof:
        raise ParquetError(f"column {name!r} is not as long as it says")
    there, begin = _present(page, rows)
    values = iter(_values(kind, decimals, page[begin:], sum(there)))
    return Column(name, kind, [next(values) if present else None for present in there])


def _decimals(column: Column) -> int:
    """Decimals of a column of amounts: as many as its amounts need, within bounds."""
    amounts = (value.normalize(WIDE) for value in column.values if isinstance(value, Decimal))
    exponents = [amount.as_tuple().exponent for amount in amounts if amount]
    needed = max((-exponent for exponent in exponents if isinstance(exponent, int)), default=DECIMALS)
    return min(max(needed, DECIMALS), MOST_DECIMALS)


def _plain(column: Column, decimals: int) -> bytes:
    """The values that are not null, one after the other. Most texts of a table repeat: each is encoded once."""
    values: list[Any] = [value for value in column.values if value is not None]
    if column.kind == "date":
        return struct.pack(f"<{len(values)}i", *((value - EPOCH).days for value in values))
    if column.kind == "boolean":
        return _bits(values)
    if column.kind == "text":
        known = {value: _counted(value.encode()) for value in set(values)}
    else:
        known = {value: _unscaled(value, decimals, column.name) for value in set(values)}
    return b"".join(map(known.__getitem__, values))


def _counted(text: bytes) -> bytes:
    return struct.pack("<I", len(text)) + text


def _unscaled(value: Decimal, decimals: int, name: str) -> bytes:
    if not value.is_finite() or (value and value.adjusted() + decimals >= DIGITS):
        raise ParquetError(f"{name} {value} does not fit {DIGITS} digits, {decimals} of them decimals")
    # A zero may have an exponent beyond any digits.
    number = int(value.scaleb(decimals, WIDE).to_integral_value(context=WIDE)) if value else 0
    return number.to_bytes(WIDTH, "big", signed=True)


def _values(kind: Kind, decimals: int, page: bytes, count: int) -> list[Value]:
    """`count` plain values, of which equal ones are one object, as in `_plain`."""
    if kind == "date":
        return [EPOCH + timedelta(days=days) for days in struct.unpack_from(f"<{count}i", page)]
    if kind == "boolean":
        return [*_flags(Reader(page).take((count + 7) // 8))[:count]]
    known: dict[bytes, Value] = {}
    found: list[Value] = []
    at = 0
    for _ in range(count):
        length = WIDTH
        if kind == "text":
            length = int.from_bytes(page[at : at + 4], "little")
            at += 4
        raw = page[at : at + length]
        at += length
        if raw not in known:
            known[raw] = raw.decode() if kind == "text" else _scaled(raw, decimals)
        found.append(known[raw])
    if at != len(page):
        raise ParquetError("a page is not as long as its values")
    return found


def _scaled(raw: bytes, decimals: int) -> Decimal:
    return Decimal(int.from_bytes(raw, "big", signed=True)).scaleb(-decimals, WIDE)


def _levels(values: Sequence[Value]) -> bytes:
    """Which values are there, as one run after its length: of one bit many times, or of bits (eight a byte)."""
    there = [value is not None for value in values]
    if len(set(there)) == 1:
        run = varint(len(there) << 1) + bytes(there[:1])
    else:
        bits = _bits(there)
        run = varint(len(bits) << 1 | 1) + bits
    return struct.pack("<I", len(run)) + run


def _present(page: bytes, rows: int) -> tuple[list[bool], int]:
    """Which values are there, and where they begin, out of what `_levels` makes."""
    reader = Reader(page)
    end = 4 + int.from_bytes(reader.take(4), "little")
    head = reader.varint()
    there = _flags(reader.take(head >> 1))[:rows] if head & 1 else [reader.take(1) == b"\x01"] * min(head >> 1, rows)
    if len(there) != rows or reader.at != end:
        raise ParquetError("a page does not say of each of its values whether it is there")
    return there, end


def _bits(values: Sequence[bool]) -> bytes:
    """Eight a byte, the first in the lowest bit."""
    digits = "".join("1" if value else "0" for value in reversed(values))
    return int(digits or "0", 2).to_bytes((len(values) + 7) // 8, "little")


def _flags(bits: bytes) -> list[bool]:
    """What `_bits` packed."""
    return [bool(byte >> n & 1) for byte in bits for n in range(8)]
