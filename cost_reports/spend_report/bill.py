"""The billed rows of a window, sorted out: whose money it is, by which grouping it is read, which days it reaches.

Cost Explorer gives the same money in several groupings. Usage is read from one of them only, the finest that was read
whole; what is not usage (credits, refunds, tax) is read by record type. No two groupings are ever added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from contracts.money import ChargeRow, Cut
from contracts.times import parse_time
from cost_reports.compare.reconcile import USAGE_CATEGORIES
from cost_reports.metering.charges import total
from cost_reports.spend_report.records import SpendRecords, Window

#: The groupings that hold all usage, finest first.
USAGE_GROUPINGS: tuple[Cut, ...] = ("usage-type", "service", "record-type")
VIEWS: tuple[Cut, ...] = (*USAGE_GROUPINGS, "model", "role")
#: Order in which approaches are shown; others follow by name, then what all share, then what carries no approach.
ORDER = ("prompting", "rag", "fine-tuning", "pre-training")
SHARED = "shared"
#: Usage appears in Cost Explorer and in exports about this long after it happened.
LAG = timedelta(hours=24)


class SpendError(ValueError):
    """Records that do not belong into one report; the message names the row."""


def approach_order(approach: str | None) -> tuple[int, str]:
    """Return a sort key of approaches."""
    if approach is None:
        return len(ORDER) + 2, ""
    if approach in ORDER:
        return ORDER.index(approach), approach
    return len(ORDER) + (approach == SHARED), approach


def last_whole(as_of: datetime) -> date:
    """Return the last UTC day that a bill read at `as_of` can show whole."""
    return (as_of - LAG).date() - timedelta(days=1)


def row_order(row: ChargeRow) -> tuple[str, ...]:
    """Return a sort key that tells any two different rows apart."""
    names = (row.day, row.experiment, row.approach, row.service_code, row.service, row.usage_type, row.model)
    rest = (row.variant, row.charge_category, row.unit, row.quantity, row.amount_usd, row.cut, row.estimated)
    return tuple("" if part is None else str(part) for part in (*names, *rest))


def inside(rows: Iterable[ChargeRow], window: Window) -> list[ChargeRow]:
    """Return the rows whose day lies in the window, in one order whatever theirs was."""
    first, end = window.start.isoformat(), window.end.isoformat()
    return sorted((r for r in rows if first <= r.day < end), key=row_order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What AWS billed in a window, read from one grouping.

    `base`: the grouping that usage is read from; None where none could be read. `usage` and `adjustments` are those of
    the experiment, `account_usage` that of the whole account. `ahead_usd`: what billing shows of the experiment's days
    after `through`; these days are not whole, and their money is in nothing else. `missing`: groupings that gave no
    row, or are among the `refused` requests. Without `adjustments_known` credits, refunds and tax could not be read.
    """

    rows: tuple[ChargeRow, ...]
    experiment: str
    base: Cut | None
    usage: tuple[ChargeRow, ...]
    adjustments: tuple[ChargeRow, ...]
    account_usage: tuple[ChargeRow, ...]
    ahead_usd: Decimal
    untagged_adjustments_usd: Decimal
    adjustments_known: bool
    through: str | None
    missing: frozenset[Cut]
    refused: frozenset[str]

    def grouped_by(self, name: Cut) -> list[ChargeRow] | None:
        """Return the experiment's rows of a grouping; None where it is missing."""
        if name in self.missing:
            return None
        whole = self.base == "whole"
        return [r for r in self.rows if r.experiment == self.experiment and (whole or r.cut == name)]

    def reached(self, day: str) -> bool:
        return self.through is not None and day <= self.through

    def not_tagged(self, metered: Iterable[ChargeRow]) -> list[str]:
        """Return days that billing has reached, with metered usage and none on the bill with the experiment's tag."""
        used = {r.day for r in metered if r.amount_usd and self.reached(r.day)}
        return sorted(used - {r.day for r in self.usage})


def bill_of(records: SpendRecords) -> Bill:
    """Return the bill of the records.

    Raises:
        SpendError: a row is of another source than the bill says, or of a grouping that this source does not have.
        ValueError: `as_of` is not a time with an offset.
    """
    billed = records.billed
    for row in billed.rows:
        if row.source != billed.source:
            raise SpendError(
                f"billed row of {row.day} {row.service}: source must be {billed.source} (got {row.source})"
            )
        if (row.cut == "whole") != (billed.source == "billed-export"):
            raise SpendError(
                f"billed row of {row.day} {row.service}: grouping {row.cut!r} is not one of {billed.source}"
            )
    failed = {failure.request for failure in billed.failures}
    through = _through(billed.through, records.window, parse_time(records.as_of))
    everything = inside(billed.rows, records.window)
    whole = [r for r in everything if through is not None and r.day <= through]
    ahead = [r for r in everything[len(whole) :] if r.experiment == records.experiment]
    if billed.source == "billed-export":
        refused = through is None and bool(failed)
        base: Cut | None = None if refused else "whole"
        adjustment_grouping: Cut = "whole"
        missing: frozenset[Cut] = frozenset({"role"})
    else:
        present = {row.cut for row in whole}
        missing = frozenset(grouping for grouping in VIEWS if grouping in failed or grouping not in present)
        readable = [grouping for grouping in USAGE_GROUPINGS if grouping not in failed]
        base = next((grouping for grouping in readable if grouping in present), next(iter(readable), None))
        adjustment_grouping = "record-type"

    def usage_of(rows: Iterable[ChargeRow]) -> list[ChargeRow]:
        return [r for r in rows if r.cut == base and r.charge_category in USAGE_CATEGORIES]

    def adjustments_of(rows: Iterable[ChargeRow]) -> list[ChargeRow]:
        known = (r for r in rows if r.cut == adjustment_grouping and r.cut not in failed)
        return [r for r in known if r.charge_category not in USAGE_CATEGORIES]

    account_usage, other = usage_of(whole), adjustments_of(whole)
    return Bill(
        rows=tuple(whole),
        experiment=records.experiment,
        base=base,
        usage=tuple(r for r in account_usage if r.experiment == records.experiment),
        adjustments=tuple(r for r in other if r.experiment == records.experiment),
        account_usage=tuple(account_usage),
        ahead_usd=total((*usage_of(ahead), *adjustments_of(ahead))),
        untagged_adjustments_usd=total(r for r in other if r.experiment is None),
        adjustments_known=base is not None and adjustment_grouping not in failed,
        through=through,
        missing=missing,
        refused=frozenset(failed),
    )


def _through(reached: date | None, window: Window, as_of: datetime) -> str | None:
    """Return the last whole day of the window that billing has reached; hours of a later day do not count."""
    if reached is None:
        return None
    last = min(reached, window.end - timedelta(days=1), last_whole(as_of))
    return last.isoformat() if last >= window.start else None
