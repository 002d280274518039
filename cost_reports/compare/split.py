"""The difference of two views of the money, split into parts that add up to it exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from decimal import Decimal

from cost_reports.metering.charges import exact_sum

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """billed - estimated = price + volume + unestimated + untagged + credits and tax + not yet billed, exactly."""

    price_usd: Decimal
    volume_usd: Decimal
    unestimated_usd: Decimal
    untagged_usd: Decimal
    credits_and_tax_usd: Decimal
    not_billed_usd: Decimal


NAMES = tuple(field.name for field in fields(Split))
NOTHING = Split(**dict.fromkeys(NAMES, ZERO))
"""The split of no difference."""


def parts(split: Split) -> tuple[Decimal, ...]:
    """Return the parts of a split, in the order of its fields."""
    return astuple(split)


def sum_of(splits: Iterable[Split]) -> Split:
    """Return the sum of each part, exact."""
    columns = list(zip(*map(parts, splits), strict=True)) or [()] * len(NAMES)
    return Split(**dict(zip(NAMES, map(exact_sum, columns), strict=True)))
