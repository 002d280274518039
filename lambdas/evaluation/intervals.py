"""How sure the numbers are: 95 % intervals and paired tests. Standard library only, deterministic by seed."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

Z95 = 1.959963984540054
RESAMPLES = 1000
#: Above it the bootstrap's percentiles and the normal approximation agree to two digits, and only the latter is cheap.
BOOTSTRAP_UP_TO = 2000


class Interval(NamedTuple):
    low: float
    high: float
    method: str


class Difference(NamedTuple):
    """Mean of (a - b) over the same questions, with its interval and the two-sided p-value of "no difference"."""

    difference: float
    low: float
    high: float
    p_value: float
    method: str


def wilson(successes: float, n: int, z: float = Z95) -> Interval:
    """Return Wilson's score interval of a proportion (J. Am. Stat. Assoc. 22, 1927); it holds at 0 and n too.

    Half successes are taken as they are: values between 0 and 1 vary less than the interval assumes.

    Raises:
        ValueError: n < 1, or successes outside 0 to n.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no proportion")
    p = successes / n
    scale = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale
    # At the ends the formula gives 0 and 1 exactly; in floating point it may miss them by one digit.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(low, high, "Wilson 95 %")


def mean_interval(values: Sequence[float], seed: str, resamples: int = RESAMPLES) -> Interval:
    """Return a percentile bootstrap of the mean (Efron 1979), a normal approximation above `BOOTSTRAP_UP_TO` values.

    Values that are all alike give an interval without width: the bootstrap knows nothing beyond the sample.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("an interval needs at least one value")
    if len(values) > BOOTSTRAP_UP_TO:
        mean, error = _mean_and_error(values)
        return Interval(mean - Z95 * error, mean + Z95 * error, "normal 95 %")
    means = _bootstrap_means(values, seed, resamples)
    return Interval(percentile(means, 0.025), percentile(means, 0.975), f"bootstrap 95 %, {resamples} resamples")


def mcnemar(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Compare two variants' 0/1 scores on the same questions: exact McNemar test, Newcombe's interval.

    p is the two-sided binomial probability of the discordant questions under 1/2. The interval is the score interval
    for paired proportions with continuity-corrected phi (Newcombe, Stat. Med. 17, 1998, method 10): unlike a
    bootstrap it keeps its width when the variants never disagree.

    Raises:
        ValueError: the lengths differ, there is no question, or a score is neither 0 nor 1.
    """
    _check_pairs(a, b)
    if any(value not in (0, 1) for value in (*a, *b)):
        raise ValueError("McNemar's test needs scores that are 0 or 1")
    n = len(a)
    both = sum(1 for x, y in zip(a, b, strict=True) if x and y)
    only_a = sum(1 for x, y in zip(a, b, strict=True) if x and not y)
    only_b = sum(1 for x, y in zip(a, b, strict=True) if y and not x)
    neither = n - both - only_a - only_b
    low, high = _newcombe(both, only_a, only_b, neither)
    p = binomial_two_sided(only_a, only_b)
    return Difference((only_a - only_b) / n, low, high, p, "exact McNemar, Newcombe 95 %")


def paired_bootstrap(a: Sequence[float], b: Sequence[float], seed: str, resamples: int = RESAMPLES) -> Difference:
    """Compare two means on the same questions by resampling questions; p by inverting the interval.

    p is never below 2 / (resamples + 1): so few resamples cannot say more.

    Raises:
        ValueError: the lengths differ or there is no question.
    """
    _check_pairs(a, b)
    differences = [x - y for x, y in zip(a, b, strict=True)]
    difference = math.fsum(differences) / len(differences)
    if not any(differences):
        return Difference(0.0, 0.0, 0.0, 1.0, f"paired bootstrap 95 %, {resamples} resamples")
    if len(differences) > BOOTSTRAP_UP_TO:
        _, error = _mean_and_error(differences)
        p = math.erfc(abs(difference) / error / math.sqrt(2)) if error else 0.0
        return Difference(difference, difference - Z95 * error, difference + Z95 * error, p, "paired z, normal 95 %")
    means = _bootstrap_means(differences, seed, resamples)
    below = sum(1 for mean in means if mean <= 0)
    above = sum(1 for mean in means if mean >= 0)
    p = min(1.0, 2 * (min(below, above) + 1) / (resamples + 1))
    method = f"paired bootstrap 95 %, {resamples} resamples"
    return Difference(difference, percentile(means, 0.025), percentile(means, 0.975), p, method)


def binomial_two_sided(first: int, second: int) -> float:
    """Return the probability, under 1/2 each, of a split at least as uneven as this one; exact in integers."""
    n = first + second
    term, total = 1, 0
    for k in range(min(first, second) + 1):
        total += term
        term = term * (n - k) // (k + 1)
    p: float = 2 * total / 2**n
    return min(1.0, p)


def _newcombe(both: int, only_a: int, only_b: int, neither: int) -> tuple[float, float]:
    n = both + only_a + only_b + neither
    p1, p2 = (both + only_a) / n, (both + only_b) / n
    low1, high1, _ = wilson(both + only_a, n)
    low2, high2, _ = wilson(both + only_b, n)
    product = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    numerator = float(both * neither - only_a * only_b)
    if numerator > 0:
        numerator = max(numerator - n / 2, 0.0)
    phi = numerator / math.sqrt(product) if product else 0.0
    below = (p1 - low1) ** 2 - 2 * phi * (p1 - low1) * (high2 - p2) + (high2 - p2) ** 2
    above = (p2 - low2) ** 2 - 2 * phi * (p2 - low2) * (high1 - p1) + (high1 - p1) ** 2
    difference = p1 - p2
    return difference - math.sqrt(max(below, 0.0)), difference + math.sqrt(max(above, 0.0))


def _bootstrap_means(values: Sequence[float], seed: str, resamples: int) -> list[float]:
    rng = random.Random(seed)  # noqa: S311  (statistics, no secret)
    n = len(values)
    return sorted(math.fsum(rng.choices(values, k=n)) / n for _ in range(resamples))


def percentile(ordered: Sequence[float], q: float) -> float:
    """Return the linear interpolation between the two nearest order statistics."""
    position = q * (len(ordered) - 1)
    lower = math.floor(position)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (ordered[upper] - ordered[lower]) * (position - lower)


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    n = len(values)
    mean = math.fsum(values) / n
    variance = math.fsum((v - mean) ** 2 for v in values) / (n - 1)
    return mean, math.sqrt(variance / n)


def _check_pairs(a: Sequence[float], b: Sequence[float]) -> None:
    if len(a) != len(b) or not a:
        raise ValueError(f"a paired comparison needs the same questions on both sides, not {len(a)} and {len(b)}")
