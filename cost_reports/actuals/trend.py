"""Money by day: how final each day is, the trend by approach, what moved, and which days stand out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from statistics import median

from cost_reports.actuals.bill import Bill, approach_order
from cost_reports.actuals.records import Window
from cost_reports.actuals.report import Anomaly, Cell, Day, DayState, Mover
from cost_reports.contracts import ChargeRow
from cost_reports.text import usd
from cost_reports.units import WIDE, to_decimal

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
    """The days of the window, first to last."""
    return [(window.start + timedelta(days=n)).isoformat() for n in range((window.end - window.start).days)]


def day_state(day: str, bill: Bill, today: date, flagged: frozenset[str]) -> DayState:
    """How final the bill of a day is. `flagged`: the days that AWS marks as estimated.

    A day is final where AWS does not mark it as estimated and its month is closed: day 7 of the next month or later.
    """
    if bill.base is None:
        return "unknown"
    if not bill.reached(day):
        return "not yet billed"
    month = date.fromisoformat(day).replace(day=1)
    closed = (month + timedelta(days=32)).replace(day=CLOSED_FROM)
    return "estimated" if day in flagged or today < closed else "final"


def days(
    window: Window,
    bill: Bill,
    today: date,
    metered: Sequence[ChargeRow],
    estimated: Sequence[ChargeRow],
    *,
    known: bool,
) -> tuple[Day, ...]:
    """Every day of the window. `known` false: nobody can say what was billed, so no day has an amount."""
    flagged = frozenset(r.day for r in bill.rows if r.estimated)
    billed, before, meters = (_by_day(rows) for rows in ((*bill.usage, *bill.adjustments), estimated, metered))
    zero = Decimal(0)
    return tuple(
        Day(
            day=day,
            state=day_state(day, bill, today, flagged),
            billed_usd=billed.get(day, zero) if known and bill.reached(day) else None,
            metered_usd=meters.get(day, zero),
            estimated_usd=before.get(day, zero),
        )
        for day in days_of_window(window)
    )


def _by_day(rows: Iterable[ChargeRow]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row.day] = WIDE.add(sums.get(row.day, Decimal(0)), row.amount_usd)
    return sums


def trend(bill: Bill) -> tuple[Cell, ...]:
    """Billed usage by day and approach; credits, refunds and tax fall on days that have nothing to do with them."""
    sums: dict[tuple[str, str | None], Decimal] = {}
    for row in bill.usage:
        key = (row.day, row.approach)
        sums[key] = WIDE.add(sums.get(key, Decimal(0)), row.amount_usd)
    ordered = sorted(sums.items(), key=lambda item: (item[0][0], approach_order(item[0][1])))
    return tuple(Cell(day=day, approach=approach, usd=amount) for (day, approach), amount in ordered)


def periods(days: Sequence[Day]) -> tuple[list[str], list[str]]:
    """(before, now): the last billed days, at most seven, and as many before them. Empty with fewer than two."""
    billed = [d.day for d in days if d.billed_usd is not None]
    length = min(MOVER_DAYS, len(billed) // 2)
    return billed[len(billed) - 2 * length : len(billed) - length], billed[len(billed) - length :]


def movers(days: Sequence[Day], bill: Bill) -> tuple[Mover, ...]:
    """Services (usage types where the cut by service is missing) that changed most between the two `periods`."""
    before, now = periods(days)
    by_service = bill.cut("whole" if bill.base == "whole" else "service")
    rows = bill.usage if by_service is None or bill.base == "whole" else by_service

    def name(row: ChargeRow) -> str:
        return row.service if by_service is not None else row.usage_type or row.charge_category

    sums = [_by_name((r for r in rows if r.day in set(period)), name) for period in (before, now)]
    found = [
        Mover(name=n, approach=a, before_usd=sums[0].get((n, a), Decimal(0)), now_usd=sums[1].get((n, a), Decimal(0)))
        for n, a in {*sums[0], *sums[1]}
    ]
    moved = [m for m in found if m.before_usd != m.now_usd]
    moved.sort(key=lambda m: (-abs(WIDE.subtract(m.now_usd, m.before_usd)), m.name, approach_order(m.approach)))
    return tuple(moved[:MOST_MOVERS])


def _by_name(rows: Iterable[ChargeRow], name: Callable[[ChargeRow], str]) -> dict[tuple[str, str | None], Decimal]:
    sums: dict[tuple[str, str | None], Decimal] = {}
    for row in rows:
        key = (name(row), row.approach)
        sums[key] = WIDE.add(sums.get(key, Decimal(0)), row.amount_usd)
    return sums


def anomalies(cells: Sequence[Cell], metered: Sequence[ChargeRow]) -> tuple[Anomaly, ...]:
    """Days on which an approach costs far more than on its usual days of the same kind: with a run, or without.

    The usual day is the median of the days of its kind on which the approach costs anything; at least seven are
    needed. A day stands out above median + 5 x MAD (the median distance from the median), if that is also 1 USD above
    the median. Both are robust: the days that stand out hardly move them.
    """
    runs: dict[tuple[str, str | None], Decimal] = {}
    for row in metered:
        key = (row.day, row.approach)
        runs[key] = WIDE.add(runs.get(key, Decimal(0)), row.amount_usd)
    kinds: dict[tuple[str | None, bool], dict[str, Decimal]] = {}
    for cell in cells:
        if cell.usd > 0:
            kinds.setdefault((cell.approach, (cell.day, cell.approach) in runs), {})[cell.day] = cell.usd
    found = [
        Anomaly(day=day, approach=approach, usd=amount, usual_usd=usual, text=_unusual(day, amount, usual, ran))
        for (approach, ran), own in kinds.items()
        for day, amount, usual in _outstanding(own)
    ]
    return tuple(sorted(found, key=lambda a: (a.day, approach_order(a.approach))))


def _outstanding(amounts: Mapping[str, Decimal]) -> list[tuple[str, Decimal, Decimal]]:
    """(day, amount, usual amount) of the days that stand out."""
    if len(amounts) < LEAST_DAYS:
        return []
    usual = median(Fraction(v) for v in amounts.values())
    spread = median(abs(Fraction(v) - usual) for v in amounts.values())
    limit = max(usual + DEVIATIONS * spread, usual + Fraction(LEAST_USD))
    return [(day, amount, to_decimal(usual)) for day, amount in amounts.items() if amount > limit]


def _unusual(day: str, amount: Decimal, usual: Decimal, ran: bool) -> str:
    kind = "with a run" if ran else "without a run"
    return f"{usd(amount)} on {day}, where a day {kind} usually costs {usd(usual)}"
