"""A table as a Parquet file and back, by the standard library alone: the function that keeps the ledger has no package.

The plainest form of the format: one row group, one page a column, plain values, gzip; every reader of Parquet takes it.
What other programs write is mostly not read here (dictionaries, other codecs), and is refused with the reason.
https://parquet.apache.org/docs/file-format/
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

from cost_reports.thrift import Long, Reader, encode, varint
from cost_reports.units import WIDE

Kind = Literal["text", "date", "decimal", "boolean"]
Value = str | date | Decimal | bool | None

MAGIC = b"PAR1"
CREATED_BY = "fm-cost-ladder"
#: Decimals of a column of amounts, unless one of them has more.
SCALE = 12
#: Digits that an amount may have, and the bytes that hold them.
DIGITS, WIDTH = 38, 16
EPOCH = date(1970, 1, 1)

# What the format calls by numbers.
_PHYSICAL: dict[Kind, int] = {"boolean": 0, "date": 1, "text": 6, "decimal": 7}
_CONVERTED: dict[Kind, int] = {"text": 0, "decimal": 5, "date": 6}
_OPTIONAL = 1
_PLAIN, _RLE = 0, 3
_UNCOMPRESSED, _GZIP = 0, 2
_DATA_PAGE = 0


#: What comes of bytes that mean something else than they did.
_DAMAGED = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, OSError, TypeError, ValueError),
    *(struct.error, zlib.error),
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
        ParquetError: columns differ in length, or an amount has more than 38 digits.
    """
    lengths = {len(column.values) for column in table.columns}
    if len(lengths) != 1:
        raise ParquetError(f"columns of {sorted(lengths)} rows are no table")
    (rows,) = lengths
    out = bytearray(MAGIC)
    elements: list[dict[int, Any]] = [{4: "schema", 5: len(table.columns)}]
    chunks: list[dict[int, Any]] = []
    unpacked = 0
    for column in table.columns:
        scale = _scale(column)
        page = _levels(column.values) + _plain(column, scale)
        packed = gzip.compress(page, compresslevel=6, mtime=0)
        header = encode({1: _DATA_PAGE, 2: len(page), 3: len(packed), 5: {1: rows, 2: _PLAIN, 3: _RLE, 4: _RLE}})
        begin = Long(len(out))
        elements.append(_element(column, scale))
        chunks.append({2: begin, 3: _chunk(column, begin, len(header) + len(page), len(header) + len(packed))})
        unpacked += len(header) + len(page)
        out += header + packed
    footer = encode(
        {
            1: 1,
            2: elements,
            3: Long(rows),
            4: [{1: chunks, 2: Long(unpacked), 3: Long(rows)}],
            5: [{1: key, 2: value} for key, value in table.metadata.items()],
            6: CREATED_BY,
        }
    )
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
        raise ParquetError(f"it is damaged: {type(error).__name__}: {error}") from error


def _read(data: bytes) -> Table:
    if len(data) < 12 or data[:4] != MAGIC or data[-4:] != MAGIC:
        raise ParquetError("it is no whole Parquet file")
    (length,) = struct.unpack("<I", data[-8:-4])
    footer = Reader(data, len(data) - 8 - length).fields()
    _, *elements = footer[2]
    if len(footer[4]) != 1:
        raise ParquetError(f"it has {len(footer[4])} row groups; one is read")
    chunks = [chunk[3] for chunk in footer[4][0][1]]
    columns = tuple(_column(data, element, chunk) for element, chunk in zip(elements, chunks, strict=True))
    if any(len(column.values) != footer[3] for column in columns):
        raise ParquetError(f"a column does not have the {footer[3]} values that the file says")
    return Table(columns, {pair[1].decode(): pair[2].decode() for pair in footer.get(5, [])})


def _element(column: Column, scale: int) -> dict[int, Any]:
    """A column of the schema: with the converted type for older readers, and the logical one for newer."""
    found: dict[int, Any] = {1: _PHYSICAL[column.kind]}
    if column.kind == "decimal":
        found[2] = WIDTH
    found |= {3: _OPTIONAL, 4: column.name}
    if column.kind == "text":
        found |= {6: _CONVERTED["text"], 10: {1: {}}}
    elif column.kind == "date":
        found |= {6: _CONVERTED["date"], 10: {6: {}}}
    elif column.kind == "decimal":
        found |= {6: _CONVERTED["decimal"], 7: scale, 8: DIGITS, 10: {5: {1: scale, 2: DIGITS}}}
    return found


def _chunk(column: Column, begin: Long, unpacked: int, packed: int) -> dict[int, Any]:
    """Where a column lies, and what is in it."""
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


