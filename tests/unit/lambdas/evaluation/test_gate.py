"""The gate, and the trap that it exists for: overlap and form rank invented answers above right ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.experiment import GateRule, HouseStyle, Judge, Question
from contracts.run import AnswerRow, PairedRow, QualityRow
from lambdas.evaluation import logic
from lambdas.evaluation.gate import GateRefusedError, Verdict, check, decide
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


def verdicts(rules: Sequence[GateRule], rows: Sequence[QualityRow], **more: Any) -> list[Verdict]:
    return decide(rules, rows, **{"task": "short-value", **more})


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
    (verdict,) = verdicts(RULES, [row("exact", *exact), row("citation", 0.97, 0.83, 0.99)])
    assert (verdict.outcome, verdict.accepted) == (outcome, accepted)


def test_reasons_say_value_minimum_interval_and_doubt() -> None:
    (verdict,) = verdicts(RULES, [row("exact", 0.47, 0.30, 0.64), row("citation", 0.97, 0.83, 0.99)])
    assert verdict.reason == ("exact 0.47 is below 0.5 (95 % 0.3 to 0.64, n=30; the interval holds the minimum)")
    assert [r.straddles for r in verdict.rules] == [True, False]


def test_a_metric_that_was_not_measured_fails() -> None:
    (verdict,) = verdicts(RULES, [row("exact", 0.9, 0.8, 0.95)])
    assert (verdict.outcome, verdict.reason) == ("fail", "citation was not measured")


def test_rules_on_a_split_read_that_split_only() -> None:
    rules = [GateRule(metric="exact", minimum=0.5), GateRule(metric="exact", minimum=0.5, split="new-fact")]
    rows = [row("exact", 0.9, 0.8, 0.95), row("exact", 0.1, 0.0, 0.2, split="new-fact")]
    (verdict,) = verdicts(rules, rows)
    assert verdict.outcome == "fail"
    assert verdict.reason.startswith("exact on new-fact 0.1 is below 0.5")


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([], r"no rule asks for right answers \(got no rule\)"),
        (
            [("rouge-l", 0.5), ("bleu", 20), ("bertscore-f1", 0.6)],
            r"no rule asks for right answers \(got rouge-l, bleu, bertscore-f1\)",
        ),
        ([("citation", 0.5), ("format", 0.9)], "add a rule on exact or contained or numeric"),
        ([("exact", 0.5), ("rogue", 0.5)], "'rogue' is unknown; use one of exact"),
        ([("exact", 0.5), ("false-refusal", 0.1)], "better when lower.*use attempted"),
        ([("exact", 0.0)], "0 is out of range; exact needs a minimum above 0 and at most 1"),
        ([("exact", 60)], "60 is out of range"),
        ([("exact", 0.5), ("bleu", 101)], "at most 100"),
    ],
)
def test_gates_that_cannot_decide_are_refused(rules: list[tuple[str, float]], said: str) -> None:
    with pytest.raises(GateRefusedError, match=said):
        check([GateRule(metric=metric, minimum=minimum) for metric, minimum in rules], "short-value")


def test_correctness_on_unanswerable_questions_alone_rewards_refusing_everything() -> None:
    with pytest.raises(GateRefusedError, match="over answerable questions"):
        check([GateRule(metric="exact", minimum=0.5, split="unanswerable")], "short-value")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (GateRule(metric="exact"), "demands nothing; set minimum, or not_worse_than and margin"),
        (GateRule(metric="exact", not_worse_than="lora"), "go together"),
        (GateRule(metric="exact", minimum=0.5, margin=0.1), "go together"),
        (GateRule(metric="exact", not_worse_than="lore", margin=0.1), "'lore' is not a variant; use one of zero-shot"),
        (GateRule(metric="exact", not_worse_than="lora", margin=0.0), "0 is out of range"),
        (GateRule(metric="exact", not_worse_than="lora", margin=1.0), "needs a margin above 0 and below 1"),
        (GateRule(metric="exact", not_worse_than="lora", margin=0.1, split="new-fact"), "leave split out"),
        (GateRule(metric="macro-f1", not_worse_than="lora", margin=0.1), "question by question"),
        (GateRule(metric="label-recall", minimum=0.5), "name the label as split"),
    ],
)
def test_rules_that_demand_nothing_clear_are_refused(rule: GateRule, said: str) -> None:
    with pytest.raises(GateRefusedError, match=said):
        check([GateRule(metric="exact", minimum=0.5), rule], "short-value")


@pytest.mark.parametrize(
    ("task", "metric", "said"),
    [
        ("label", "contained", "add a rule on exact or label-accuracy"),
        ("free-form", "contained", "add a rule on token-f1 or judged or exact"),
        ("short-value", "token-f1", "add a rule on exact or contained or numeric"),
    ],
)
def test_each_kind_of_task_has_its_metrics_of_correctness(task: Any, metric: str, said: str) -> None:
    with pytest.raises(GateRefusedError, match=said):
        check([GateRule(metric=metric, minimum=0.5)], task)


def test_a_proxy_says_so() -> None:
    rules = [GateRule(metric="token-f1", minimum=0.5)]
    (verdict,) = verdicts(rules, [replace(row("token-f1", 0.7, 0.6, 0.8), left_out=2)], task="free-form")
    assert verdict.reason == (
        "token-f1 0.7 reaches 0.5 (95 % 0.6 to 0.8, n=30; 2 not measurable; a proxy: shared words, not facts)"
    )


def difference(a: str, b: str, value: float, low: float, high: float) -> PairedRow:
    return PairedRow(
        experiment="e",
        run="r",
        metric="exact",
        a=a,
        b=b,
        n=30,
        difference=value,
        low=low,
        high=high,
        p_value=0.5,
        method="-",
    )


@pytest.mark.parametrize(
    ("found", "outcome", "said"),
    [
        ((-0.01, -0.04, 0.02), "pass", "exact is within 0.05 of lora (difference -0.01, 95 % -0.04 to +0.02, n=30)"),
        ((0.2, 0.1, 0.3), "pass", "exact is within 0.05 of lora"),
        ((-0.01, -0.05, 0.03), "uncertain", "exact may not be within 0.05 of lora"),
        ((-0.05, -0.09, -0.01), "fail", "exact is not within 0.05 of lora"),
        ((-0.2, -0.3, -0.1), "fail", "exact is not within 0.05 of lora"),
    ],
)
def test_not_worse_than_another_variant(found: tuple[float, float, float], outcome: str, said: str) -> None:
    rules = [GateRule(metric="exact", not_worse_than="lora", margin=0.05)]
    rows = [row("exact", 0.8, 0.7, 0.9)]
    (verdict,) = verdicts(rules, rows, paired=[difference("rag", "lora", *found)])
    assert verdict.outcome == outcome
    assert verdict.reason.startswith(said)
    value, low, high = found
    turned = difference("lora", "rag", -value, -high, -low)
    assert verdicts(rules, rows, paired=[turned]) == [verdict]


def test_the_variant_that_others_are_compared_with_passes_and_what_was_not_compared_fails() -> None:
    rules = [GateRule(metric="exact", not_worse_than="lora", margin=0.05)]
    lora, rag = verdicts(rules, [row("exact", 0.8, 0.7, 0.9, variant="lora"), row("exact", 0.8, 0.7, 0.9)])
    assert (lora.outcome, lora.reason) == ("pass", "exact of lora is what the others are compared with")
    assert (rag.outcome, rag.reason) == ("fail", "exact was not compared with lora")


def test_a_rule_may_ask_for_both() -> None:
    rules = [GateRule(metric="exact", minimum=0.9, not_worse_than="lora", margin=0.05)]
    (verdict,) = verdicts(rules, [row("exact", 0.8, 0.7, 0.85)], paired=[difference("rag", "lora", -0.01, -0.04, 0.02)])
    assert (verdict.outcome, [r.met for r in verdict.rules]) == ("fail", [False, True])


JUDGE = Judge(model="us.amazon.nova-pro-v1:0", rubric="Same facts.")
JUDGED = [GateRule(metric="judged", minimum=0.8)]
GOOD = row("judged", 0.92, 0.85, 0.97)


def test_a_judge_that_agrees_with_people_decides() -> None:
    kappa = row("judge-kappa", 0.6, 0.4, 0.8)
    (verdict,) = verdicts(JUDGED, [GOOD, kappa], task="free-form", judge=JUDGE)
    assert (verdict.outcome, verdict.reason) == ("pass", "judged 0.92 reaches 0.8 (95 % 0.85 to 0.97, n=30)")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row("judge-kappa", 0.41, 0.2, 0.6)], "judged 0.92 is not decisive: kappa 0.41 below 0.60"),
        ([], "judged 0.92 is not decisive: the judge's agreement with people was not measured"),
    ],
)
def test_a_judge_that_does_not_agree_passes_nothing_alone(rows: list[QualityRow], said: str) -> None:
    (verdict,) = verdicts(JUDGED, [GOOD, *rows], task="free-form", judge=JUDGE)
    assert (verdict.outcome, verdict.reason) == ("fail", said)


@pytest.mark.parametrize(("f1", "outcome"), [((0.7, 0.6, 0.8), "pass"), ((0.4, 0.3, 0.45), "fail")])
def test_beside_another_metric_of_correctness_it_decides_nothing(f1: tuple[float, float, float], outcome: str) -> None:
    rules = [*JUDGED, GateRule(metric="grounded", minimum=0.9), GateRule(metric="token-f1", minimum=0.5)]
    rows = [row("judged", 0.1, 0.0, 0.2), row("grounded", 0.1, 0.0, 0.2), row("token-f1", *f1)]
    (verdict,) = verdicts(rules, [*rows, row("judge-kappa", 0.2, 0.0, 0.4)], task="free-form", judge=JUDGE)
    assert verdict.outcome == outcome
    assert verdict.reason.endswith(
        "judged 0.1 is not decisive: kappa 0.20 below 0.60; grounded 0.1 is not decisive: kappa 0.20 below 0.60"
    )


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
    with pytest.raises(GateRefusedError, match="no rule asks for right answers"):
        verdicts(overlap, trap)
    full = [
        GateRule(metric="contained", minimum=0.4, split="new-fact"),
        GateRule(metric="citation", minimum=0.5, split="new-fact"),
    ]
    found = {verdict.variant: verdict for verdict in verdicts(full, trap)}
    assert not found["lora"].accepted
    assert found["rag+few-shot"].accepted
    # Adding the overlap rules to it cannot rescue the invented answers.
    assert not {v.variant: v for v in verdicts([*full, *overlap], trap)}["lora"].accepted
