"""Which variants are compared, and with what result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.experiment import APPROACHES, VARIANTS, GateRule
from contracts.run import PairedRow, ScoreRow
from lambdas.comparison.paired import best_prompting, by_variant, compare, pairs
from lambdas.evaluation.gate import decide
from lambdas.evaluation.scoring import summarise

APPROACH_OF = {variant: approach for approach in APPROACHES for variant in VARIANTS[approach]}


def scores(variant: str, exact: list[int], **more: list[float]) -> list[ScoreRow]:
    return [
        ScoreRow(
            experiment="e",
            run="r",
            approach=APPROACH_OF[variant],
            variant=variant,
            question_id=f"q{i:02d}",
            split="seen-fact",
            scores={"exact": float(value), **{name.replace("_", "-"): values[i] for name, values in more.items()}},
        )
        for i, value in enumerate(exact)
    ]


NOT_AVAILABLE, HALF, ALL = [0] * 12, [1, 0] * 6, [1] * 12


def row(rows: list[PairedRow], a: str, b: str, metric: str = "exact") -> PairedRow:
    (found,) = [r for r in rows if (r.a, r.b, r.metric) == (a, b, metric)]
    return found


def test_all_recommended_pairs_are_there_once() -> None:
    columns = by_variant(
        [s for variant in APPROACH_OF for s in scores(variant, HALF if variant == "few-shot" else NOT_AVAILABLE)]
    )
    found = pairs(columns)
    assert len(found) == len(set(found))
    assert {pair.a for pair in found if pair.b == "few-shot"} == set(APPROACH_OF) - {"few-shot"}
    fixed = {("lora+rag", "rag+few-shot"), ("lora", "base"), ("lora+rag", "base+rag"), ("rag+few-shot", "rag")}
    assert fixed < set(found)


def test_a_failed_approach_is_left_out() -> None:
    columns = by_variant([*scores("zero-shot", NOT_AVAILABLE), *scores("lora", ALL), *scores("base", NOT_AVAILABLE)])
    assert set(pairs(columns)) == {("base", "zero-shot"), ("lora", "zero-shot"), ("lora", "base")}
    assert set(pairs(by_variant(scores("lora", ALL) + scores("base", NOT_AVAILABLE)))) == {("lora", "base")}


def test_the_best_prompting_variant_by_exact_then_contained_then_the_simplest() -> None:
    def best(*rows: list[ScoreRow]) -> str | None:
        return best_prompting(by_variant([s for part in rows for s in part]))

    assert (
        best(scores("zero-shot", NOT_AVAILABLE), scores("chain-of-thought", HALF), scores("few-shot", NOT_AVAILABLE))
        == "chain-of-thought"
    )
    tied = [
        scores("zero-shot", NOT_AVAILABLE, contained=[0.0] * 12),
        scores("few-shot", NOT_AVAILABLE, contained=[1.0] * 12),
    ]
    assert best(*tied) == "few-shot"
    assert best(scores("few-shot", NOT_AVAILABLE), scores("zero-shot", NOT_AVAILABLE)) == "zero-shot"
    assert best(scores("rag", ALL)) is None


def test_differences_are_a_minus_b_on_the_same_questions() -> None:
    rows = compare([*scores("zero-shot", HALF), *scores("rag", ALL)], experiment="e", run="r", seed=1)
    found = row(rows, "rag", "zero-shot")
    assert (found.difference, found.n) == (0.5, 12)
    assert found.p_value == pytest.approx(2 * 0.5**6)
    assert 0 < found.low < 0.5 < found.high < 1
    assert "McNemar" in found.method


def test_means_are_compared_by_paired_bootstrap() -> None:
    left = scores("rag", ALL, rouge_l=[0.5 + 0.02 * i for i in range(12)])
    right = scores("zero-shot", ALL, rouge_l=[0.3 + 0.02 * i for i in range(12)])
    rows = compare([*left, *right], experiment="e", run="r", seed=1)
    found = row(rows, "rag", "zero-shot", "rouge-l")
    assert found.difference == pytest.approx(0.2)
    assert found.method.startswith("paired bootstrap")
    assert compare([*right, *left], experiment="e", run="r", seed=1) == rows


def test_only_questions_that_both_sides_have_are_compared() -> None:
    rows = compare([*scores("zero-shot", [1, 1]), *scores("rag", [1, 0, 0])], experiment="e", run="r", seed=1)
    found = row(rows, "rag", "zero-shot")
    assert (found.n, found.difference) == (2, -0.5)


def test_what_the_gate_compares_with_is_compared_too() -> None:
    rule = GateRule(metric="rouge-2", not_worse_than="lora", margin=0.1)
    parts = [scores(variant, HALF, rouge_2=[0.5] * 12) for variant in ("zero-shot", "rag", "lora", "lora+rag")]
    rows = [score for part in parts for score in part]
    before = compare(rows, experiment="e", run="r", seed=1)
    with_gate = compare(rows, experiment="e", run="r", seed=1, gate=[rule])
    assert [(r.a, r.b) for r in with_gate if r.metric == "rouge-2"] == [
        ("zero-shot", "lora"),
        ("rag", "lora"),
        ("lora+rag", "lora"),
    ]
    assert [r for r in with_gate if r.metric != "rouge-2"] == before
    # A pair that is compared anyway is not compared the other way round as well.
    exact = compare(rows, experiment="e", run="r", seed=1, gate=[replace(rule, metric="exact")])
    pairs_of = [frozenset((r.a, r.b)) for r in exact if r.metric == "exact"]
    assert len(pairs_of) == len(set(pairs_of))
    missing = replace(rule, not_worse_than="base")
    assert compare(rows, experiment="e", run="r", seed=1, gate=[missing]) == before


def test_half_points_of_a_judge_are_compared_by_bootstrap() -> None:
    left, right = (scores(v, HALF, judged=values) for v, values in (("rag", [1.0, 0.5] * 6), ("zero-shot", [0.0] * 12)))
    found = row(compare([*left, *right], experiment="e", run="r", seed=1), "rag", "zero-shot", "judged")
    assert (found.difference, found.method.split(",")[0]) == (0.75, "paired bootstrap 95 %")
    whole = scores("rag", HALF, judged=[1.0, 0.0] * 6)
    rows = compare([*whole, *right], experiment="e", run="r", seed=1)
    assert "McNemar" in row(rows, "rag", "zero-shot", "judged").method


@pytest.mark.parametrize(
    ("wrong", "n", "outcome"), [(2, 200, "pass"), (2, 40, "uncertain"), (8, 40, "fail"), (0, 200, "pass")]
)
def test_not_worse_than_needs_enough_questions(wrong: int, n: int, outcome: str) -> None:
    """`rag` misses `wrong` questions that `lora` gets right, and no other."""
    rule = GateRule(metric="exact", not_worse_than="lora", margin=0.06)
    rows = [*scores("lora", [1] * n), *scores("rag", [0] * wrong + [1] * (n - wrong))]
    differences = compare(rows, experiment="e", run="r", seed=1, gate=[rule])
    verdicts = decide([rule], summarise(rows, 1), task="short-value", paired=differences)
    assert {v.variant: v.outcome for v in verdicts} == {"lora": "pass", "rag": outcome}
