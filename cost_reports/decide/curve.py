"""Cost as a function of requests a month, exact: fixed, linear, stepped and capped terms; and the cheapest by volume.

Costs are piecewise affine between the points at which a unit is added or a cap is reached, so two options can cross
many times. The envelope walks the cells between these points and solves each in closed form, with integers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from contracts.units import exact_total
from cost_reports.estimate.plan import CostBehavior, Option, units_needed

ZERO = Fraction(0)
MAX_STEPS = 200_000
"""Steps of one term that an envelope walks; more would take minutes and means a wrong capacity."""


@dataclass(frozen=True, slots=True)
class Term:
    """`usd` of one month, request, unit-month, awakening or refresh; the other fields as in `plan.Part`."""

    cost_behavior: CostBehavior
    input: str
    usd: Fraction
    capacity: Fraction | None = None
    minimum: int = 0
    included: int = 0
    cap: Fraction = Fraction(0)
    every_months: int = 1

    def monthly(self, requests: int) -> Fraction:
        """Return USD of a month with `requests`; nothing for what is paid once or by refresh."""
        match self.cost_behavior:
            case "monthly":
                return self.usd
            case "request":
                return self.usd * requests
            case "awake":
                return min(self.usd * requests, self.cap)
            case "unit":
                return self.usd * self.units(requests)
            case _:
                return ZERO

    def units(self, requests: int) -> int:
        """Return the whole units that `requests` need, less those that are paid for elsewhere."""
        return units_needed(requests, self.capacity, self.minimum, self.included)

    def jumps(self, top: int) -> Iterable[int]:
        """Return the volumes from 2 to `top` at which the affine piece changes: the first request of each new piece.

        Raises:
            ValueError: there would be more than `MAX_STEPS`.
        """
        if self.cost_behavior == "awake" and self.usd:
            kink = math.floor(self.cap / self.usd)
            yield from (v for v in (kink, kink + 1) if 2 <= v <= top)
        if self.cost_behavior == "unit" and self.usd and self.capacity is not None:
            if top / self.capacity > MAX_STEPS:
                raise ValueError(
                    f"{self.input}: a unit that serves {float(self.capacity):.3g} requests a month needs more than"
                    f" {MAX_STEPS:,} units for {top:,} requests; is the capacity right?"
                )
            first = max(1, self.minimum, self.included)
            for n in range(first, math.ceil(top / self.capacity)):
                v = math.floor(n * self.capacity) + 1
                if 2 <= v <= top:
                    yield v


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The cost of one option."""

    name: str
    terms: tuple[Term, ...]

    @property
    def once(self) -> Fraction:
        """Return USD that are paid once."""
        return exact_total(t.usd for t in self.terms if t.cost_behavior == "once")

    def refresh(self, months: int) -> Fraction:
        """Return USD of all refreshes in `months`: each as often as its cadence fits in whole."""
        return exact_total(t.usd * (months // t.every_months) for t in self.terms if t.cost_behavior == "refresh")

    def monthly(self, requests: int) -> Fraction:
        """Return USD of a month with `requests`, without refreshes."""
        return exact_total(t.monthly(requests) for t in self.terms)

    def total(self, volumes: Sequence[int]) -> Fraction:
        """Return USD of months with these volumes: once + months + refreshes."""
        months = (self.monthly(v) * times for v, times in Counter(volumes).items())
        return exact_total((self.once, *months, self.refresh(len(volumes))))


#: An option and its cost by volume.
PricedOption = tuple[Option, Curve]


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high` requests a month, both included, the option `winner` (an index) is the cheapest."""

    low: int
    high: int
    winner: int


def envelope(curves: Sequence[Curve], top: int, months: int = 1) -> list[Interval]:
    """Return the cheapest option for every volume from 1 to `top` over `months` of it; ties go to the first.

    Raises:
        ValueError: there is no curve, `top` or `months` is below 1, or an option has too many steps.
    """
    if not curves:
        raise ValueError("an envelope needs at least one option")
    if top < 1 or months < 1:
        raise ValueError(f"top and months must be 1 or more, not {top} and {months}")
    solver = _Integers(curves, months)
    starts = sorted({1, *(v for c in curves for t in c.terms for v in t.jumps(top))})
    intervals: list[Interval] = []
    for low, after in zip(starts, [*starts[1:], top + 1], strict=True):
        for piece in _cell(solver, low, after - 1):
            if intervals and intervals[-1].winner == piece.winner:
                intervals[-1] = Interval(intervals[-1].low, piece.high, piece.winner)
            else:
                intervals.append(piece)
    return intervals


def crossings(a: Curve, b: Curve, top: int, months: int = 1) -> list[tuple[int, int]]:
    """Return (volume, winner) from which on the other is cheaper: 0 for `a`, 1 for `b`. The first is at volume 1."""
    return [(i.low, i.winner) for i in envelope([a, b], top, months)]


class _Integers:
    """Total costs as integers over one common denominator: exact, and many times faster than fractions."""

    def __init__(self, curves: Sequence[Curve], months: int) -> None:
        scale = math.lcm(*(usd.denominator for c in curves for t in c.terms for usd in (t.usd, t.cap)))
        self.count = len(curves)
        self._fixed: list[int] = []
        self._linear: list[int] = []
        self._units: list[list[tuple[int, int, int, int, int]]] = []
        self._capped: list[list[tuple[int, int]]] = []
        for c in curves:
            by_behavior: dict[str, list[Term]] = {}
            for t in c.terms:
                by_behavior.setdefault(t.cost_behavior, []).append(t)
            monthly, linear = (
                months * exact_total(t.usd for t in by_behavior.get(behavior, ()))
                for behavior in ("monthly", "request")
            )
            self._fixed.append(int((c.once + c.refresh(months) + monthly) * scale))
            self._linear.append(int(linear * scale))
            self._units.append(
                [
                    (int(t.usd * scale * months), t.capacity.numerator, t.capacity.denominator, t.minimum, t.included)
                    for t in by_behavior.get("unit", ())
                    if t.capacity is not None and t.usd
                ]
            )
            self._capped.append(
                [(int(t.usd * scale * months), int(t.cap * scale * months)) for t in by_behavior.get("awake", ())]
            )

    def cost(self, curve: int, v: int) -> int:
        total = self._fixed[curve] + self._linear[curve] * v
        for usd, p, q, minimum, included in self._units[curve]:
            n = -(-v * q // p)
            n = (n if n > minimum else minimum) - included
            if n > 0:
                total += usd * n
        for usd, cap in self._capped[curve]:
            total += min(usd * v, cap)
        return total


def _cell(solver: _Integers, low: int, high: int) -> Iterable[Interval]:
    """Return the winners within a cell on which every cost is affine."""
    at_low = [solver.cost(i, low) for i in range(solver.count)]
    at_high = at_low if low == high else [solver.cost(i, high) for i in range(solver.count)]
    width = high - low
    begin, winner = low, at_low.index(min(at_low))
    last = at_high.index(min(at_high))
    while winner != last:
        # Costs times `width` at low + x are at_low * width + (at_high - at_low) * x.
        best: tuple[int, int, int] | None = None
        for i in range(solver.count):
            if i == winner:
                continue
            gap = (at_low[i] - at_low[winner]) * width
            slope = (at_high[winner] - at_low[winner]) - (at_high[i] - at_low[i])
            if slope <= 0:
                continue
            x = -(-gap // slope) if i < winner else gap // slope + 1
            v = max(low + x, begin + 1)
            if v <= high:
                cost = at_low[i] * width + (at_high[i] - at_low[i]) * (v - low)
                best = min(best, (v, cost, i)) if best else (v, cost, i)
        if best is None:
            break
        yield Interval(begin, best[0] - 1, winner)
        begin, winner = best[0], best[2]
    yield Interval(begin, high, winner)
