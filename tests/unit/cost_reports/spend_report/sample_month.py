"""A realistic month and a half: runs on a few days, what stays on between them, tax, a credit, untagged usage, days
that billing has not reached, a restated day, a day that stands out, a forecast and a budget.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from contracts.money import ChargeRow
from cost_reports.run_report import simulated
from cost_reports.spend_report.records import Forecast, SpendRecords
from cost_reports.spend_report.report import Failure, Restatement, Tag
from tests.unit.cost_reports.spend_report import sample_bill as bill

RUN_DAYS = ("2026-10-12", "2026-10-27", "2026-11-03", "2026-11-04", "2026-11-10", "2026-11-17", "2026-11-22")


def idle(day: str, n: int) -> list[ChargeRow]:
    """What is billed whether or not a run is on: alarms, logs, a search unit that some days stay awake."""
    shared = next(r for r in bill.metered([day]) if r.usage_type == "Requests-Tier1")
    alarms = replace(
        shared,
        service_code="AmazonCloudWatch",
        service="AmazonCloudWatch",
        usage_type="CW:AlarmMonitorUsage",
        unit="alarm-month",
        quantity=Decimal("0.4"),
        amount_usd=Decimal("0.04"),
    )
    search = next(r for r in bill.metered([day]) if r.usage_type == "USE1-SearchOCU")
    hours = Decimal(n % 5) / 2 + (12 if day == "2026-11-13" else 0)
    awake = replace(search, quantity=hours, amount_usd=hours * Decimal("0.24"))
    return [alarms, awake]


def runs() -> list[ChargeRow]:
    """What the runs metered, with the money of a larger task."""
    return [
        replace(r, quantity=r.quantity and r.quantity * 9, amount_usd=r.amount_usd * 9) for r in bill.metered(RUN_DAYS)
    ]


def records(*, with_role: bool = True, **changes: Any) -> SpendRecords:
    ran = runs()
    through = "2026-11-21"
    usage = [r for r in ran if r.day <= through]
    # A price that the list does not have yet, and a meter that counted too little.
    usage = [replace(r, amount_usd=r.amount_usd * 2) if "Host:" in (r.usage_type or "") else r for r in usage]
    usage = [
        replace(r, amount_usd=r.amount_usd * 3, quantity=r.quantity and r.quantity * 3)
        if r.usage_type == "Requests-Tier1"
        else r
        for r in usage
    ]
    for n, day in enumerate(bill.day_names("2026-10-10", 43)):
        usage += idle(day, n)
        usage.append(bill.untagged("0.21", day))
    other = [bill.adjustment("Tax", "2.25", None, "2026-11-01"), bill.adjustment("Credit", "-1.5", "rag", "2026-11-04")]
    rows = bill.cuts(usage, other)
    if with_role:
        rows += bill.cut([r for r in usage if r.day > "2026-11-02"], "role")
    values: dict[str, Any] = {
        "estimated": bill.estimated([replace(r, amount_usd=r.amount_usd * Decimal("1.3")) for r in ran]),
        "budget_usd": Decimal(60),
        "restatements": [
            Restatement(day="2026-11-18", approach="rag", before_usd=Decimal("0.12"), now_usd=Decimal("0.24")),
            Restatement(day="2026-11-20", approach="shared", before_usd=None, now_usd=Decimal("0.04")),
        ],
        "previous_report": "2026-11-22",
        "runs": tuple(f"r{day.replace('-', '')}-100000" for day in RUN_DAYS),
        "tags": (
            Tag(key="cost-cell", state="active", text="Billing groups by it."),
            Tag(key="owner", state="not activated", text="Activate it with `ladder tags activate`."),
            Tag(
                key="iamPrincipal/cost-cell",
                state="not billed yet",
                text="No role with this tag has been billed; it can be activated a day after the first usage.",
            ),
        ),
        "simulated": simulated.statements({"us.amazon.nova-micro-v1:0": "a small local model"}),
        "notes": ("Run r20261101-090000 has no manifest; it never started.",),
    }
    billed = bill.billed(
        rows,
        through=date.fromisoformat(through),
        cached_requests=2,
        forecast=Forecast(usd=Decimal("9.40"), low_usd=Decimal("6.2"), high_usd=Decimal("14.8"), interval_percent=80),
        failures=[Failure(request="role", code="ValidationException", text="The role tag is not active in billing.")]
        if not with_role
        else [],
    )
    return bill.records(billed, ran, **{**values, **changes})
