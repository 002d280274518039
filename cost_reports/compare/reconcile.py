"""Why one view of the money differs from another: a split that adds up to the difference exactly, line by line.

The baseline is what was estimated or metered, the actual side what was metered or billed. For each line (approach,
service, usage type, unit), with baseline p0 q0 and actual p1 q1: volume (q1 - q0) p0, price (p1 - p0) q1; the two add
up to p1 q1 - p0 q0. What only one side knows is a part of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from contracts.money import ChargeRow
from contracts.units import UNITS, WIDE, ratio, to_decimal
from cost_reports.compare.split import NOTHING, ZERO, Split, sum_of
from cost_reports.metering.charges import total

#: Charge categories that are usage. All others (credits, refunds, tax, discounts, fees) are told apart from it.
USAGE_CATEGORIES = frozenset({"Usage", "DiscountedUsage", "SavingsPlanCoveredUsage"})
BILLED = frozenset({"billed-ce", "billed-export"})

#: Approach, service code, usage type.
Key = tuple[str | None, str | None, str | None]


class ReconcileError(ValueError):
    """The two sides cannot be compared; the message names the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciledLine:
    """One line; quantities in `unit`, money in USD. The quantity is None on a side that does not know the line."""

    approach: str | None
    service_code: str | None
    usage_type: str | None
    unit: str | None
    baseline_quantity: Decimal | None
    actual_quantity: Decimal | None
    baseline_usd: Decimal
    actual_usd: Decimal
    split: Split

    @property
    def difference_usd(self) -> Decimal:
        """Return actual - baseline, exact."""
        return WIDE.subtract(self.actual_usd, self.baseline_usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """actual - baseline = the sum of the parts of `split`, exactly.

    `unestimated`: actual lines that the baseline does not know. `untagged`: usage without an approach. `not_billed`:
    (negative) baseline lines that nothing was billed for, such as days that billing has not reached.
    """

    baseline_usd: Decimal
    actual_usd: Decimal
    split: Split
    lines: tuple[ReconciledLine, ...]


def reconcile(baseline: Iterable[ChargeRow], actual: Iterable[ChargeRow]) -> Reconciliation:
    """Split the difference of two sets of charges over the same window and account.

    Quantities of one line in different units (1K tokens, tokens) are brought to one by the unit table.

    Raises:
        ReconcileError: a side mixes sources (metered and billed are two views of the same money), the baseline is
            billed, both sides have the same source, or two rows of a line have units that measure different things.
    """
    before, after = list(baseline), list(actual)
    _check_sources(before, after)
    usage = [c for c in after if c.charge_category in USAGE_CATEGORIES]
    left, right = _grouped(before), _grouped(c for c in usage if c.approach is not None)
    lines = tuple(_line(key, left.get(key), right.get(key)) for key in sorted({*left, *right}, key=str))
    split = replace(
        sum_of(line.split for line in lines),
        untagged_usd=total(c for c in usage if c.approach is None),
        credits_and_tax_usd=total(c for c in after if c.charge_category not in USAGE_CATEGORIES),
    )
    return Reconciliation(baseline_usd=total(before), actual_usd=total(after), split=split, lines=lines)


def _check_sources(before: Sequence[ChargeRow], after: Sequence[ChargeRow]) -> None:
    left, right = {c.source for c in before}, {c.source for c in after}
    if wrong := next((c for c in before if c.source in BILLED), None):
        raise ReconcileError(f"charge of {wrong.usage_type}: the baseline must not be billed (got {wrong.source})")
    for side, sources in (("baseline", left), ("actual", right)):
        if len(sources) > 1:
            raise ReconcileError(f"{side} charges mix the sources {', '.join(sorted(sources))}; never add them")
    if left and left == right:
        raise ReconcileError(f"both sides are {next(iter(left))}; there is nothing to compare")


@dataclass(slots=True)
class _Side:
    unit: str | None
    quantity: Fraction | None
    usd: Decimal


def _grouped(rows: Iterable[ChargeRow]) -> dict[Key, _Side]:
    sides: dict[Key, _Side] = {}
    for row in rows:
        key = (row.approach, row.service_code, row.usage_type)
        quantity = None if row.quantity is None else Fraction(row.quantity)
        side = sides.get(key)
        if side is None:
            sides[key] = _Side(row.unit, quantity, row.amount_usd)
            continue
        side.usd = WIDE.add(side.usd, row.amount_usd)
        if side.quantity is None or quantity is None:
            side.quantity = None
        else:
            side.quantity += _converted(quantity, row.unit, side.unit, row.usage_type, row.day)
    return sides


def _converted(
    quantity: Fraction, unit: str | None, target: str | None, usage_type: str | None, day: str | None = None
) -> Fraction:
    if unit == target or unit is None or target is None:
        return quantity
    if unit not in UNITS or target not in UNITS:
        raise ReconcileError(f"units {unit!r} and {target!r} of {usage_type} cannot be compared")
    try:
        return quantity * ratio(unit, target, day)
    except ValueError as error:
        raise ReconcileError(f"quantities of {usage_type}: {error}") from error


def _line(key: Key, before: _Side | None, after: _Side | None) -> ReconciledLine:
    approach, service_code, usage_type = key
    baseline, actual = (side.usd if side else ZERO for side in (before, after))
    q0, q1 = (side.quantity if side else None for side in (before, after))
    if before and after and q0 is not None:
        q0 = _converted(q0, before.unit, after.unit, usage_type)
    if before is None:
        split = replace(NOTHING, unestimated_usd=actual)
    elif after is None:
        split = replace(NOTHING, not_billed_usd=-baseline)
    else:
        # Without two quantities price cannot be told from volume, so all of the difference is called price.
        volume = to_decimal((q1 - q0) * Fraction(baseline) / q0) if q0 and q1 is not None else ZERO
        price = WIDE.subtract(WIDE.subtract(actual, baseline), volume)
        split = replace(NOTHING, price_usd=price, volume_usd=volume)
    known = after or before
    return ReconciledLine(
        approach=approach,
        service_code=service_code,
        usage_type=usage_type,
        unit=known.unit if known else None,
        baseline_quantity=None if q0 is None else to_decimal(q0),
        actual_quantity=None if q1 is None else to_decimal(q1),
        baseline_usd=baseline,
        actual_usd=actual,
        split=split,
    )
