"""Numbers with units and a tolerance, and the overlap of tokens."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.experiment import Scoring
from lambdas.evaluation import text_metrics as tm
from lambdas.evaluation.labels import Labels
from lambdas.evaluation.text import numbers

STRICT = Scoring()
TEXTS = st.text(st.sampled_from("a ж字ไé0123456789.,-−%€$°kg[]#*\n"), max_size=12)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("€1,200 for 5kg at -4.5 °C", [("1200", "eur"), ("5", "kg"), ("-4.5", "°c")]),
        ("1'200.50 EUR", [("1200.50", "eur")]),
        ("1.234,5 €", [("1234.5", "eur")]),
        ("1,00,000 ₹", [("100000", "₹")]),
        ("12 percent", [("12", "%")]),
        ("30ヶ月", [("30", "ヶ")]),
        ("३० महीने", [("30", "महीने")]),
        ("٣٠ شهرا", [("30", "شهرا")]),
        ("10-20", [("10", None), ("20", None)]),
        ("at 12:30 in v2.1, the 3d", []),
    ],
)
def test_numbers_are_read_with_their_units(text: str, found: list[tuple[str, str | None]]) -> None:
    assert numbers(text) == [(Decimal(value), unit) for value, unit in found]


@pytest.mark.parametrize(
    ("text", "reference", "scoring", "right"),
    [
        ("It is 30 months.", "30 months [PRD-01]", STRICT, True),
        ("30", "30 months [PRD-01]", STRICT, True),
        ("30 years", "30 months [PRD-01]", STRICT, False),
        ("In 2023 the price was 42 EUR", "42 EUR", STRICT, True),
        ("€42.00", "42 EUR", STRICT, True),
        ("42 USD", "42 EUR", STRICT, False),
        ("-42 EUR", "42 EUR", STRICT, False),
        ("41 EUR, no, 42 EUR", "42 EUR", STRICT, False),
        ("1,200 EUR", "1200 EUR", STRICT, True),
        ("41.6 EUR", "42 EUR", Scoring(absolute_tolerance=0.4), True),
        ("41.59 EUR", "42 EUR", Scoring(absolute_tolerance=0.4), False),
        ("-98 °C", "-100 °C", Scoring(relative_tolerance=0.02), True),
        ("-97.9 °C", "-100 °C", Scoring(relative_tolerance=0.02), False),
        ("0.1", "0.3", Scoring(absolute_tolerance=0.2), True),
        ("[POL-12]", "12 [POL-01]", STRICT, False),
        ("none", "12 [POL-01]", STRICT, False),
        ("12", "red", STRICT, None),
        ("12", "between 10 and 12", STRICT, None),
    ],
)
def test_the_answers_number_is_compared_with_the_references(
    text: str, reference: str, scoring: Scoring, right: bool | None
) -> None:
    assert tm.numeric(text, reference, scoring) is right


@given(TEXTS, TEXTS)
def test_exact_implies_every_measure_of_a_value(text: str, reference: str) -> None:
    if tm.exact(text, reference):
        assert tm.numeric(text, reference, STRICT) is not False
        assert tm.token_f1(text, reference) == 1.0
    assert tm.numeric(reference, reference, STRICT) is not False


@given(TEXTS, TEXTS, st.floats(0, 5), st.floats(0, 5))
def test_a_wider_tolerance_never_makes_a_right_number_wrong(text: str, reference: str, a: float, b: float) -> None:
    narrow, wide = sorted((a, b))
    if tm.numeric(text, reference, Scoring(absolute_tolerance=narrow)):
        assert tm.numeric(text, reference, Scoring(absolute_tolerance=wide))


@pytest.mark.parametrize(
    ("text", "reference", "f1"),
    [
        ("You may return it in 30 days", "30 days", 2 * 2 / (7 + 2)),
        ("30 days [POL-01]", "30 days [POL-01]", 1.0),
        ("30 days [POL-02]", "30 days [POL-01]", 1.0),
        ("31 days", "30 days", 0.5),
        ("days days days", "days", 0.5),
        ("返品は30日以内", "30日", 2 * 2 / (7 + 2)),
        ("Возврат за 30 дней", "30 дней", 2 * 2 / (4 + 2)),
        ("คืนได้ใน", "คืนได้ใน", 1.0),
        ("ÉTÉ", "e\u0301te\u0301", 1.0),
        ("", "30 days", 0.0),
        ("red", "blue", 0.0),
    ],
)
def test_token_f1(text: str, reference: str, f1: float) -> None:
    assert tm.token_f1(text, reference) == pytest.approx(f1)


@given(TEXTS, TEXTS)
def test_token_f1_is_a_share_and_never_rewards_more_words(text: str, reference: str) -> None:
    before = tm.token_f1(text, reference)
    assert 0.0 <= before <= 1.0
    if not tm.exact(text, reference):
        assert tm.token_f1(f"{text} zzz", reference) <= before


@given(st.text(max_size=12), st.text(max_size=12))
def test_canonically_equal_texts_are_equal_to_every_measure(text: str, reference: str) -> None:
    other = unicodedata.normalize("NFD", text), unicodedata.normalize("NFD", reference)
    assert tm.token_f1(*other) == tm.token_f1(text, reference)
    assert tm.numeric(*other, STRICT) == tm.numeric(text, reference, STRICT)
    labels = Labels([reference, "other"])
    assert labels.named(other[0], reference) == labels.named(text, reference)
    assert labels.of(other[1]) == labels.of(reference)
