"""How sure a decision is: which input moves it most, where it flips, and how often it holds in random trials.

Trials and flips use floats: they are statistics about money, not money. A fixed seed gives the same trials everywhere.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from cost_reports.decide.curve import Curve, PricedOption
from cost_reports.estimate.workload import ExactWorkload

VOLUME = "requests a month"
#: Input -> the factors between which it may lie, and why.
RANGES: dict[str, tuple[Fraction, Fraction, str]] = {
    VOLUME: (Fraction(3, 10), Fraction(3), "forecasts of use are often wrong by three times"),
    "input tokens": (Fraction(7, 10), Fraction(14, 10), "longer questions and passages than in the test"),
    "output tokens": (Fraction(6, 10), Fraction(16, 10), "models differ in how much they write"),
    "platform": (Fraction(4, 10), Fraction(3), "time and memory of the functions"),
    "retrieval": (Fraction(1, 2), Fraction(2), "queries for each answer"),
    "ingestion": (Fraction(1, 3), Fraction(3), "size of the documents"),
    "storage": (Fraction(1, 2), Fraction(3), "overhead of the index"),
    "capacity": (Fraction(4, 10), Fraction(5, 2), "requests that one unit serves; measure it"),
    "training time": (Fraction(1, 3), Fraction(3), "number and length of training jobs"),
    "labels": (Fraction(0), Fraction(3), "checks of each example"),
    "people": (Fraction(1, 2), Fraction(5, 2), "hours of work"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """What one input does: cost of the choice over the horizon at the ends of its range, and where the choice changes.

    `factor`: the factor nearest to 1 at which `instead` becomes the cheapest of the compared; None: not in the range.
    """

    driver: str
    low_factor: float
    high_factor: float
    low_usd: float
    high_usd: float
    factor: float | None
    instead: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """Shares of the trials in which the option was the cheapest of the compared, in all and by accepted answer.

    `cheaper_than`: name of each other option -> share of the trials in which this one cost less for each accepted
    answer.
    """

    name: str
    cheapest: float
    cheapest_per_accepted: float
    cheaper_than: dict[str, float]
    total_p10_usd: float
    total_p90_usd: float


def sensitivity(chosen: PricedOption, compared: Sequence[PricedOption], workload: ExactWorkload) -> list[Flip]:
    """Return a line for each input that the choice's cost depends on, the strongest first."""
    option, curve = chosen
    volume, months = _mean_volume(workload), workload.horizon_months
    flips = []
    for driver, (low, high, why) in RANGES.items():
        ends = [_cost(_compiled(curve), driver, float(f), volume, months) for f in (low, high)]
        factor, instead = _flip(option.name, compared, driver, float(low), float(high), volume, months)
        if ends[0] == ends[1] and factor is None:
            continue
        flips.append(
            Flip(
                driver=driver,
                low_factor=float(low),
                high_factor=float(high),
                low_usd=ends[0],
                high_usd=ends[1],
                factor=factor,
                instead=instead,
                why=why,
            )
        )
    return sorted(flips, key=lambda f: (-abs(f.high_usd - f.low_usd), f.driver))


