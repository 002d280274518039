"""Why a billed line differs from the metered one, in words that a reader without AWS knowledge understands."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from contracts.money import ChargeRow
from contracts.units import WIDE, to_decimal
from cost_reports.compare.reconcile import Line
from cost_reports.text import usd

EQUAL = "equal"
STEP = Decimal("0.0000000001")
"""Cost Explorer rounds the money of each day to ten decimals."""


def why(line: Line, days: int, *, known: bool) -> str:
    """The reason of one line on days that billing has reached. `days`: how many daily amounts it sums up; `known`: the
    price list has its usage type.
    """
    difference = WIDE.subtract(line.actual_usd, line.estimated_usd)
    if line.unestimated_usd:
        return _billed_only(line, known=known)
    if difference == 0:
        return EQUAL
    if line.not_billed_usd:
        return "metered, but the bill has no such line although it has reached these days"
    tolerance = STEP * days
    if abs(difference) <= tolerance:
        return "rounding: the bill rounds the money of each day"
    if not line.estimated_quantity or line.actual_quantity is None:
        return "the money differs; there are no two quantities that tell whether price or quantity does"
    if abs(line.price_usd) <= tolerance:
        return "quantity differs, at the same price"
    prices = f"{_price(line.estimated_usd, line.estimated_quantity)} metered"
    if line.actual_quantity:
        prices += f", {_price(line.actual_usd, line.actual_quantity)} billed"
    if line.volume_usd == 0 or abs(line.volume_usd) <= tolerance:
        return f"price differs, for the same quantity: a unit is {prices}"
    return f"price and quantity differ: a unit is {prices}"


def _billed_only(line: Line, *, known: bool) -> str:
    if line.service_code is None and line.usage_type is None:
        return "billed, and nothing like it was metered"
    if not known:
        return "billed, not metered; the price list does not know this usage type"
    return "billed, not metered: what stays on between runs, or what runs do not meter (alarms, logs, idle capacity)"


def why_late(rows: Sequence[ChargeRow]) -> str:
    """The reason of metered rows on days that billing has not reached."""
    days = sorted({r.day for r in rows})
    return f"not yet billed: metered on {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "")


def why_adjustment(category: str) -> str:
    """The reason of a line that is no usage."""
    return f"{category}: no usage; AWS adds or takes it off by itself"


def why_untagged() -> str:
    """The reason of usage of the experiment that names no approach."""
    return "billed to the experiment without an approach; the meters cannot tell whose it is"


def _price(amount: Decimal, quantity: Decimal) -> str:
    return usd(to_decimal(Fraction(amount) / Fraction(quantity)))
