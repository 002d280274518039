"""Why a billed line differs from the metered one, in words that a reader without AWS knowledge understands."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from contracts.money import ChargeRow
from contracts.units import to_decimal
from cost_reports.compare.reconcile import ReconciledLine
from cost_reports.prices.bill_names import CE_PRECISION
from cost_reports.text import usd

EQUAL = "equal"
UNTAGGED = "billed to the experiment without an approach; the meters cannot tell whose it is"
"""The reason of usage of the experiment that names no approach."""


def explain(line: ReconciledLine, days: int, *, known: bool) -> str:
    """Return the reason of one line on days that billing has reached.

    `days`: how many daily amounts it sums up. `known`: the price list has its usage type.
    """
    split, difference = line.split, line.difference_usd
    if split.unestimated_usd:
        return _billed_only(line, known=known)
    if difference == 0:
        return EQUAL
    if split.not_billed_usd:
        return "metered, but the bill has no such line although it has reached these days"
    # Cost Explorer rounds the money of each day.
    tolerance = CE_PRECISION * days
    if abs(difference) <= tolerance:
        return "rounding: the bill rounds the money of each day"
    if not line.baseline_quantity or line.actual_quantity is None:
        return "the money differs; there are no two quantities that tell whether price or quantity does"
    if abs(split.price_usd) <= tolerance:
        return "quantity differs, at the same price"
    prices = f"{_price(line.baseline_usd, line.baseline_quantity)} metered"
    if line.actual_quantity:
        prices += f", {_price(line.actual_usd, line.actual_quantity)} billed"
    if abs(split.volume_usd) <= tolerance:
        return f"price differs, for the same quantity: a unit is {prices}"
    return f"price and quantity differ: a unit is {prices}"


def _billed_only(line: ReconciledLine, *, known: bool) -> str:
    if line.service_code is None and line.usage_type is None:
        return "billed, and nothing like it was metered"
    if not known:
        return "billed, not metered; the price list does not know this usage type"
    return "billed, not metered: what stays on between runs, or what runs do not meter (alarms, logs, idle capacity)"


def explain_late(rows: Sequence[ChargeRow]) -> str:
    """Return the reason of metered rows on days that billing has not reached."""
    days = sorted({r.day for r in rows})
    return f"not yet billed: metered on {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "")


def explain_adjustment(category: str) -> str:
    """Return the reason of a line that is not usage."""
    return f"{category}: not usage; AWS adds or takes it off by itself"


def _price(amount: Decimal, quantity: Decimal) -> str:
    return usd(to_decimal(Fraction(amount) / Fraction(quantity)))
