"""Why one view of the money differs from another: a split that adds up to the difference exactly, line by line and in
all. Metered or billed against estimated, or billed against metered; the left side is called estimated throughout.

For each line (approach, service, usage type, unit), with estimate p0 q0 and actual p1 q1: volume (q1 - q0) p0, price
(p1 - p0) q1; the two add up to p1 q1 - p0 q0. What only one side knows is a part of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from contracts.money import ChargeRow
from contracts.units import MONEY, UNITS, WIDE, ratio, to_decimal

#: Charge categories that are usage. All others (credits, refunds, tax, discounts, fees) are told apart from it.
USAGE_CATEGORIES = frozenset({"Usage", "DiscountedUsage", "SavingsPlanCoveredUsage"})
BILLED = frozenset({"billed-ce", "billed-export"})


class ReconcileError(ValueError):
    """The two sides cannot be compared; the message names the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the comparison; quantities in `unit`, money in USD. A side that does not know the line has nulls."""

    approach: str | None
    service_code: str | None
    usage_type: str | None
    unit: str | None
    estimated_quantity: Decimal | None
    actual_quantity: Decimal | None
    estimated_usd: Decimal
    actual_usd: Decimal
    price_usd: Decimal
    volume_usd: Decimal
    unestimated_usd: Decimal
    not_billed_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """actual - estimated = price + volume + unestimated + untagged + credits and tax + not yet billed, exactly.

    `unestimated`: billed lines that the estimate does not know. `untagged`: usage without an approach. `not_billed`:
    (negative) estimated lines that nothing was billed for, such as days that billing has not reached. Where the left
    side is metered, read metered for estimated.
    """

    estimated_usd: Decimal
    actual_usd: Decimal
    price_usd: Decimal
    volume_usd: Decimal
    unestimated_usd: Decimal
    untagged_usd: Decimal
    credits_and_tax_usd: Decimal
    not_billed_usd: Decimal
    lines: tuple[Line, ...]

    @property
    def difference(self) -> Decimal:
        return WIDE.subtract(self.actual_usd, self.estimated_usd)


def reconcile(estimated: Iterable[ChargeRow], actual: Iterable[ChargeRow]) -> Reconciliation:
    """Split the difference of two sets of charges over the same window and account.

    `estimated` may as well be metered, where `actual` is billed. Quantities of one line in different units (1K tokens,
    tokens) are brought to one by the unit table.

    Raises:
        ReconcileError: a side mixes sources (metered and billed are two views of the same money), the left side is
            billed, both sides have the same source, or two rows of a line have units that measure different things.
    """
    before, after = list(estimated), list(actual)
    _check_sources(before, after)
    adjustments = [c for c in after if c.charge_category not in USAGE_CATEGORIES]
    untagged = [c for c in after if c.charge_category in USAGE_CATEGORIES and c.approach is None]
    usage = [c for c in after if c.charge_category in USAGE_CATEGORIES and c.approach is not None]
    left, right = _grouped(before), _grouped(usage)
    lines = tuple(_line(key, left.get(key), right.get(key)) for key in sorted({*left, *right}, key=str))
    return Reconciliation(
        estimated_usd=_sum(c.amount_usd for c in before),
        actual_usd=_sum(c.amount_usd for c in after),
        price_usd=_sum(line.price_usd for line in lines),
        volume_usd=_sum(line.volume_usd for line in lines),
        unestimated_usd=_sum(line.unestimated_usd for line in lines),
        untagged_usd=_sum(c.amount_usd for c in untagged),
        credits_and_tax_usd=_sum(c.amount_usd for c in adjustments),
        not_billed_usd=_sum(line.not_billed_usd for line in lines),
        lines=lines,
    )


def _check_sources(before: list[ChargeRow], after: list[ChargeRow]) -> None:
    left, right = {c.source for c in before}, {c.source for c in after}
    if wrong := next((c for c in before if c.source in BILLED), None):
        raise ReconcileError(f"charge of {wrong.usage_type} on the estimated side is {wrong.source}")
    for side, sources in (("estimated", left), ("actual", right)):
        if len(sources) > 1:
            raise ReconcileError(f"{side} charges mix the sources {', '.join(sorted(sources))}; never add them")
    if left and left == right:
        raise ReconcileError(f"both sides are {next(iter(left))}; there is nothing to compare")


Key = tuple[str | None, str | None, str | None]


@dataclass(slots=True)
class _Side:
    unit: str | None
    quantity: Fraction | None
    usd: Decimal


def _grouped(rows: list[ChargeRow]) -> dict[Key, _Side]:
    found: dict[Key, _Side] = {}
    for row in rows:
        key = (row.approach, row.service_code, row.usage_type)
        if key not in found:
            quantity = None if row.quantity is None else Fraction(row.quantity)
            found[key] = _Side(row.unit, quantity, row.amount_usd)
            continue
        side = found[key]
        side.usd = WIDE.add(side.usd, row.amount_usd)
        if side.quantity is None or row.quantity is None:
            side.quantity = None
        else:
            side.quantity += _in(side.unit, row)
    return found


def _in(unit: str | None, row: ChargeRow) -> Fraction:
    quantity = Fraction(row.quantity or 0)
    if unit == row.unit or unit is None or row.unit is None:
        return quantity
    if unit not in UNITS or row.unit not in UNITS:
        raise ReconcileError(f"units {unit!r} and {row.unit!r} of {row.usage_type} cannot be compared")
    try:
        return quantity * ratio(row.unit, unit, row.day)
    except ValueError as error:
        raise ReconcileError(f"quantities of {row.usage_type}: {error}") from error


def _line(key: Key, before: _Side | None, after: _Side | None) -> Line:
    approach, service_code, usage_type = key
    zero = Decimal(0)
    estimated = before.usd if before else zero
    actual = after.usd if after else zero
    q0 = _quantity(before, after, usage_type)
    q1 = after.quantity if after else None
    price = volume = unestimated = not_billed = zero
    if before is None:
        unestimated = actual
    elif after is None:
        not_billed = -estimated
    elif q0 and q1 is not None:
        volume = to_decimal((q1 - q0) * Fraction(estimated) / q0)
        price = WIDE.subtract(WIDE.subtract(actual, estimated), volume)
    else:
        # A side without quantity: nobody can tell price from volume, so all of it is called price.
        price = WIDE.subtract(actual, estimated)
    unit = after.unit if after else before.unit if before else None
    return Line(
        approach=approach,
        service_code=service_code,
        usage_type=usage_type,
        unit=unit,
        estimated_quantity=None if q0 is None else to_decimal(q0),
        actual_quantity=None if q1 is None else to_decimal(q1),
        estimated_usd=estimated,
        actual_usd=actual,
        price_usd=price,
        volume_usd=volume,
        unestimated_usd=unestimated,
        not_billed_usd=not_billed,
    )


def _quantity(before: _Side | None, after: _Side | None, usage_type: str | None) -> Fraction | None:
    """The estimated quantity in the unit of the actual one."""
    if before is None or before.quantity is None:
        return None
    if after is None or after.unit in (None, before.unit) or before.unit is None:
        return before.quantity
    if before.unit not in UNITS or after.unit not in UNITS:
        raise ReconcileError(f"units {before.unit!r} and {after.unit!r} of {usage_type} cannot be compared")
    try:
        return before.quantity * ratio(before.unit, after.unit)
    except ValueError as error:
        raise ReconcileError(f"quantities of {usage_type}: {error}") from error


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = WIDE.add(total, amount)
    return WIDE.quantize(total, MONEY)
