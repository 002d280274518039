"""A billed row, and a short way to put rows into a ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from contracts.money import ChargeRow
from cost_reports.ledger import Ledger
from cost_reports.spend_report.records import Window
from lambdas.common.facts import Facts

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


def put(ledger: Ledger, *rows: ChargeRow, window: Window = NOVEMBER, **changes: Any) -> None:
    given = {"source": "billed-ce", "account": ACCOUNT, "window": window, "read_at": READ_AT}
    ledger.replace(rows, **{**given, **changes})


def kept(facts: Facts, **narrowed: Any) -> list[ChargeRow]:
    """Rows of the ledger in the bucket, narrowed as `Ledger.rows` does."""
    with facts.read() as ledger:
        return ledger.rows(**narrowed)
