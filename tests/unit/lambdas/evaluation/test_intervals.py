"""Intervals and paired tests against published numbers, by definition, and by their properties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.evaluation.intervals import (
    RESAMPLES,
    binomial_two_sided,
    mcnemar,
    mean_interval,
    paired_bootstrap,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(0, 30, 0, 0.11), (1, 30, 0.01, 0.17), (6, 30, 0.10, 0.37), (11, 30, 0.22, 0.55), (27, 30, 0.74, 0.97)],
)
def test_wilson(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.006)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_mirrors(case: tuple[int, int]) -> None:
    successes, n = case
    low, high, _ = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    mirrored = wilson(n - successes, n)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_no_proportion(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no proportion"):
        wilson(successes, n)


def paired(both: int, only_a: int, only_b: int, neither: int) -> tuple[list[float], list[float]]:
    cells = [(1.0, 1.0)] * both + [(1.0, 0.0)] * only_a + [(0.0, 1.0)] * only_b + [(0.0, 0.0)] * neither
    return [a for a, _ in cells], [b for _, b in cells]


def test_mcnemar_on_the_textbook_example() -> None:
    """Two culture media on 50 specimens (Armitage and Berry): exact p .0129, Newcombe .0562 to .3292."""
    found = mcnemar(*paired(20, 12, 2, 16))
    assert found.difference == pytest.approx(0.2)
    assert found.p_value == pytest.approx(0.012939453125, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((0.056156, 0.329207), abs=1e-6)


def test_no_disagreement_is_no_proof_of_equality() -> None:
    found = mcnemar(*paired(20, 0, 0, 10))
    assert (found.difference, found.p_value) == (0.0, 1.0)
    assert found.low < -0.02 < 0.02 < found.high


@given(*[st.integers(0, 30)] * 4)
def test_mcnemar_mirrors(both: int, only_a: int, only_b: int, neither: int) -> None:
    if both + only_a + only_b + neither == 0:
        return
    a, b = paired(both, only_a, only_b, neither)
    there, back = mcnemar(a, b), mcnemar(b, a)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-12)
    assert there.p_value == back.p_value
    assert there.low <= there.difference + 1e-12
    assert there.difference - 1e-12 <= there.high


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 5), (3, 9), (7, 7), (40, 61)])
def test_binomial_by_definition(first: int, second: int) -> None:
    n, k = first + second, min(first, second)
    assert binomial_two_sided(first, second) == pytest.approx(
        min(1, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n)
    )


def test_binomial_of_many_questions_stays_exact() -> None:
    assert binomial_two_sided(4000, 4000) == 1.0
    assert 0 < binomial_two_sided(3800, 4200) < 1e-5


def test_mcnemar_wants_zeros_and_ones() -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        mcnemar([0.5], [1.0])


def test_bootstrap_is_repeatable_and_near_the_normal_interval() -> None:
    values = [float(i % 10) for i in range(200)]
    first, again, other = (mean_interval(values, seed) for seed in ("a", "a", "b"))
    assert first == again
    assert first != other
    half = 1.96 * math.sqrt(sum((v - 4.5) ** 2 for v in values) / 199 / 200)
    assert (first.low, first.high) == pytest.approx((4.5 - half, 4.5 + half), abs=0.08)
    assert first.method == "bootstrap 95 %, 1000 resamples"


def test_many_values_take_the_normal_approximation() -> None:
    found = mean_interval([0.0, 1.0] * 1500, "a")
    assert found.method == "normal 95 %"
    assert (found.low, found.high) == pytest.approx((0.5 - 0.0179, 0.5 + 0.0179), abs=1e-4)


def test_paired_bootstrap_sees_a_steady_small_gain() -> None:
    """Scores differ widely between questions; the gain is the same on each, which only a paired test sees."""
    b = [float(i) for i in range(40)]
    a = [x + 0.5 + 0.1 * (i % 3) for i, x in enumerate(b)]
    found = paired_bootstrap(a, b, "seed")
    assert 0.5 < found.low < found.difference < found.high < 0.7
    assert found.p_value == pytest.approx(2 / (RESAMPLES + 1))


def test_paired_bootstrap_without_difference() -> None:
    found = paired_bootstrap([0.3, 0.4], [0.3, 0.4], "seed")
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_paired_bootstrap_of_noise_is_not_significant() -> None:
    a = [math.sin(i) for i in range(60)]
    b = [math.sin(i + 0.1) for i in range(60)]
    found = paired_bootstrap(a, b, "seed")
    assert found.low < 0 < found.high
    assert found.p_value > 0.1


def test_pairs_must_have_the_same_questions() -> None:
    with pytest.raises(ValueError, match="the same questions on both sides, not 1 and 2"):
        paired_bootstrap([1.0], [1.0, 2.0], "seed")
