"""Reads a spend report back that was written as JSON."""

from __future__ import annotations

from typing import Any

from cost_reports.actuals.report import KIND, SCHEMA, SpendReport
from cost_reports.plain import from_plain


def spend_from_json(data: Any) -> SpendReport:
    """The report whose JSON `cost_reports.plain.to_json` wrote; `data` is what `json.loads` gave.

    Raises:
        ValueError: it is of another kind or schema, or a field is wrong; the message names it.
    """
    found = (data.get("kind"), data.get("schema")) if isinstance(data, dict) else (None, None)
    if found != (KIND, SCHEMA):
        raise ValueError(
            f"spend report: kind {KIND!r} and schema {SCHEMA} are needed, not {found[0]!r} and {found[1]!r}"
        )
    return from_plain(SpendReport, data, "spend report")
