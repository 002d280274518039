"""Reads a spend report back that was written as JSON."""

from __future__ import annotations

from typing import Any

from contracts.json_codec import from_jsonable
from cost_reports.spend_report.report import KIND, SCHEMA, SpendReport


def spend_from_json(data: Any) -> SpendReport:
    """The report whose JSON `contracts.json_codec.to_json` wrote; `data` is what `json.loads` gave.

    Raises:
        ValueError: it is of another kind or schema, or a field is wrong; the message names it.
    """
    found = (data.get("kind"), data.get("schema")) if isinstance(data, dict) else (None, None)
    if found != (KIND, SCHEMA):
        raise ValueError(
            f"spend report: kind {KIND!r} and schema {SCHEMA} are needed, not {found[0]!r} and {found[1]!r}"
        )
    return from_jsonable(SpendReport, data, "spend report")
