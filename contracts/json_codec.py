"""Records as JSON and back, and as JSON Lines. Decimals travel as text, so that no amount passes through a float."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

T = TypeVar("T")


def to_jsonable(value: Any) -> Any:
    """Return `value` as JSON-ready values: dataclasses become objects, tuples lists, Decimals plain text.

    Raises:
        ValueError: a Decimal is NaN or infinite.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_jsonable(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, dict):
        return {str(k): to_jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(v) for v in value]
    return value


def plain_decimal(value: Decimal) -> str:
    """Return `value` without exponent or trailing zeros: `0.035000000000` -> `0.035`.

    Raises:
        ValueError: `value` is NaN or infinite.
    """
    if not value.is_finite():
        raise ValueError(f"{value} is not an amount")
    if not value:
        return "0"  # Decimal has a -0
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_json(record: Any) -> str:
    """Return a report (or an estimate, or a decision) as JSON text, two spaces deep.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    return json.dumps(to_jsonable(record), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def from_jsonable(cls: type[T], value: Any, name: str | None = None) -> T:
    """Return an instance of the dataclass `cls` from what `to_jsonable` gave.

    Raises:
        ValueError: a field is unknown, missing or of another type; the message names it, below `name`.
    """
    result: T = _build(cls, value, name or cls.__name__)
    return result


def dump_lines(records: Iterable[Any]) -> str:
    """Return one JSON object a line, keys in field order, each line ended."""
    return "".join(json.dumps(to_jsonable(r), ensure_ascii=False, separators=(",", ":")) + "\n" for r in records)


def load_lines(cls: type[T], text: str) -> list[T]:
    """Return the records of `text`.

    Raises:
        ValueError: a line is not JSON or does not fit `cls`; the message names the line, counted from 1.
    """
    records = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            records.append(from_jsonable(cls, json.loads(line)))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return records


def _build(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, value, where)
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        (inner,) = [a for a in typing.get_args(kind) if a is not type(None)]
        return _build(inner, value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where}: a list is needed, not {value!r}")
        item = typing.get_args(kind)[0]
        return tuple(_build(item, v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{where}: an object is needed, not {value!r}")
        item = typing.get_args(kind)[1]
        return {k: _build(item, v, f"{where}.{k}") for k, v in value.items()}
    if origin is typing.Literal:
        if value not in typing.get_args(kind):
            raise ValueError(f"{where}: {value!r} is not one of {', '.join(map(str, typing.get_args(kind)))}")
        return value
    if kind is Decimal:
        if not isinstance(value, str | int):
            raise ValueError(f"{where}: a decimal number written as text is needed, not {value!r}")
        try:
            return Decimal(value)
        except InvalidOperation as error:
            raise ValueError(f"{where}: {value!r} is not a number") from error
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{where}: {kind.__name__} is needed, not {value!r}")
    return value


def _build_dataclass(cls: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: an object is needed, not {value!r}")
    hints = _hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    unknown = [name for name in value if name not in fields]
    if unknown:
        raise ValueError(f"{where}: unknown field {unknown[0]!r}")
    for name, f in fields.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in value:
            raise ValueError(f"{where}: field {name!r} is missing")
    return cls(**{name: _build(hints[name], v, f"{where}.{name}") for name, v in value.items()})


_hint_cache: dict[type, dict[str, Any]] = {}


def _hints(cls: type) -> dict[str, Any]:
    if cls not in _hint_cache:
        _hint_cache[cls] = typing.get_type_hints(cls)
    return _hint_cache[cls]
