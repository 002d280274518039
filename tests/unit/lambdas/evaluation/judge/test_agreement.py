"""Cohen's kappa against published values."""

from __future__ import annotations

import pytest

from lambdas.evaluation.judge.agreement import cohens_kappa


def table(yes_yes: int, yes_no: int, no_yes: int, no_no: int) -> list[tuple[str, str]]:
    cells = {("y", "y"): yes_yes, ("y", "n"): yes_no, ("n", "y"): no_yes, ("n", "n"): no_no}
    return [pair for pair, n in cells.items() for _ in range(n)]


@pytest.mark.parametrize(
    ("counts", "kappa"),
    [
        ((20, 5, 10, 15), 0.40),  # https://en.wikipedia.org/wiki/Cohen%27s_kappa, simple example
        ((45, 15, 25, 15), 0.1304),  # the same page, same percentages but different numbers
        ((25, 35, 5, 35), 0.2593),
        ((10, 0, 0, 10), 1.0),
        ((0, 10, 10, 0), -1.0),
        ((5, 5, 5, 5), 0.0),
    ],
)
def test_known_values(counts: tuple[int, int, int, int], kappa: float) -> None:
    found = cohens_kappa(table(*counts))
    assert found is not None
    assert found.value == pytest.approx(kappa, abs=0.0001)
    assert found.low <= found.value <= found.high
    assert found.n == sum(counts)


def test_the_interval_is_near_cohens_own_and_keeps_a_width_at_full_agreement() -> None:
    # Cohen (1960): standard error sqrt(po (1 - po) / (n (1 - pe)^2)); 0.4 +- 1.96 x 0.1296 of the first table.
    found = cohens_kappa(table(20, 5, 10, 15))
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(0.146, abs=0.04), pytest.approx(0.654, abs=0.04))
    full = cohens_kappa(table(10, 0, 0, 10))
    assert full is not None
    assert full.low < 0.75


def test_a_category_that_one_rater_never_uses_is_disagreement() -> None:
    found = cohens_kappa([("right", "right"), ("wrong", "undecided"), ("wrong", "wrong"), ("right", "undecided")])
    assert found is not None
    assert found.value == pytest.approx((0.5 - 0.25) / 0.75)


@pytest.mark.parametrize("pairs", [[], [("right", "right")] * 20])
def test_without_variety_there_is_no_kappa(pairs: list[tuple[str, str]]) -> None:
    assert cohens_kappa(pairs) is None