def _column(data: bytes, element: Mapping[int, Any], chunk: Mapping[int, Any]) -> Column:
    name = element[4].decode()
    stored = (element.get(1), element.get(6))
    kind = next((kind for kind in _PHYSICAL if (_PHYSICAL[kind], _CONVERTED.get(kind)) == stored), None)
    if kind is None or element[3] != _OPTIONAL or element.get(2, WIDTH) != WIDTH:
        raise ParquetError(f"column {name} has a type that is not read")
    if chunk[4] not in (_UNCOMPRESSED, _GZIP) or 11 in chunk:
        raise ParquetError(f"column {name} is another program's: its codec or dictionary is not read")
    reader = Reader(data, chunk[9])
    header = reader.fields()
    if header[1] != _DATA_PAGE or header[5][2] != _PLAIN or header[5][1] != chunk[5]:
        raise ParquetError(f"column {name} is another program's: its pages are not read")
    packed = reader.take(header[3])
    page = gzip.decompress(packed) if chunk[4] == _GZIP else packed
    there, begin = _present(page, chunk[5])
    values = iter(_values(kind, element.get(7, 0), page[begin:], sum(there)))
    return Column(name, kind, [next(values) if present else None for present in there])


def _scale(column: Column) -> int:
    """Decimals of a column of amounts: no amount is rounded."""
    amounts = (value for value in column.values if isinstance(value, Decimal))
    exponents = [amount.as_tuple().exponent for amount in amounts]
    return max([SCALE, *(-exponent for exponent in exponents if isinstance(exponent, int))])


def _plain(column: Column, scale: int) -> bytes:
    """The values that are not null, one after the other."""
    values: list[Any] = [value for value in column.values if value is not None]
    if column.kind == "text":
        texts = [value.encode() for value in values]
        return b"".join(part for text in texts for part in (struct.pack("<I", len(text)), text))
    if column.kind == "date":
        return struct.pack(f"<{len(values)}i", *((value - EPOCH).days for value in values))
    if column.kind == "boolean":
        return _bits(values)
    return b"".join(_unscaled(value, scale, column.name).to_bytes(WIDTH, "big", signed=True) for value in values)


def _unscaled(value: Decimal, scale: int, name: str) -> int:
    if not value.is_finite() or scale > DIGITS or value.adjusted() + scale >= DIGITS:
        raise ParquetError(f"{name} {value} is no number of {DIGITS} digits, {scale} of them decimals")
    return int(value.scaleb(scale, WIDE))


def _values(kind: Kind, scale: int, page: bytes, count: int) -> list[Value]:
    """`count` plain values."""
    reader = Reader(page)
    if kind == "text":
        return [reader.take(int.from_bytes(reader.take(4), "little")).decode() for _ in range(count)]
    if kind == "date":
        return [EPOCH + timedelta(days=days) for days in struct.unpack(f"<{count}i", reader.take(4 * count))]
    if kind == "boolean":
        return [*_flags(reader.take((count + 7) // 8))[:count]]
    numbers = (int.from_bytes(reader.take(WIDTH), "big", signed=True) for _ in range(count))
    return [Decimal(number).scaleb(-scale, WIDE) for number in numbers]


def _levels(values: Sequence[Value]) -> bytes:
    """Which values are there, as one run after its length: of one bit many times, or of bits (eight a byte)."""
    there = [value is not None for value in values]
    if len(set(there)) == 1:
        run = varint(len(there) << 1) + bytes(there[:1])
    else:
        bits = _bits(there)
        run = varint(len(bits) << 1 | 1) + bits
    return struct.pack("<I", len(run)) + run


def _present(page: bytes, count: int) -> tuple[list[bool], int]:
    """Which values are there, and where they begin, out of what `_levels` makes."""
    reader = Reader(page)
    end = 4 + int.from_bytes(reader.take(4), "little")
    found: list[bool] = []
    while reader.at < end and len(found) < count:
        head = reader.varint()
        if head & 1:
            found += _flags(reader.take(head >> 1))
        else:
            found += [reader.take(1) == b"\x01"] * min(head >> 1, count)
    if len(found) < count:
        raise ParquetError("a page says of too few values whether they are there")
    return found[:count], end


def _bits(values: Sequence[bool]) -> bytes:
    """Eight a byte, the first in the lowest bit."""
    digits = "".join("1" if value else "0" for value in reversed(values))
    return int(digits or "0", 2).to_bytes((len(values) + 7) // 8, "little")


def _flags(bits: bytes) -> list[bool]:
    """What `_bits` packed."""
    return [bool(byte >> n & 1) for byte in bits for n in range(8)]
