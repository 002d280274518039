"""ROUGE and BLEU against the golden numbers, and the reason why BLEU is not corpus BLEU."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdas.evaluation import logic
from lambdas.evaluation.overlap import Overlap

CASES = Path(__file__).parents[3] / "golden" / "answers" / "cases.tsv"


@pytest.fixture(scope="module")
def overlap() -> Overlap:
    return logic.scorers()[0]


def test_golden_cases(overlap: Overlap) -> None:
    lines = CASES.read_text(encoding="utf-8").splitlines()[1:]
    assert len(lines) >= 30
    for line in lines:
        text, reference, _, _, *numbers = line.split("\t")
        found = overlap.score(text, reference)
        assert [found[name] for name in ("rouge-1", "rouge-2", "rouge-l")] == pytest.approx(
            [float(x) for x in numbers[:3]], abs=5e-5
        ), line
        assert found["bleu"] == pytest.approx(float(numbers[3]), abs=5e-3), line


def test_rouge_by_hand(overlap: Overlap) -> None:
    """`33 months prd 02` and `30 months prd 01` share 2 of 4 words, 1 of 3 word pairs, a sequence of 2 words."""
    found = overlap.score("33 months [PRD-02]", "30 months [PRD-01]")
    assert [found["rouge-1"], found["rouge-2"], found["rouge-l"]] == pytest.approx([2 / 4, 1 / 3, 2 / 4])


def test_corpus_bleu_of_identical_short_answers_is_zero_and_ours_is_not(overlap: Overlap) -> None:
    from sacrebleu import corpus_bleu

    assert corpus_bleu(["red wine"], [["red wine"]]).score == 0.0
    assert overlap.score("red wine", "red wine")["bleu"] == pytest.approx(100)
