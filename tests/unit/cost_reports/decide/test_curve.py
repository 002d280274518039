from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cost_reports.decide.curve import Curve, Interval, Term, crossings, envelope

small = st.fractions(min_value=0, max_value=20, max_denominator=12)


@st.composite
def terms(draw: st.DrawFn) -> Term:
    growth = draw(st.sampled_from(["once", "monthly", "request", "unit", "awake", "refresh"]))
    usd = draw(small)
    if growth == "request":
        usd /= 10
    return Term(
        cost_behavior=growth,  # type: ignore[arg-type]
        input="d",
        usd=usd,
        capacity=draw(st.fractions(min_value=Fraction(1, 2), max_value=40, max_denominator=7)),
        minimum=draw(st.integers(0, 3)),
        included=draw(st.integers(0, 3)),
        cap=usd * draw(st.integers(0, 50)),
        every_months=draw(st.integers(1, 4)),
    )


curves = st.lists(terms(), min_size=0, max_size=4).map(lambda ts: Curve(name="c", terms=tuple(ts)))


def brute(options: list[Curve], top: int, months: int) -> list[int]:
    def winner(v: int) -> int:
        costs = [c.total([v] * months) for c in options]
        return costs.index(min(costs))

    return [winner(v) for v in range(1, top + 1)]


def expand(found: list[Interval]) -> list[int]:
    return [i.winner for i in found for _ in range(i.low, i.high + 1)]


@settings(max_examples=150)
@given(st.lists(curves, min_size=1, max_size=4), st.integers(1, 50), st.integers(1, 3))
def test_the_envelope_equals_brute_force(options: list[Curve], top: int, months: int) -> None:
    found = envelope(options, top, months)
    assert expand(found) == brute(options, top, months)
    assert found[0].low == 1
    assert found[-1].high == top
    assert all(a.high + 1 == b.low and a.winner != b.winner for a, b in pairwise(found))


def test_the_envelope_equals_brute_force_on_thousands_of_step_functions() -> None:
    """2,500 seeded groups of step functions, drawn so that they cross often."""
    rng = random.Random(7)
    crossed = 0
    for _ in range(2500):
        options = [
            Curve(
                name=str(n),
                terms=(
                    Term(cost_behavior="monthly", input="", usd=Fraction(rng.randint(0, 30))),
                    Term(cost_behavior="request", input="", usd=Fraction(rng.randint(0, 12), 10)),
                    Term(
                        cost_behavior="unit",
                        input="",
                        usd=Fraction(rng.randint(1, 15)),
                        capacity=Fraction(rng.randint(3, 30), rng.randint(1, 4)),
                        minimum=rng.randint(0, 2),
                    ),
                    Term(
                        cost_behavior="awake",
                        input="",
                        usd=Fraction(rng.randint(0, 5)),
                        cap=Fraction(rng.randint(0, 40)),
                    ),
                ),
            )
            for n in range(rng.randint(2, 4))
        ]
        found = envelope(options, 25)
        assert expand(found) == brute(options, 25, 1)
        crossed += len(found) > 2
    assert crossed > 300


def test_two_options_can_cross_many_times() -> None:
    steps = Curve(name="steps", terms=(Term(cost_behavior="unit", input="", usd=Fraction(10), capacity=Fraction(10)),))
    line = Curve(name="line", terms=(Term(cost_behavior="request", input="", usd=Fraction(1)),))
    # 10 for each 10 begun against 1 a request: the line is cheaper until the tenth, where both cost the same
    assert crossings(steps, line, 25) == [(1, 1), (10, 0), (11, 1), (20, 0), (21, 1)]


def test_totals_with_growth_and_refreshes() -> None:
    curve = Curve(
        name="c",
        terms=(
            Term(cost_behavior="once", input="a", usd=Fraction(100)),
            Term(cost_behavior="request", input="b", usd=Fraction(2)),
            Term(cost_behavior="refresh", input="c", usd=Fraction(7), every_months=3),
        ),
    )
    # 100 + 2 x (1 + 2 + 3 + 4) + 7 x floor(4 / 3)
    assert curve.total([1, 2, 3, 4]) == 100 + 20 + 7


@settings(max_examples=200)
@given(curves, st.lists(st.integers(0, 100), min_size=1, max_size=6))
def test_more_requests_never_cost_less(curve: Curve, volumes: list[int]) -> None:
    assert curve.total([v + 1 for v in volumes]) >= curve.total(volumes) >= 0


def test_what_an_envelope_needs() -> None:
    with pytest.raises(ValueError, match="at least one option"):
        envelope([], 10)
    with pytest.raises(ValueError, match="top and months"):
        envelope([Curve(name="c", terms=())], 0)
    assert envelope([Curve(name="c", terms=())], 5) == [Interval(1, 5, 0)]
