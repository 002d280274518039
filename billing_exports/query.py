"""The SQL of a rollup: the files of `sql/` one after the other, the same text for DuckDB and Athena.

They are written in Athena's dialect (Trino); DuckDB understands them by a few macros (`duckdb_engine`). Rules, which
tests check: sums, counts and group-bys only, no division, no text joined with what may be NULL, money cast to
DECIMAL(38, 12) before any sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

from billing_exports.formats import Format, TagKind
from cost_reports.spend_report.records import Window

SQL = Path(__file__).parent / "sql"
_LINES: dict[Format, str] = {
    "FOCUS 1.2": "focus",
    "FOCUS 1.0": "focus",
    "CUR 2.0": "cur",
    "CUR": "cur",
}


class RollupRow(NamedTuple):
    """A row of `rollup.sql`: one day of one service, usage type, category and unit of one experiment and approach.

    `billing_period` is YYYY-MM. Of its `n` lines, `n_billed` say what was billed and `n_invoiced` carry an invoice id.
    """

    day_utc: date
    billing_period: str
    account: str | None
    experiment: str | None
    approach: str | None
    service: str | None
    service_code: str | None
    usage_type: str | None
    charge_category: str | None
    unit: str | None
    currency: str | None
    billed: Decimal | None
    effective: Decimal | None
    list_cost: Decimal | None
    quantity: Decimal | None
    n_billed: int
    n_invoiced: int
    n: int


@cache
def sql(name: str) -> str:
    """Return the text of `sql/<name>.sql`, as it is."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8").rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportScope:
    """What a report is about: everything of `experiment` and of untagged lines, sums of the other experiments."""

    experiment: str
    window: Window


def rollup_query(export: Format, tags: TagKind, source: str) -> str:
    """Return the query of days out of the lines of an export; `source` is their SELECT (`formats.source_select`)."""
    return f"{_with(_lines(export, tags, source))}\n{sql('rollup')}"


def report_query(daily: str, scope: ReportScope) -> str:
    """Return the query of a report's rows out of days; `daily` is the SELECT of these."""
    return f"{_with({'daily': daily, 'scope': _scope_query(scope)})}\n{sql('report')}"


def whole_query(export: Format, tags: TagKind, source: str, scope: ReportScope) -> str:
    """Return the query of a report's rows out of the lines of an export."""
    steps = {**_lines(export, tags, source), "daily": sql("rollup"), "scope": _scope_query(scope)}
    return f"{_with(steps)}\n{sql('report')}"


def literal(text: str) -> str:
    """Return a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def _lines(export: Format, tags: TagKind, source: str) -> dict[str, str]:
    return {"source": source, "tagged": sql(f"tags_{tags}"), "line": sql(_LINES[export])}


def _scope_query(scope: ReportScope) -> str:
    first, end = scope.window.start.isoformat(), scope.window.end.isoformat()
    return f"SELECT {literal(scope.experiment)} AS name, DATE '{first}' AS first_day, DATE '{end}' AS end_day"


def _with(steps: dict[str, str]) -> str:
    return "WITH " + ",\n".join(f"{name} AS (\n{text}\n)" for name, text in steps.items())
