"""How the type of a field is written in the documentation of report.json."""

from __future__ import annotations

import dataclasses
import types
import typing
from decimal import Decimal
from typing import Any

PLAIN = {str: "text", int: "number", bool: "true or false", Decimal: "decimal"}


def json_type(hint: Any) -> str:
    """`tuple[Day, ...]` -> `list of Day`, `Decimal | None` -> `decimal or null`."""
    if hint in PLAIN:
        return PLAIN[hint]
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return "text"
    if origin is tuple:
        return f"list of {json_type(arguments[0])}"
    if origin is types.UnionType:
        return " or ".join("null" if a is type(None) else json_type(a) for a in arguments)
    raise TypeError(f"no words for the type {hint}")
