"""Records as JSON and back: amounts as text, without an exponent or trailing zeros."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from typing import Any, TypeVar

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """`value` as JSON-ready values: Decimals become text without an exponent or trailing zeros."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, dict):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(v) for v in value]
    return value


def plain_decimal(value: Decimal) -> str:
    """`0.035000000000` -> `0.035`, never an exponent.

    Raises:
        ValueError: `value` is NaN or infinite.
    """
    if not value.is_finite():
        raise ValueError(f"{value} is no amount")
    if not value:
        return "0"  # Decimal has a -0
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_json(record: Any) -> str:
    """A report (or an estimate, or a decision) as JSON text, two spaces deep.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    return json.dumps(to_plain(record), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def from_plain(kind: type[T], data: Any, name: str) -> T:
    """The record whose JSON `to_json` wrote; `data` is what `json.loads` gave.

    Raises:
        ValueError: a field is wrong; the message calls the record `name`, and names the field.
    """
    from pydantic import TypeAdapter, ValidationError  # the only use; it takes 0.1 s to import and Lambda has none

    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
