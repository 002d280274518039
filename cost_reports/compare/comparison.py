"""Billed against metered and against estimated: splits that add up exactly, and each line with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from contracts.money import ChargeRow
from contracts.units import WIDE
from cost_reports.compare.align import ComparableCharges
from cost_reports.compare.explain import EQUAL, why, why_adjustment, why_late, why_untagged
from cost_reports.compare.reconcile import Line, Reconciliation, reconcile
from cost_reports.metering.charges import exact_sum, total
from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.bill import Bill, approach_order
from cost_reports.spend_report.report import SpendLine, Split

ZERO = Decimal(0)
Key = tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """billed - left, split for all and by approach, each exactly. `late`: left rows that billing has not reached."""

    split: Split
    by_approach: Mapping[str | None, Split]
    found: Reconciliation
    late: tuple[ChargeRow, ...]


def compare(left: Sequence[ChargeRow], sides: ComparableCharges, bill: Bill) -> Comparison:
    """Compare one side (metered or estimated) with the bill.

    What lies on days that billing has not reached is `not billed` as a whole: it must not look like less usage.
    """
    reached = [r for r in left if bill.reached(r.day)]
    late = tuple(r for r in left if not bill.reached(r.day))
    found = reconcile(reached, [*sides.usage, *sides.adjustments])
    names = {r.approach for r in (*left, *sides.usage, *sides.adjustments)}
    splits = {a: _split_of(a, found, sides, late) for a in sorted(names, key=approach_order)}
    return Comparison(split=_sum_of(splits.values()), by_approach=splits, found=found, late=late)


def _split_of(
    approach: str | None, found: Reconciliation, sides: ComparableCharges, late: Sequence[ChargeRow]
) -> Split:
    lines = [line for line in found.lines if line.approach == approach]
    not_billed = exact_sum(line.not_billed_usd for line in lines)
    return Split(
        price_usd=exact_sum(line.price_usd for line in lines),
        volume_usd=exact_sum(line.volume_usd for line in lines),
        unestimated_usd=exact_sum(line.unestimated_usd for line in lines),
        untagged_usd=total(r for r in sides.usage if r.approach is None) if approach is None else ZERO,
        credits_and_tax_usd=total(r for r in sides.adjustments if r.approach == approach),
        not_billed_usd=WIDE.subtract(not_billed, total(r for r in late if r.approach == approach)),
    )


def nothing() -> Split:
    """A split of no difference."""
    return _sum_of(())


def parts(split: Split) -> tuple[Decimal, ...]:
    """The parts of a split, in the order of its fields."""
    return (
        split.price_usd,
        split.volume_usd,
        split.unestimated_usd,
        split.untagged_usd,
        split.credits_and_tax_usd,
        split.not_billed_usd,
    )


def _sum_of(splits: Iterable[Split]) -> Split:
    columns = list(zip(*map(parts, splits), strict=True)) or [()] * 6
    price, volume, unestimated, untagged, adjustments, not_billed = map(exact_sum, columns)
    return Split(
        price_usd=price,
        volume_usd=volume,
        unestimated_usd=unestimated,
        untagged_usd=untagged,
        credits_and_tax_usd=adjustments,
        not_billed_usd=not_billed,
    )


def lines_of(against: Comparison, sides: ComparableCharges, bill: Bill, catalogue: Catalogue) -> tuple[SpendLine, ...]:
    """Every line of billed against metered; their differences add up to billed - metered.

    Days that billing has not reached, usage without an approach and what is no usage are lines of their own, so that
    each line has one reason.
    """
    known = {price.usage_type for price in catalogue.prices}
    days: dict[Key, set[str]] = {}
    for row in (*(sides.metered or ()), *sides.usage):
        if bill.reached(row.day):
            days.setdefault((row.approach, row.service_code, row.usage_type), set()).add(row.day)
    lines = [_line(line, days, known) for line in against.found.lines]
    for rows in _grouped(against.late):
        lines.append(_one_sided(rows, why_late(rows), billed=False))
    for rows in _grouped(r for r in sides.usage if r.approach is None):
        lines.append(_one_sided(rows, why_untagged(), billed=True))
    for category in sorted({r.charge_category for r in sides.adjustments}):
        for rows in _grouped(r for r in sides.adjustments if r.charge_category == category):
            lines.append(_one_sided(rows, why_adjustment(category), billed=True))
    return tuple(sorted(lines, key=_order))


def _line(line: Line, days: Mapping[Key, set[str]], known: set[str]) -> SpendLine:
    key = (line.approach, line.service_code, line.usage_type)
    return SpendLine(
        approach=line.approach,
        service_code=line.service_code,
        usage_type=line.usage_type,
        unit=line.unit,
        metered_quantity=line.estimated_quantity,
        billed_quantity=line.actual_quantity,
        metered_usd=line.estimated_usd,
        billed_usd=line.actual_usd,
        difference_usd=WIDE.subtract(line.actual_usd, line.estimated_usd),
        why=why(line, len(days[key]), known=line.usage_type is None or line.usage_type in known),
    )


def _grouped(rows: Iterable[ChargeRow]) -> list[list[ChargeRow]]:
    groups: dict[Key, list[ChargeRow]] = {}
    for row in rows:
        groups.setdefault((row.approach, row.service_code, row.usage_type), []).append(row)
    return list(groups.values())


def _one_sided(rows: Sequence[ChargeRow], reason: str, *, billed: bool) -> SpendLine:
    """A line of rows that only the bill, or only the meters, have."""
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
    """By approach; then what differs before what is equal, the largest difference first."""
    size = -abs(line.difference_usd)
    names = (line.service_code or "", line.usage_type or "", line.why)
    return approach_order(line.approach), line.why == EQUAL, size, names
