"""Which label an answer names, and the figures of each label by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.evaluation import text_metrics as tm
from lambdas.evaluation.labels import Labels, figures

COLOURS = Labels(["red", "Dark red", "blue [TRY-01]", "C++", "C#", "緊急", "срочно"])


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("red", "red"),
        ("The tray is RED.", "red"),
        ("**Dark red**", "Dark red"),
        ("dark red or red", None),
        ("red, red and red", "red"),
        ("reddish", None),
        ("blue", "blue"),
        ("blue [TRY-01]", "blue"),
        ("C#", "C#"),
        ("C", None),
        ("これは緊急です", "緊急"),
        ("Это срочно!", "срочно"),
        ("", None),
    ],
)
def test_an_answer_names_one_label_or_none(text: str, label: str | None) -> None:
    assert COLOURS.named(text, "red") == label


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=5), st.data())
def test_a_reference_names_itself(references: list[str], data: st.DataObject) -> None:
    labels = Labels(references)
    chosen = data.draw(st.sampled_from(references))
    assert labels.named(chosen, chosen) == labels.of(chosen)
    assert tm.exact(chosen, chosen)


PAIRS = [("a", "a")] * 6 + [("a", "b")] * 2 + [("b", "b")] * 3 + [("b", None)] + [("c", "a")] * 2


def test_figures_by_hand() -> None:
    found = {(f.metric, f.label): f for f in figures(PAIRS, "1")}
    assert found["label-precision", "a"][2:4] == (6 / 8, 8)
    assert found["label-recall", "a"][2:4] == (6 / 8, 8)
    assert found["label-precision", "b"][2:4] == (3 / 5, 5)
    assert found["label-recall", "b"][2:4] == (3 / 4, 4)
    assert found["label-f1", "b"].value == pytest.approx(2 * 0.6 * 0.75 / 1.35)
    assert found["label-f1", "c"].value == 0.0
    assert ("label-precision", "c") not in found
    macro = found["macro-f1", None]
    assert macro.value == pytest.approx((0.75 + 2 / 3 + 0) / 3)
    assert macro.interval.low < macro.value < macro.interval.high
    assert macro.n == len(PAIRS)


def test_figures_are_deterministic_and_need_no_order() -> None:
    assert figures(PAIRS, "1") == figures(PAIRS, "1")
    assert [f[:4] for f in figures(PAIRS[::-1], "1")] == [f[:4] for f in figures(PAIRS, "1")]


def test_intervals_hold_their_values() -> None:
    for figure in figures(PAIRS, "1"):
        assert figure.interval.low <= figure.value <= figure.interval.high, figure
