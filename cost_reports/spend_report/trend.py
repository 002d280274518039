"""Money by day: how final each day is, the trend by approach, what moved, and which days stand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from statistics import median

from contracts.money import ChargeRow
from contracts.times import first_of_month
from contracts.units import WIDE, to_decimal
from cost_reports.metering.charges import sum_by
from cost_reports.spend_report.bill import Bill, approach_order
from cost_reports.spend_report.records import Window
from cost_reports.spend_report.report import Anomaly, Cell, Day, DayState, Mover
from cost_reports.text import usd

#: AWS closes a month within its first days of the next; from this day of that month on its days are final.
CLOSED_FROM = 7
#: The longest period whose money is compared with the equally long one before it.
MOVER_DAYS = 7
MOST_MOVERS = 10
#: An approach's day stands out where it costs more than its usual day by this many median deviations and this money.
DEVIATIONS = 5
LEAST_USD = Decimal(1)
LEAST_DAYS = 7


def days_of_window(window: Window) -> list[str]:
    """Return the days of the window, first to last."""
    return [(window.start + timedelta(days=n)).isoformat() for n in range((window.end - window.start).days)]


def day_state(day: str, bill: Bill, today: date, flagged: frozenset[str], absent: frozenset[str]) -> DayState:
    """Return how final the bill of a day is.

    `flagged`: the days that AWS marks as estimated; `absent`: those whose usage is not on the bill by the experiment's
    tag. A day is final where AWS does not mark it as estimated and its month is closed: day 7 of the next month or
    later.
    """
    if bill.base is None:
        return "unknown"
    if not bill.reached(day):
        return "not yet billed"
    if day in absent:
        return "not tagged then"
    closed = first_of_month(date.fromisoformat(day), 1).replace(day=CLOSED_FROM)
    return "estimated" if day in flagged or today < closed else "final"


def days(
    window: Window,
    bill: Bill,
    today: date,
    metered: Sequence[ChargeRow] | None,
    estimated: Sequence[ChargeRow] | None,
    *,
    known: bool,
) -> tuple[Day, ...]:
    """Return every day of the window. Not `known`: what was billed cannot be told, so no day has an amount."""
    flagged = frozenset(r.day for r in bill.rows if r.estimated)
    billed = sum_by((*bill.usage, *bill.adjustments), _day)
    meters, before = (None if rows is None else sum_by(rows, _day) for rows in (metered, estimated))
    absent = frozenset(bill.not_tagged(metered or ()))
    zero = Decimal(0)
    return tuple(
        Day(
            day=day,
            state=day_state(day, bill, today, flagged, absent),
            billed_usd=billed.get(day, None if day in absent else zero) if known and bill.reached(day) else None,
            metered_usd=None if meters is None else meters.get(day, zero),
            estimated_usd=None if before is None else before.get(day, zero),
        )
        for day in days_of_window(window)
    )


def _day(row: ChargeRow) -> str:
    return row.day


def _cell(row: ChargeRow) -> tuple[str, str | None]:
    return row.day, row.approach


def trend(bill: Bill) -> tuple[Cell, ...]:
    """Return billed usage by day and approach; credits, refunds and tax fall on days that they are not about."""
    ordered = sorted(sum_by(bill.usage, _cell).items(), key=lambda item: (item[0][0], approach_order(item[0][1])))
    return tuple(Cell(day=day, approach=approach, usd=amount) for (day, approach), amount in ordered)


def periods(days: Sequence[Day]) -> tuple[list[str], list[str]]:
    """Return (before, now): the last billed days, at most seven, and as many before them. Empty with fewer than two."""
    billed = [d.day for d in days if d.billed_usd is not None]
    length = min(MOVER_DAYS, len(billed) // 2)
    return billed[len(billed) - 2 * length : len(billed) - length], billed[len(billed) - length :]


def movers(days: Sequence[Day], bill: Bill) -> tuple[Mover, ...]:
    """Return the services that changed most between the two `periods`; usage types where services are missing."""
    before, now = periods(days)
    by_service = bill.grouped_by("whole" if bill.base == "whole" else "service")
    rows = bill.usage if by_service is None or bill.base == "whole" else by_service

    def name(row: ChargeRow) -> tuple[str, str | None]:
        return (row.service if by_service is not None else row.usage_type or row.charge_category), row.approach

    sums = [sum_by((r for r in rows if r.day in period), name) for period in (set(before), set(now))]
    changes = [
        Mover(name=n, approach=a, before_usd=sums[0].get((n, a), Decimal(0)), now_usd=sums[1].get((n, a), Decimal(0)))
        for n, a in {*sums[0], *sums[1]}
    ]
    moved = [m for m in changes if m.before_usd != m.now_usd]
    moved.sort(key=lambda m: (-abs(WIDE.subtract(m.now_usd, m.before_usd)), m.name, approach_order(m.approach)))
    return tuple(moved[:MOST_MOVERS])


def anomalies(cells: Sequence[Cell], metered: Sequence[ChargeRow] | None) -> tuple[Anomaly, ...]:
    """Return days on which an approach costs far more than on its usual days of the same kind: with a run, or without.

    Where it is not known what was metered, all days are of one kind. The usual day is the median of the days of its
    kind on which the approach costs anything; at least seven are needed. A day stands out above median + 5 x MAD (the
    median distance from the median), if that is also 1 USD above the median. Both are robust: the days that stand out
    hardly move them.
    """
    runs = {_cell(row) for row in metered or ()}
    kinds: dict[tuple[str | None, str], dict[str, Decimal]] = {}
    for cell in cells:
        if cell.usd > 0:
            kind = " with a run" if (cell.day, cell.approach) in runs else " without a run"
            kinds.setdefault((cell.approach, "" if metered is None else kind), {})[cell.day] = cell.usd
    unusual = [
        Anomaly(day=day, approach=approach, usd=amount, usual_usd=usual, text=_unusual(day, amount, usual, kind))
        for (approach, kind), amounts in kinds.items()
        for day, amount, usual in _outstanding(amounts)
    ]
    return tuple(sorted(unusual, key=lambda a: (a.day, approach_order(a.approach))))


def _outstanding(amounts: Mapping[str, Decimal]) -> list[tuple[str, Decimal, Decimal]]:
    """Return (day, amount, usual amount) of the days that stand out."""
    if len(amounts) < LEAST_DAYS:
        return []
    usual = median(Fraction(v) for v in amounts.values())
    spread = median(abs(Fraction(v) - usual) for v in amounts.values())
    limit = max(usual + DEVIATIONS * spread, usual + Fraction(LEAST_USD))
    return [(day, amount, to_decimal(usual)) for day, amount in amounts.items() if amount > limit]


def _unusual(day: str, amount: Decimal, usual: Decimal, kind: str) -> str:
    return f"{usd(amount)} on {day}, where a day{kind} usually costs {usd(usual)}"
