"""The SQL of a rollup: the files of `sql/` one after the other, the same text for DuckDB and Athena.

They are written in Athena's dialect (Trino); DuckDB understands them by a few macros (`duckdb_engine`). Rules, which
tests check: sums, counts and group-bys only, no division, no text joined with what may be null, money cast to
DECIMAL(38, 12) before any sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from billing_exports.formats import Format, TagKind
from cost_reports.spend_report.records import Window

SQL = Path(__file__).parent / "sql"
_LINES: dict[Format, str] = {
    "FOCUS 1.2": "focus",
    "FOCUS 1.0": "focus",
    "CUR 2.0": "cur",
    "CUR": "cur",
}

RollupRow = tuple[
    date,  # day_utc
    str,  # billing_period, YYYY-MM
    str | None,  # account
    str | None,  # experiment
    str | None,  # approach
    str | None,  # service
    str | None,  # service_code
    str | None,  # usage_type
    str | None,  # charge_category
    str | None,  # unit
    str | None,  # currency
    Decimal | None,  # billed
    Decimal | None,  # effective
    Decimal | None,  # list_cost
    Decimal | None,  # quantity
    int,  # n_billed: lines that say what was billed
    int,  # n_invoiced: lines that carry an invoice id
    int,  # n: lines
]
"""A row of `rollup.sql`: one day of one service, usage type, category and unit of one experiment and approach."""

#: Names and types of a RollupRow, in order.
COLUMNS: dict[str, str] = {
    "day_utc": "date",
    "billing_period": "varchar",
    "account": "varchar",
    "experiment": "varchar",
    "approach": "varchar",
    "service": "varchar",
    "service_code": "varchar",
    "usage_type": "varchar",
    "charge_category": "varchar",
    "unit": "varchar",
    "currency": "varchar",
    "billed": "decimal",
    "effective": "decimal",
    "list_cost": "decimal",
    "quantity": "decimal",
    "n_billed": "bigint",
    "n_invoiced": "bigint",
    "n": "bigint",
}


@cache
def sql(name: str) -> str:
    """The text of `sql/<name>.sql`, as it is."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8").rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a report is about: everything of `experiment` and of untagged lines, sums of the other experiments."""

    experiment: str
    window: Window


def rollup_query(export: Format, tags: TagKind, source: str) -> str:
    """Days out of the lines of an export. `source` is the SELECT of its lines (`formats.source_select`)."""
    return f"{_with(_lines(export, tags, source))}\n{sql('rollup')}"


def report_query(daily: str, asked: Asked) -> str:
    """The rows of a report out of days; `daily` is the SELECT of these (of rollup files, for instance)."""
    return f"{_with({'daily': daily, 'asked': _asked(asked)})}\n{sql('report')}"


def whole_query(export: Format, tags: TagKind, source: str, asked: Asked) -> str:
    """The rows of a report out of the lines of an export, in one query."""
    steps = {**_lines(export, tags, source), "daily": sql("rollup"), "asked": _asked(asked)}
    return f"{_with(steps)}\n{sql('report')}"


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def _lines(export: Format, tags: TagKind, source: str) -> dict[str, str]:
    return {"source": source, "tagged": sql(f"tags_{tags}"), "line": sql(_LINES[export])}


def _asked(asked: Asked) -> str:
    first, end = asked.window.start.isoformat(), asked.window.end.isoformat()
    return f"SELECT {literal(asked.experiment)} AS name, DATE '{first}' AS first_day, DATE '{end}' AS end_day"


def _with(steps: dict[str, str]) -> str:
    return "WITH " + ",\n".join(f"{name} AS (\n{text}\n)" for name, text in steps.items())
