"""Answers and questions in, scores and quality out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from contracts.experiment import HouseStyle, Question
from contracts.run import AnswerRow, QualityRow, Retrieved
from lambdas.evaluation.metrics import METRICS
from lambdas.evaluation.scoring import AnswersError, Evaluation, evaluate, split_of

STYLE = HouseStyle(instruction="-", pattern=r"[^\[\]\n]{1,40} \[[A-Z]{3}-\d\d\]", refusal="The handbook does not say.")
QUESTIONS = [
    Question(id="s1", question="?", answer="30 months [PRD-01]", document="PRD-01", tags=("seen-fact", "warranty")),
    Question(id="s2", question="?", answer="4 kg [PRD-02]", document="PRD-02", tags=("seen-fact",)),
    Question(id="n1", question="?", answer="red [PRD-03]", document="PRD-03", tags=("new-fact",)),
    Question(id="u1", question="?", answer=STYLE.refusal, unanswerable=True, tags=("unanswerable",)),
]


class FirstLetters:
    """Scorers that need no model: the share of equal leading characters."""

    def score(self, text: str, reference: str) -> dict[str, float]:
        return {"rouge-1": 0.0, "rouge-2": 0.0, "rouge-l": float(text[:1] == reference[:1]), "bleu": 0.0}


class Lengths:
    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float, float]]:
        self.pairs = list(pairs)
        return [(1.0, 0.5, 0.25) for _ in pairs]

    def measures(self, text: str) -> bool:
        return "ሰ" not in text


def answer(question_id: str, text: str, variant: str = "zero-shot", **changes: Any) -> AnswerRow:
    row = AnswerRow(experiment="e", run="r", approach="prompting", variant=variant, question_id=question_id, text=text)
    return replace(row, **changes)


def run(rows: list[AnswerRow], approach: Any = "prompting", bertscore: Lengths | None = None) -> Evaluation:
    return evaluate(
        rows,
        QUESTIONS,
        STYLE,
        experiment="e",
        run="r",
        approach=approach,
        seed=1,
        overlap=FirstLetters(),
        bertscore=bertscore or Lengths(),
    )


def quality(found: Evaluation, variant: str, metric: str, split: str = "all") -> QualityRow:
    (row,) = [q for q in found.quality if (q.variant, q.metric, q.split) == (variant, metric, split)]
    return row


ALL_RIGHT = [answer(q.id, q.answer) for q in QUESTIONS]


@pytest.mark.parametrize(
    ("text", "stop_reason"),
    [("", "end_turn"), ("This request was blocked.", "guardrail_intervened"), ("", "content_filtered")],
)
def test_what_is_no_answer_of_the_model_is_neither_attempted_nor_fabricated(text: str, stop_reason: str) -> None:
    found = run([answer(q.id, text, stop_reason=stop_reason) for q in QUESTIONS])
    for metric in ("attempted", "fabricated", "exact", "contained", "refusal-recall"):
        assert quality(found, "zero-shot", metric).value == 0, metric
    assert quality(found, "zero-shot", "error").value == 1


def test_a_cut_answer_counts_for_what_is_there_and_is_not_attempted() -> None:
    found = run([answer(q.id, f"{q.answer} because the", stop_reason="max_tokens") for q in QUESTIONS])
    assert quality(found, "zero-shot", "contained").value == 1
    for metric in ("attempted", "fabricated", "exact", "error"):
        assert quality(found, "zero-shot", metric).value == 0, metric
    lost = run([answer(q.id, "I think that it", stop_reason="max_tokens") for q in QUESTIONS])
    for metric in ("attempted", "fabricated", "contained"):
        assert quality(lost, "zero-shot", metric).value == 0, metric


def test_quality_over_all_questions_and_over_each_split() -> None:
    found = run([*ALL_RIGHT[:2], answer("n1", "blue [PRD-03]"), ALL_RIGHT[3]])
    exact = quality(found, "zero-shot", "exact")
    assert (exact.value, exact.n, exact.method) == (0.75, 4, "Wilson 95 %")
    assert exact.low == pytest.approx(0.30, abs=0.005)
    assert (
        quality(found, "zero-shot", "exact", "seen-fact").value,
        quality(found, "zero-shot", "exact", "new-fact").value,
    ) == (1.0, 0.0)
    assert quality(found, "zero-shot", "citation").n == 3
    assert quality(found, "zero-shot", "refusal-recall").n == 1
    assert quality(found, "zero-shot", "rouge-l").method.startswith("bootstrap")
    assert {q.metric for q in found.quality} <= set(METRICS)
    assert {q.split for q in found.quality} == {"all", "seen-fact", "new-fact", "unanswerable"}


def test_an_error_row_and_a_missing_row_count_as_wrong_and_as_errors() -> None:
    rows = [ALL_RIGHT[0], answer("s2", "4 kg [PRD-02]", error="temporary: throttled"), ALL_RIGHT[3]]
    found = run(rows)
    assert quality(found, "zero-shot", "exact").value == 0.5
    assert quality(found, "zero-shot", "exact").n == 4
    assert quality(found, "zero-shot", "error").value == 0.5
    assert quality(found, "zero-shot", "attempted").value == pytest.approx(1 / 3)
    scores = {s.question_id: s.scores for s in found.scores if s.variant == "zero-shot"}
    assert scores["s2"]["contained"] == 0.0


def test_a_variant_without_any_answer_is_scored_as_failed() -> None:
    found = run(ALL_RIGHT)
    assert quality(found, "few-shot", "error").value == 1.0
    assert quality(found, "few-shot", "exact").value == 0.0


def test_chain_of_thought_is_scored_on_its_final_answer() -> None:
    rows = [*ALL_RIGHT, answer("s1", "The page says 12 [PRD-09]. Answer: 30 months [PRD-01]", "chain-of-thought")]
    scores = {s.question_id: s.scores for s in run(rows).scores if s.variant == "chain-of-thought"}
    assert (scores["s1"]["exact"], scores["s1"]["citation"], scores["s1"]["format"]) == (1.0, 1.0, 1.0)


def test_hits_only_where_something_was_retrieved() -> None:
    def retrieved(*pages: str) -> tuple[Retrieved, ...]:
        return tuple(Retrieved(document=p, chunk=f"{p}#0", rank=i, score=1.0) for i, p in enumerate(pages, start=1))

    rows = [
        answer("s1", "-", "rag", approach="rag", retrieved=retrieved("PRD-01", "PRD-02", "PRD-03")),
        answer("s2", "-", "rag", approach="rag", retrieved=retrieved("PRD-03", "PRD-02", "PRD-01")),
        answer("n1", "", "rag", approach="rag", error="deadline"),
        answer("u1", "-", "rag", approach="rag", retrieved=retrieved("PRD-01", "PRD-02", "PRD-03")),
    ]
    found = run(rows, "rag")
    assert quality(found, "rag", "hit@1").value == pytest.approx(1 / 3)
    assert quality(found, "rag", "hit@3").value == pytest.approx(2 / 3)
    assert quality(found, "rag", "hit@3").n == 3
    assert not [q for q in found.quality if q.metric == "hit@5" or (q.variant, q.metric) == ("rag+few-shot", "hit@1")]


def test_one_reference_is_scored_for_all_variants_in_a_row() -> None:
    bertscore = Lengths()
    run([*ALL_RIGHT, *(replace(row, variant="few-shot") for row in ALL_RIGHT)], bertscore=bertscore)
    references = [reference for _, reference in bertscore.pairs]
    assert references == [q.answer for q in QUESTIONS for _ in range(3)]


def test_the_order_of_answers_changes_nothing() -> None:
    assert run(ALL_RIGHT) == run(ALL_RIGHT[::-1])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([answer("x9", "-")], "question x9 is not in the test questions"),
        ([answer("s1", "-"), answer("s1", "-")], "question s1 is answered twice"),
        ([answer("s1", "-", "rag")], "variant 'rag' is not one of zero-shot"),
    ],
)
def test_answers_that_do_not_fit_are_refused(rows: list[AnswerRow], said: str) -> None:
    with pytest.raises(AnswersError, match=said):
        run(rows)


def test_splits_of_questions_without_tags() -> None:
    assert split_of(replace(QUESTIONS[0], tags=())) == "answerable"
    assert split_of(replace(QUESTIONS[3], tags=())) == "unanswerable"


def test_what_cannot_be_measured_is_left_out_of_the_mean_and_counted() -> None:
    found = run(ALL_RIGHT)
    numeric = quality(found, "zero-shot", "numeric")
    assert (numeric.value, numeric.n, numeric.left_out) == (1.0, 2, 2)
    assert quality(found, "zero-shot", "exact").left_out == 0
    assert [row.left_out for row in found.scores[2:4]] == [("numeric",), ("numeric",)]


def test_a_reference_in_a_script_that_the_model_does_not_know_has_no_bertscore() -> None:
    questions = [QUESTIONS[0], Question(id="e1", question="?", answer="ሰላም")]
    bertscore = Lengths()
    found = evaluate(
        [answer("s1", "30 months [PRD-01]"), answer("e1", "ሰላም")],
        questions,
        STYLE,
        experiment="e",
        run="r",
        approach="prompting",
        seed=1,
        overlap=FirstLetters(),
        bertscore=bertscore,
    )
    assert {reference for _, reference in bertscore.pairs} == {"30 months [PRD-01]"}
    row = quality(found, "zero-shot", "bertscore-f1")
    assert (row.n, row.left_out) == (1, 1)


def test_a_label_task_has_accuracy_macro_f1_and_figures_of_each_label() -> None:
    questions = [Question(id=f"q{i}", question="?", answer=a) for i, a in enumerate(["red", "red", "Blue", "green"])]
    texts = ["red", "It is blue.", "BLUE", "red or green"]
    found = evaluate(
        [answer(f"q{i}", text) for i, text in enumerate(texts)],
        questions,
        HouseStyle(instruction="-"),
        experiment="e",
        run="r",
        approach="prompting",
        seed=1,
        overlap=FirstLetters(),
        bertscore=Lengths(),
        label_task=True,
    )
    assert [row.scores["label-accuracy"] for row in found.scores[:4]] == [1.0, 0.0, 1.0, 0.0]
    assert quality(found, "zero-shot", "label-accuracy").value == 0.5
    assert quality(found, "zero-shot", "macro-f1").value == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert quality(found, "zero-shot", "label-recall", "red").value == 0.5
    assert quality(found, "zero-shot", "label-precision", "Blue").value == 0.5
    # Nothing named green alone: there is no share of nothing.
    assert not [q for q in found.quality if (q.variant, q.metric, q.split) == ("zero-shot", "label-precision", "green")]
    assert quality(found, "zero-shot", "label-f1", "green").value == 0.0
    # A variant whose answers all failed names no label.
    assert quality(found, "few-shot", "macro-f1").value == 0.0


def test_judged_scores_join_the_others() -> None:
    judged = {("zero-shot", "s1"): {"judged": 0.5, "undecided": 1.0}, ("zero-shot", "s2"): {"judged": None}}
    found = evaluate(
        ALL_RIGHT,
        QUESTIONS,
        STYLE,
        experiment="e",
        run="r",
        approach="prompting",
        seed=1,
        overlap=FirstLetters(),
        bertscore=Lengths(),
        judged=judged,
    )
    row = quality(found, "zero-shot", "judged")
    assert (row.value, row.n, row.left_out, row.method) == (0.5, 1, 1, "Wilson 95 %")
    assert row.low < 0.2 < 0.8 < row.high
