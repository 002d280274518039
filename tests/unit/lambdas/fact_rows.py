"""A billed row, and short ways to put rows into the fact table and to read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from contracts.money import ChargeRow, Cut, Source
from cost_reports.spend_report.records import Window
from lambdas.common.facts import Facts, ImportedWindow

ACCOUNT = "123456789012"
NOVEMBER = Window(start=date(2026, 11, 1), end=date(2026, 12, 1))
READ_AT = "2026-11-27T09:30:00Z"


def row(day: str = "2026-11-25", amount: str = "1", **changes: Any) -> ChargeRow:
    made = ChargeRow(
        day=day,
        billing_period=day[:7],
        account=ACCOUNT,
        experiment="handbook",
        approach="rag",
        variant=None,
        service_code="AmazonES",
        service="Amazon OpenSearch Service",
        usage_type=None,
        model=None,
        charge_category="Usage",
        unit=None,
        quantity=None,
        amount_usd=Decimal(amount),
        effective_usd=None,
        list_usd=None,
        source="billed-ce",
        estimated=True,
        as_of=READ_AT,
        cut="service",
    )
    return replace(made, **changes)


def put(facts: Facts, *rows: ChargeRow, window: Window = NOVEMBER, read_at: str = READ_AT, **changes: Any) -> None:
    imported = ImportedWindow(window=window, read_at=read_at)
    facts.replace_window(rows, **{"source": "billed-ce", "account": ACCOUNT, "imported": imported, **changes})


def kept(facts: Facts, source: Source = "billed-ce", grouping: Cut | None = None) -> list[ChargeRow]:
    """All rows of a source, of one grouping if it is given, in the order of periods and lines."""
    rows = [row for period in sorted(facts.written(source)) for row in facts.read(source, period).rows]
    return [row for row in rows if grouping in (None, row.cut)]