def monte_carlo(
    options: Sequence[tuple[str, Curve, tuple[float, float, float]]],
    workload: ExactWorkload,
    *,
    seed: int,
    samples: int = 1000,
) -> list[Chance]:
    """Run random trials: inputs triangular over their ranges with the peak at 1, quality normal within its interval.

    `options` are (name, curve, (low, value, high) of the accepted share). One draw of the inputs is used for all
    options, since the same uncertainty meets them all.

    Raises:
        ValueError: fewer than one sample.
    """
    if samples < 1:
        raise ValueError(f"samples must be 1 or more, not {samples}")
    if not options:
        return []
    trial = random.Random(seed)  # noqa: S311  (statistics, not secrets)
    compiled = [_compiled(curve) for _, curve, _ in options]
    volume, months = _mean_volume(workload), workload.horizon_months
    totals: list[list[float]] = [[] for _ in options]
    wins, accepted_wins = [0] * len(options), [0] * len(options)
    beaten = [[0] * len(options) for _ in options]
    for _ in range(samples):
        factors = {d: trial.triangular(float(low), float(high), 1.0) for d, (low, high, _) in RANGES.items()}
        asked = max(1.0, volume * factors.pop(VOLUME))
        costs = [_evaluate(terms, factors, asked, months) for terms in compiled]
        shares = [_draw(trial, interval) for _, _, interval in options]
        each = [c / (asked * months * q) if q > 0 else math.inf for c, q in zip(costs, shares, strict=True)]
        wins[costs.index(min(costs))] += 1
        accepted_wins[each.index(min(each))] += 1
        for i, cost in enumerate(costs):
            totals[i].append(cost)
            for j, other in enumerate(each):
                beaten[i][j] += each[i] < other
    return [
        Chance(
            name=name,
            cheapest=wins[i] / samples,
            cheapest_per_accepted=accepted_wins[i] / samples,
            cheaper_than={other: beaten[i][j] / samples for j, (other, _, _) in enumerate(options) if j != i},
            total_p10_usd=sorted(totals[i])[int(0.1 * (samples - 1))],
            total_p90_usd=sorted(totals[i])[int(0.9 * (samples - 1))],
        )
        for i, (name, _, _) in enumerate(options)
    ]


def _mean_volume(workload: ExactWorkload) -> float:
    volumes = workload.volumes()
    return sum(volumes) / len(volumes)


def _draw(trial: random.Random, interval: tuple[float, float, float]) -> float:
    low, value, high = interval
    return min(1.0, max(0.0, trial.gauss(value, (high - low) / 3.92)))


#: cost behavior, input, usd, capacity, minimum, included, cap, every_months
_Flat = tuple[str, str, float, float, int, int, float, int]


def _compiled(curve: Curve) -> list[_Flat]:
    return [
        (
            t.cost_behavior,
            t.input,
            float(t.usd),
            float(t.capacity) if t.capacity else math.inf,
            t.minimum,
            t.included,
            float(t.cap),
            t.every_months,
        )
        for t in curve.terms
        if t.usd
    ]


def _evaluate(terms: Sequence[_Flat], factors: dict[str, float], volume: float, months: int) -> float:
    total = 0.0
    for behavior, source, usd, capacity, minimum, included, cap, every in terms:
        factor = factors.get(source, 1.0)
        if behavior == "unit":
            needed = max(minimum, math.ceil(volume * factor / capacity)) - included
            total += usd * max(0, needed) * months
        elif behavior == "awake":
            top = cap if source == "capacity" else cap * factor
            total += min(usd * factor * volume, top) * months
        elif behavior == "request":
            total += usd * factor * volume * months
        elif behavior == "monthly":
            total += usd * factor * months
        elif behavior == "once":
            total += usd * factor
        else:
            total += usd * factor * (months // every)
    return total


def _cost(terms: Sequence[_Flat], driver: str, factor: float, volume: float, months: int) -> float:
    if driver == VOLUME:
        return _evaluate(terms, {}, volume * factor, months)
    return _evaluate(terms, {driver: factor}, volume, months)


def _flip(
    name: str,
    compared: Sequence[PricedOption],
    driver: str,
    low: float,
    high: float,
    volume: float,
    months: int,
) -> tuple[float | None, str | None]:
    """Return the factor nearest to 1, on a grid of 200 steps each way, at which another option becomes the cheapest."""
    compiled = {o.name: _compiled(c) for o, c in compared}

    def winner(factor: float) -> str:
        return min(compiled, key=lambda n: _cost(compiled[n], driver, factor, volume, months))

    usual = winner(1.0)
    for step in range(1, 201):
        for end in (high, low):
            factor = 1 + (end - 1) * step / 200
            cheapest = winner(factor)
            if cheapest != usual and name in (usual, cheapest):
                return factor, cheapest
    return None, None
