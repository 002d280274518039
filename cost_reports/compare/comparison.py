"""Billed against metered and against estimated: splits that add up exactly, and each line with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from contracts.money import ChargeRow
from contracts.units import WIDE
from cost_reports.compare.align import ComparableCharges
from cost_reports.compare.explain import EQUAL, UNTAGGED, explain, explain_adjustment, explain_late
from cost_reports.compare.reconcile import Key, ReconciledLine, reconcile
from cost_reports.compare.split import ZERO, Split, sum_of
from cost_reports.metering.charges import exact_sum, total
from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.bill import Bill, approach_order
from cost_reports.spend_report.report import SpendLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """billed - baseline, split for all and by approach, each exactly.

    `late`: rows of the baseline that billing has not reached.
    """

    split: Split
    by_approach: Mapping[str | None, Split]
    lines: tuple[ReconciledLine, ...]
    late: tuple[ChargeRow, ...]


def compare(baseline: Sequence[ChargeRow], charges: ComparableCharges, bill: Bill) -> Comparison:
    """Compare what was metered or estimated with the bill.

    What lies on days that billing has not reached is `not billed` as a whole: it must not look like less usage.
    """
    reached = [r for r in baseline if bill.reached(r.day)]
    late = tuple(r for r in baseline if not bill.reached(r.day))
    lines = reconcile(reached, [*charges.usage, *charges.adjustments]).lines
    names = {r.approach for r in (*baseline, *charges.usage, *charges.adjustments)}
    splits = {a: _split_of(a, lines, charges, late) for a in sorted(names, key=approach_order)}
    return Comparison(split=sum_of(splits.values()), by_approach=splits, lines=lines, late=late)


def _split_of(
    approach: str | None, lines: Sequence[ReconciledLine], charges: ComparableCharges, late: Sequence[ChargeRow]
) -> Split:
    split = sum_of(line.split for line in lines if line.approach == approach)
    return replace(
        split,
        untagged_usd=total(r for r in charges.usage if r.approach is None) if approach is None else ZERO,
        credits_and_tax_usd=total(r for r in charges.adjustments if r.approach == approach),
        not_billed_usd=WIDE.subtract(split.not_billed_usd, total(r for r in late if r.approach == approach)),
    )


def lines_of(
    against: Comparison, charges: ComparableCharges, bill: Bill, catalogue: Catalogue
) -> tuple[SpendLine, ...]:
    """Return every line of billed against metered; their differences add up to billed - metered.

    Days that billing has not reached, usage without an approach and what is not usage are lines of their own: each line
    has one reason.
    """
    known = {price.usage_type for price in catalogue.prices}
    days: dict[Key, set[str]] = {}
    for row in (*(charges.metered or ()), *charges.usage):
        if bill.reached(row.day):
            days.setdefault(_key(row), set()).add(row.day)
    lines = [_line(line, len(days[_key(line)]), known) for line in against.lines]
    for rows in _grouped(against.late):
        lines.append(_one_sided(rows, explain_late(rows), billed=False))
    for rows in _grouped(r for r in charges.usage if r.approach is None):
        lines.append(_one_sided(rows, UNTAGGED, billed=True))
    for category in sorted({r.charge_category for r in charges.adjustments}):
        for rows in _grouped(r for r in charges.adjustments if r.charge_category == category):
            lines.append(_one_sided(rows, explain_adjustment(category), billed=True))
    return tuple(sorted(lines, key=_order))


def _key(row: ChargeRow | ReconciledLine) -> Key:
    return row.approach, row.service_code, row.usage_type


def _line(line: ReconciledLine, days: int, known: set[str]) -> SpendLine:
    return SpendLine(
        approach=line.approach,
        service_code=line.service_code,
        usage_type=line.usage_type,
        unit=line.unit,
        metered_quantity=line.baseline_quantity,
        billed_quantity=line.actual_quantity,
        metered_usd=line.baseline_usd,
        billed_usd=line.actual_usd,
        difference_usd=line.difference_usd,
        why=explain(line, days, known=line.usage_type is None or line.usage_type in known),
    )


def _grouped(rows: Iterable[ChargeRow]) -> list[list[ChargeRow]]:
    groups: dict[Key, list[ChargeRow]] = {}
    for row in rows:
        groups.setdefault(_key(row), []).append(row)
    return list(groups.values())


def _one_sided(rows: Sequence[ChargeRow], reason: str, *, billed: bool) -> SpendLine:
    """Return a line of rows that only the bill, or only the meters, have."""
    first = rows[0]
    quantities = [r.quantity for r in rows if r.quantity is not None and r.unit == first.unit]
    quantity = exact_sum(quantities) if len(quantities) == len(rows) else None
    amount = total(rows)
    return SpendLine(
        approach=first.approach,
        service_code=first.service_code,
        usage_type=first.usage_type,
        unit=None if quantity is None else first.unit,
        metered_quantity=None if billed else quantity,
        billed_quantity=quantity if billed else None,
        metered_usd=ZERO if billed else amount,
        billed_usd=amount if billed else ZERO,
        difference_usd=amount if billed else WIDE.minus(amount),
        why=reason,
    )


def _order(line: SpendLine) -> tuple[object, ...]:
    """Return a sort key: by approach; then what differs before what is equal, the largest difference first."""
    size = -abs(line.difference_usd)
    names = (line.service_code or "", line.usage_type or "", line.why)
    return approach_order(line.approach), line.why == EQUAL, size, names
