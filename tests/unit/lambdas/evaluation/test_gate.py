"""The gate, and the trap that it exists for: overlap and form rank invented answers above right ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.experiment import GateRule, HouseStyle, Question
from contracts.run import AnswerRow, QualityRow
from lambdas.evaluation import logic
from lambdas.evaluation.gate import GateRefusedError, check, decide
from lambdas.evaluation.scoring import evaluate

TRAP = Path(__file__).parents[3] / "golden" / "ranking_trap" / "answers.tsv"
STYLE = HouseStyle(instruction="-", pattern=r"[^\[\]\n]{1,40} \[[A-Z]{3}-\d\d\]", refusal="The handbook does not say.")


def row(metric: str, value: float, low: float, high: float, variant: str = "rag", split: str = "all") -> QualityRow:
    return QualityRow(
        experiment="e",
        run="r",
        approach="rag",
        variant=variant,
        metric=metric,
        split=split,
        value=value,
        n=30,
        low=low,
        high=high,
        method="Wilson 95 %",
    )


RULES = (GateRule(metric="exact", minimum=0.5), GateRule(metric="citation", minimum=0.6))


@pytest.mark.parametrize(
    ("exact", "outcome", "accepted"),
    [
        ((0.80, 0.63, 0.90), "pass", True),
        ((0.60, 0.42, 0.75), "uncertain", True),
        ((0.50, 0.33, 0.67), "uncertain", True),
        ((0.47, 0.30, 0.64), "fail", False),
        ((0.03, 0.01, 0.17), "fail", False),
    ],
)
def test_outcomes(exact: tuple[float, float, float], outcome: str, accepted: bool) -> None:
    (verdict,) = decide(RULES, [row("exact", *exact), row("citation", 0.97, 0.83, 0.99)])
    assert (verdict.outcome, verdict.accepted) == (outcome, accepted)


def test_reasons_say_value_minimum_interval_and_doubt() -> None:
    (verdict,) = decide(RULES, [row("exact", 0.47, 0.30, 0.64), row("citation", 0.97, 0.83, 0.99)])
    assert verdict.reason == ("exact 0.47 is below 0.5 (95 % 0.3 to 0.64, n=30; the interval holds the minimum)")
    assert [r.straddles for r in verdict.rules] == [True, False]


def test_a_metric_that_was_not_measured_fails() -> None:
    (verdict,) = decide(RULES, [row("exact", 0.9, 0.8, 0.95)])
    assert (verdict.outcome, verdict.reason) == ("fail", "citation was not measured")


def test_rules_on_a_split_read_that_split_only() -> None:
    rules = [GateRule(metric="exact", minimum=0.5), GateRule(metric="exact", minimum=0.5, split="new-fact")]
    rows = [row("exact", 0.9, 0.8, 0.95), row("exact", 0.1, 0.0, 0.2, split="new-fact")]
    (verdict,) = decide(rules, rows)
    assert verdict.outcome == "fail"
    assert verdict.reason.startswith("exact on new-fact 0.1 is below 0.5")


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([], "nothing cannot tell a right answer from a wrong one"),
        ([("rouge-l", 0.5), ("bleu", 20), ("bertscore-f1", 0.6)], "rouge-l, bleu, bertscore-f1 cannot tell"),
        ([("citation", 0.5), ("format", 0.9)], "add a rule on exact or contained"),
        ([("exact", 0.5), ("rogue", 0.5)], "'rogue' is unknown; known are exact"),
        ([("exact", 0.5), ("false-refusal", 0.1)], "better when lower.*use attempted"),
        ([("exact", 0.0)], "must be above 0 and at most 1"),
        ([("exact", 60)], "must be above 0 and at most 1, not 60"),
        ([("exact", 0.5), ("bleu", 101)], "at most 100"),
    ],
)
def test_gates_that_cannot_decide_are_refused(rules: list[tuple[str, float]], said: str) -> None:
    with pytest.raises(GateRefusedError, match=said):
        check([GateRule(metric=metric, minimum=minimum) for metric, minimum in rules])


def test_correctness_on_unanswerable_questions_alone_rewards_refusing_everything() -> None:
    with pytest.raises(GateRefusedError, match="over answerable questions"):
        check([GateRule(metric="exact", minimum=0.5, split="unanswerable")])


@pytest.fixture(scope="module")
def trap() -> list[QualityRow]:
    """30 questions on facts that were never trained: closed-book LoRA invents them, few-shot RAG copies badly."""
    lines = [line.split("\t") for line in TRAP.read_text(encoding="utf-8").splitlines()[1:]]
    questions = [
        Question(id=f"q{i}", question="?", answer=line[0], document=line[0][-7:-1], tags=("new-fact",))
        for i, line in enumerate(lines)
    ]
    overlap, bertscore = logic.scorers()
    quality: list[QualityRow] = []
    for approach, variant, column in (("fine-tuning", "lora", 1), ("rag", "rag+few-shot", 2)):
        answers = [
            AnswerRow(
                experiment="e", run="r", approach=approach, variant=variant, question_id=f"q{i}", text=line[column]
            )
            for i, line in enumerate(lines)
        ]
        found = evaluate(
            answers,
            questions,
            STYLE,
            experiment="e",
            run="r",
            approach=approach,
            seed=1,
            overlap=overlap,
            bertscore=bertscore,
        )
        quality += [q for q in found.quality if q.variant == variant and q.split == "new-fact"]
    return quality


def value(rows: list[QualityRow], variant: str, metric: str) -> float:
    (found,) = [r.value for r in rows if (r.variant, r.metric) == (variant, metric)]
    return found


def test_overlap_ranks_the_trap_the_wrong_way_round(trap: list[QualityRow]) -> None:
    for metric in ("rouge-1", "rouge-2", "rouge-l", "bleu", "bertscore-f1", "format"):
        assert value(trap, "lora", metric) > value(trap, "rag+few-shot", metric), metric
    for metric in ("exact", "contained"):
        assert value(trap, "lora", metric) < value(trap, "rag+few-shot", metric), metric
    assert value(trap, "lora", "exact") == pytest.approx(1 / 30)
    assert value(trap, "lora", "rouge-l") == pytest.approx(0.61, abs=0.01)
    assert value(trap, "lora", "bleu") == pytest.approx(43, abs=1)
    assert value(trap, "rag+few-shot", "exact") == pytest.approx(6 / 30)
    assert value(trap, "rag+few-shot", "contained") == pytest.approx(15 / 30)
    assert value(trap, "rag+few-shot", "rouge-l") == pytest.approx(0.48, abs=0.01)


def test_a_gate_of_overlap_alone_is_refused_and_the_full_gate_is_right(trap: list[QualityRow]) -> None:
    overlap = [
        GateRule(metric="rouge-l", minimum=0.55, split="new-fact"),
        GateRule(metric="bleu", minimum=38, split="new-fact"),
        GateRule(metric="bertscore-f1", minimum=0.7, split="new-fact"),
    ]
    with pytest.raises(GateRefusedError, match="rouge-l, bleu, bertscore-f1 cannot tell a right answer"):
        decide(overlap, trap)
    full = [
        GateRule(metric="contained", minimum=0.4, split="new-fact"),
        GateRule(metric="citation", minimum=0.5, split="new-fact"),
    ]
    verdicts = {verdict.variant: verdict for verdict in decide(full, trap)}
    assert not verdicts["lora"].accepted
    assert verdicts["rag+few-shot"].accepted
    # Adding the overlap rules to it cannot rescue the invented answers.
    assert not {v.variant: v for v in decide([*full, *overlap], trap)}["lora"].accepted
