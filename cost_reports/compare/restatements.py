"""What AWS has changed since the last report: two readings of a window compared, day by day."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from contracts.money import ChargeRow, Cut
from contracts.times import parse_time
from cost_reports.metering.charges import exact_sum
from cost_reports.spend_report.bill import last_whole
from cost_reports.spend_report.report import Restatement

#: The groupings that hold the money, the one first that also holds credits, refunds and tax.
GROUPINGS: tuple[Cut, ...] = ("whole", "record-type", "usage-type", "service")


def restatements(
    old: Iterable[ChargeRow], new: Iterable[ChargeRow], *, experiment: str | None = None
) -> tuple[Restatement, ...]:
    """Return the days and approaches whose money differs between two readings of a window.

    `experiment`: of that one only. A day of which the old reading had no row, or which it could not show whole, is not
    restated: billing had not reached it. Both are read from one grouping that both have: one that was refused once must
    not look like money that vanished.
    """
    before, after = list(old), list(new)
    both = {row.cut for row in before} & {row.cut for row in after}
    grouping = next((grouping for grouping in GROUPINGS if grouping in both), None)
    if grouping is None:
        return ()
    whole = {as_of: last_whole(parse_time(as_of)).isoformat() for as_of in {row.as_of for row in before}}
    reached = {row.day for row in before if row.cut == grouping and row.day <= whole[row.as_of]}
    then, now = _sums(before, grouping, experiment), _sums(after, grouping, experiment)
    changed = [key for key in {*then, *now} if key[0] in reached and then.get(key) != now.get(key)]
    return tuple(
        Restatement(day=day, approach=approach, before_usd=then.get((day, approach)), now_usd=now.get((day, approach)))
        for day, approach in sorted(changed, key=lambda key: (key[0], key[1] or ""))
    )


def together(earlier: Iterable[Restatement], later: Iterable[Restatement]) -> tuple[Restatement, ...]:
    """Return two lists of changes as one: what was before the first and is after the last."""
    first = {(r.day, r.approach): r for r in earlier}
    last = {(r.day, r.approach): r for r in later}
    changes = []
    for key in sorted({*first, *last}, key=lambda key: (key[0], key[1] or "")):
        before, now = first.get(key, last.get(key)), last.get(key, first.get(key))
        if before is not None and now is not None and before.before_usd != now.now_usd:
            changes.append(Restatement(day=key[0], approach=key[1], before_usd=before.before_usd, now_usd=now.now_usd))
    return tuple(changes)


def _sums(rows: Iterable[ChargeRow], grouping: Cut, experiment: str | None) -> dict[tuple[str, str | None], Decimal]:
    groups: dict[tuple[str, str | None], list[Decimal]] = {}
    for row in rows:
        if row.cut == grouping and (experiment is None or row.experiment == experiment):
            groups.setdefault((row.day, row.approach), []).append(row.amount_usd)
    return {key: exact_sum(amounts) for key, amounts in groups.items()}
