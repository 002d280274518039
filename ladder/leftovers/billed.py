"""When the experiment stopped costing anything, as the bill tells it: the first day without a charge of its cells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.money import ChargeRow
from contracts.times import Deadline, stamp
from cost_reports.compare.reconcile import USAGE_CATEGORIES
from cost_reports.cost_explorer import answers
from cost_reports.cost_explorer.requests import plan, results_of, window_of
from cost_reports.metering.charges import exact_sum
from cost_reports.prices.catalogue import Catalogue
from lambdas.spend_report.cost_explorer import CostExplorer

#: Cost Explorer is refreshed at least once a day, from services some of which report later than that.
SETTLED_AFTER = timedelta(hours=72)
SHOWN_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendEnd:
    """What the bill says of the last days.

    `days`: day -> USD, None for a day that the bill does not tell yet. `last_day`: the last one with a charge.
    `zero_day`: the first one after it that the bill tells, without any; None where it is not yet known.
    """

    days: dict[str, Decimal | None]
    last_day: str | None
    zero_day: str | None
    text: str


def read_end(session: Any, experiment: str, now: datetime) -> SpendEnd:
    """Ask Cost Explorer ($0.01 a page, one page in most accounts), from the first day of the previous month on."""
    now = now.astimezone(UTC)
    window = window_of(now.date())
    # By cell and service, all experiments and what has no tag: the others tell how far the bill reaches.
    request = plan(window, experiment=experiment, role_tag_active=True, today=now.date())[0]
    pages = CostExplorer(session.client("ce", region_name="us-east-1"), Deadline.after(120)).read(request)
    rows = answers.charges("service", results_of(pages), window=window, catalogue=Catalogue.load(), as_of=stamp(now))
    return end_of(rows, experiment, window.start, now)


def end_of(rows: Iterable[ChargeRow], experiment: str, start: date, now: datetime) -> SpendEnd:
    """Return the end of the spending that rows of all experiments since `start` show.

    A day is told where the bill holds usage of a later day, whosever it is, or where it ended long enough ago.
    """
    usage = [row for row in rows if row.charge_category in USAGE_CATEGORIES]
    reached = max((row.day for row in usage), default="")
    own: dict[str, list[Decimal]] = {}
    for row in usage:
        if row.experiment == experiment and row.amount_usd:
            own.setdefault(row.day, []).append(row.amount_usd)
    spent = {day: exact_sum(amounts) for day, amounts in own.items()}
    all_days = [(start + timedelta(days=n)).isoformat() for n in range((now.date() - start).days + 1)]
    days = {day: spent.get(day, Decimal(0) if _told(day, reached, now) else None) for day in all_days}
    last = max(spent, default=None)
    zero = next((day for day, usd in days.items() if last is not None and day > last and usd == 0), None)
    return SpendEnd(days=days, last_day=last, zero_day=zero, text=_text(experiment, start, last, zero, reached))


def _told(day: str, reached: str, now: datetime) -> bool:
    end = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)
    return day < reached or end + SETTLED_AFTER <= now


def _text(experiment: str, start: date, last: str | None, zero: str | None, reached: str) -> str:
    if last is None:
        return (
            f"not known: the bill has no charge of a cost cell of {experiment} since {start}; if it ran since then, "
            "see `ladder tags status`"
        )
    if zero is None:
        return f"not yet known: the last charge is of {last}, and the bill reaches to {reached}; ask again tomorrow"
    return f"the first day without a charge is {zero}; the last charge is of {last}"
