"""Thrift's compact protocol, as far as the footer of a Parquet file needs it.

A struct is a dict of field number -> value, the numbers rising by at most 15 from one to the next. Written: int as 32
bits, `Long` as 64 bits, str as UTF-8, list of values of one type, dict as struct; read: text stays bytes.
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12


class ThriftError(ValueError):
    """Bytes are no struct; the message says why."""


class Long(int):
    """An integer that is written with the type of 64 bits."""


def encode(fields: Mapping[int, Any]) -> bytes:
    """A struct.

    Raises:
        ThriftError: field numbers do not rise as they must, or an int has more than 32 bits and is no `Long`.
    """
    out = bytearray()
    last = 0
    for number, value in fields.items():
        if not 1 <= number - last <= 15:
            raise ThriftError(f"field {number} after field {last} cannot be written")
        kind, body = _encoded(value)
        out += bytes([(number - last) << 4 | kind]) + body
        last = number
    return bytes(out) + b"\x00"


def varint(number: int) -> bytes:
    """Seven bits a byte, lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _encoded(value: Any) -> tuple[int, bytes]:
    """Type and bytes of a value."""
    if isinstance(value, int):
        if not isinstance(value, Long) and not -(2**31) <= value < 2**31:
            raise ThriftError(f"{value} has more than 32 bits")
        zigzag = value << 1 if value >= 0 else (-value << 1) - 1
        return (_I64 if isinstance(value, Long) else _I32), varint(zigzag)
    if isinstance(value, str):
        text = value.encode()
        return _BINARY, varint(len(text)) + text
    if isinstance(value, Mapping):
        return _STRUCT, encode(value)
    return _LIST, _encoded_list(value)


def _encoded_list(values: Sequence[Any]) -> bytes:
    items = [_encoded(value) for value in values]
    kind = items[0][0] if items else _STRUCT
    head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + varint(len(items))
    return head + b"".join(body for _, body in items)


class Reader:
    """Reads `data` on from `at`.

    Raises:
        ThriftError: from each method: the data ends too early, or has a type that is not read.
    """

    def __init__(self, data: bytes, at: int = 0) -> None:
        if not 0 <= at <= len(data):
            raise ThriftError(f"byte {at} lies outside {len(data)} bytes")
        self.data = data
        self.at = at
        self._by_type: dict[int, Callable[[], Any]] = {
            _BYTE: lambda: self.take(1)[0],
            _I16: self.integer,
            _I32: self.integer,
            _I64: self.integer,
            _DOUBLE: lambda: struct.unpack("<d", self.take(8))[0],
            _BINARY: lambda: self.take(self.varint()),
            _LIST: self.items,
            _SET: self.items,
            _STRUCT: self.fields,
        }

    def take(self, length: int) -> bytes:
        """The next bytes."""
        end = self.at + length
        if length < 0 or end > len(self.data):
            raise ThriftError(f"{length} bytes at {self.at} go past the end at {len(self.data)}")
        found = self.data[self.at : end]
        self.at = end
        return found

    def varint(self) -> int:
        number = shift = 0
        while (byte := self.take(1)[0]) > 0x7F:
            number |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise ThriftError(f"the number before byte {self.at} has more than 64 bits")
        return number | byte << shift

    def integer(self) -> int:
        number = self.varint()
        return number >> 1 if number % 2 == 0 else -(number >> 1) - 1

    def fields(self) -> dict[int, Any]:
        """A struct."""
        found: dict[int, Any] = {}
        number = 0
        while (head := self.take(1)[0]) != 0:
            number = number + (head >> 4) if head >> 4 else self.integer()
            kind = head & 0x0F
            # A boolean of a struct is its type.
            found[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind)
        return found

    def items(self) -> list[Any]:
        head = self.take(1)[0]
        size = head >> 4 if head >> 4 < 15 else self.varint()
        kind = head & 0x0F
        if size > len(self.data):
            raise ThriftError(f"a list of {size} values is longer than the data")
        if kind in (_TRUE, _FALSE):
            return [byte == _TRUE for byte in self.take(size)]
        return [self._value(kind) for _ in range(size)]

    def _value(self, kind: int) -> Any:
        if kind not in self._by_type:
            raise ThriftError(f"type {kind} at byte {self.at} is not read")
        return self._by_type[kind]()
