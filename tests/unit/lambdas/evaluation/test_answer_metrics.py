"""Exact match, containment, citations, format, abstention: golden cases, and the traps by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.experiment import HouseStyle, Question
from lambdas.evaluation import text_metrics as tm
from lambdas.evaluation.text import has_run, tokens

PATTERN = r"[^\[\]\n]{1,40} \[[A-Z]{3}-\d\d\]"
STYLE = HouseStyle(
    instruction="Answer with the value and the page.",
    pattern=PATTERN,
    refusal="The handbook does not say.",
)
KNOWN = Question(id="q1", question="How long?", answer="30 months [PRD-01]", document="PRD-01", tags=("seen-fact",))
UNKNOWN = Question(id="q2", question="Why?", answer=STYLE.refusal, unanswerable=True, tags=("unanswerable",))
CASES = Path(__file__).parents[3] / "golden" / "answers" / "cases.tsv"


def cases() -> list[list[str]]:
    return [line.split("\t") for line in CASES.read_text(encoding="utf-8").splitlines()[1:]]


@pytest.mark.parametrize("case", cases(), ids=lambda c: f"{c[0]} | {c[1]}")
def test_golden_cases(case: list[str]) -> None:
    text, reference, exact, contained = case[:4]
    assert tm.exact(text, reference) is bool(int(exact))
    assert tm.contained(text, reference) is bool(int(contained))


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_a_value_is_found_between_any_other_words(value: str, before: str, after: str) -> None:
    value = " ".join(tokens(value))
    if any(c.isalnum() for c in value):  # punctuation alone is a value only where nothing else stands beside it
        assert has_run(tokens(value), tokens(f"{before} . {value} . {after}"))


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_number_is_not_found_in_another_number(a: int, b: int) -> None:
    assert tm.contained(f"It is {b} months", f"{a} months [PRD-01]") is (a == b)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("30 months [PRD-01]", True),
        ("30 months [PRD-01] [PRD-02]", True),
        ("30 months [PRD-02], see [PRD-01]", False),
        ("30 months PRD-01", False),
        ("30 months [prd-01]", True),
        ("", False),
    ],
)
def test_the_first_bracketed_id_decides_the_citation(text: str, right: bool) -> None:
    assert tm.cites(text, "PRD-01") is right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("30 months [PRD-01]", True),
        (" 30 months [PRD-01]\n", True),
        ("Answer: 30 months [PRD-01].", False),
        ("30 months [PRD-1]", False),
        ("30 months\n[PRD-01]", False),
        (STYLE.refusal, True),
        (f"Sorry. {STYLE.refusal}", False),
        ("", False),
    ],
)
def test_the_whole_answer_must_be_in_house_style(text: str, right: bool) -> None:
    assert tm.in_format(text, PATTERN, STYLE.refusal) is right


def test_a_right_answer() -> None:
    assert tm.score("30 months [PRD-01]", KNOWN, STYLE) == {
        "exact": 1.0,
        "contained": 1.0,
        "numeric": 1.0,
        "token-f1": 1.0,
        "format": 1.0,
        "error": 0.0,
        "false-refusal": 0.0,
        "attempted": 1.0,
        "citation": 1.0,
    }


def test_abstention_on_answerable_and_unanswerable_questions() -> None:
    false_refusal = tm.score("Sorry, the handbook does not say.", KNOWN, STYLE)
    assert (false_refusal["false-refusal"], false_refusal["attempted"]) == (1.0, 0.0)
    right = tm.score(STYLE.refusal, UNKNOWN, STYLE)
    assert (right["refusal-recall"], right["fabricated"], right["exact"], right["contained"]) == (1.0, 0.0, 1.0, 1.0)
    made_up = tm.score("30 months [PRD-01]", UNKNOWN, STYLE)
    assert (made_up["refusal-recall"], made_up["fabricated"], made_up["exact"]) == (0.0, 1.0, 0.0)
    assert "citation" not in right
    assert "false-refusal" not in right


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_no_text_is_no_answer(text: str) -> None:
    for question in (KNOWN, UNKNOWN):
        found = tm.score(text, question, STYLE)
        assert found.pop("error") == 1.0
        # The refusal holds no number that an answer could match.
        assert (found.pop("numeric") is None) is question.unanswerable
        assert set(found.values()) == {0.0}


def test_a_cut_text_counts_for_what_is_there() -> None:
    known = tm.score("It is 30 months, as the page", KNOWN, STYLE, cut=True)
    assert (known["contained"], known["attempted"], known["error"]) == (1.0, 0.0, 0.0)
    unknown = tm.score("It is 30 months, as the page", UNKNOWN, STYLE, cut=True)
    assert (unknown["fabricated"], unknown["refusal-recall"]) == (0.0, 0.0)
    refused = tm.score(f"{STYLE.refusal} Because the", UNKNOWN, STYLE, cut=True)
    assert refused["refusal-recall"] == 1.0


def test_a_failed_question_is_wrong_in_everything_and_neither_refusal_nor_fabrication() -> None:
    known = tm.score("30 months [PRD-01]", KNOWN, STYLE, failed=True)
    assert known.pop("error") == 1.0
    assert set(known.values()) == {0.0}
    unknown = tm.score(STYLE.refusal, UNKNOWN, STYLE, failed=True)
    assert unknown.pop("error") == 1.0
    assert unknown.pop("numeric") is None
    assert set(unknown.values()) == {0.0}


def test_without_pattern_and_refusal_neither_form_nor_abstention_is_measured() -> None:
    free = HouseStyle(instruction="Answer.")
    assert set(tm.score("30 months [PRD-01]", KNOWN, free)) == set(tm.score("", KNOWN, STYLE)) - {
        "format",
        "attempted",
        "false-refusal",
    }
    assert "format" in tm.score("30 months", KNOWN, replace(STYLE, refusal=None))
    assert {"refusal-recall", "fabricated"}.isdisjoint(tm.score("", UNKNOWN, free))
