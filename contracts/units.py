"""The one table of units. Every quantity carries one of these, and only `convert` changes one into another.

A unit is so many base units of one dimension. A unit a month (`GB-month`) is relative to a calendar month: it holds
`seconds_in_month` times its factor of the base unit a second, because AWS accrues GB-months by the hours of the month.
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

GIB = 1024**3
"""AWS counts a GB of storage, logs and processed data as 2**30 bytes."""

#: Wide enough that no product or sum of amounts of this library is ever rounded by the context.
WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)
MONEY = Decimal("0.000000000001")
"""Charges are kept to 12 decimals (DECIMAL(38,12) in tables): 5e-13 USD is the largest rounding error of one charge."""

HOURS_PER_MONTH = 730
"""The month of monthly figures that are derived from an hourly price (8,760 hours / 12)."""


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` base units of `dimension`; `a_month`: times the seconds of the month in question."""

    dimension: str
    factor: int
    a_month: bool = False
    counted: bool = False


def _counts(base: str, *multiples: int) -> dict[str, Unit]:
    names = {1: base, 1_000: f"1K {base}", 10_000: f"10K {base}", 1_000_000: f"1M {base}"}
    return {names[m]: Unit(base, m, counted=True) for m in (1, *multiples)}


def _timed(thing: str) -> dict[str, Unit]:
    return {
        f"{thing}-second": Unit(f"{thing}-second", 1),
        f"{thing}-hour": Unit(f"{thing}-second", 3600),
        f"{thing}-day": Unit(f"{thing}-second", 86400),
        f"{thing}-month": Unit(f"{thing}-second", 1, a_month=True),
    }


_TIMED_THINGS = (
    "instance",
    "OCU",
    "ACU",
    "model-unit",
    "CMU",
    "custom-model",
    "gateway",
    "AZ",
    "address",
    "alarm",
    "secret",
    "key",
    "budget",
)

UNITS: dict[str, Unit] = {
    **_counts("tokens", 1_000, 1_000_000),
    **_counts("training tokens", 1_000),
    **_counts("requests", 1_000, 10_000, 1_000_000),
    **_counts("transitions", 1_000),
    **_counts("read units", 1_000_000),
    **_counts("write units", 1_000_000),
    **_counts("queries", 1_000, 1_000_000),
    **_counts("events", 1_000_000),
    **_counts("I/O", 1_000_000),
    **_counts("reports"),
    **_counts("labels"),
    **_counts("objects"),
    "GB-second": Unit("GB-second", 1),
    "CMU-minute": Unit("CMU-second", 60),
    "bytes": Unit("bytes", 1),
    "GB": Unit("bytes", GIB),
    "TB": Unit("bytes", 1024 * GIB),
    "byte-second": Unit("byte-second", 1),
    "GB-month": Unit("byte-second", GIB, a_month=True),
    **{name: unit for thing in _TIMED_THINGS for name, unit in _timed(thing).items()},
}


def unit_of(name: str) -> Unit:
    """Return the unit called `name`.

    Raises:
        ValueError: no such unit.
    """
    if name not in UNITS:
        raise ValueError(f"unit {name!r} is unknown; known are {', '.join(UNITS)}")
    return UNITS[name]


def seconds_in_month(day: str) -> int:
    """Return the seconds of the UTC calendar month of `day` (`YYYY-MM...`).

    Raises:
        ValueError: `day` does not begin with a year and a month.
    """
    try:
        days = calendar.monthrange(int(day[:4]), int(day[5:7]))[1]
    except (ValueError, IndexError) as error:
        raise ValueError(f"date {day!r} does not begin with YYYY-MM") from error
    return days * 86400


def ratio(source: str, target: str, day: str | None = None) -> Fraction:
    """Return how many `target` units one `source` unit is, exactly.

    `day` chooses the calendar month; it is needed where one of the two is a unit a month and the other is not.

    Raises:
        ValueError: a unit is unknown, the two measure different things, or `day` is needed and missing.
    """
    a, b = unit_of(source), unit_of(target)
    if a.dimension != b.dimension:
        raise ValueError(f"{source} cannot be converted to {target}: they measure different things")
    result = Fraction(a.factor, b.factor)
    if a.a_month != b.a_month:
        if day is None:
            raise ValueError(f"{source} can be converted to {target} only for a given month")
        result *= Fraction(seconds_in_month(day)) ** (1 if a.a_month else -1)
    return result


def convert(amount: Decimal, source: str, target: str, day: str | None = None) -> Fraction:
    """Return `amount` of `source` units in `target` units, exactly; errors as for `ratio`."""
    return Fraction(amount) * ratio(source, target, day)


def exact_total(values: Iterable[Fraction]) -> Fraction:
    """Sum of `values`, exact: over one common denominator, which is many times faster than adding one by one."""
    some = [v for v in values if v]
    if len(some) < 2:
        return some[0] if some else Fraction(0)
    denominator = math.lcm(*(v.denominator for v in some))
    return Fraction(sum(v.numerator * (denominator // v.denominator) for v in some), denominator)


def to_decimal(value: Fraction, places: Decimal = MONEY) -> Decimal:
    """Return `value` rounded half-even to as many decimals as `places` has, without passing through a float."""
    scale = -int(places.as_tuple().exponent)
    whole, rest = divmod(value.numerator * 10**scale, value.denominator)
    twice = 2 * rest
    if twice > value.denominator or (twice == value.denominator and whole % 2):
        whole += 1
    return Decimal(whole).scaleb(-scale, WIDE)


def reading_unit(price_unit: str) -> str:
    """Return the unit in which people read a quantity that is priced in `price_unit`: counts stay single counts."""
    unit = unit_of(price_unit)
    return unit.dimension if unit.counted else price_unit
