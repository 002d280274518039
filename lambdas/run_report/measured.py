"""What a run measured: its answers, their quality, and what each approach gave in all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from contracts import keys
from contracts.experiment import APPROACHES, Experiment
from contracts.run import AnswerRow, Manifest, OutputRow, PairedRow, QualityRow, all_tokens
from lambdas.common.store import Results
from lambdas.evaluation.gate import judge_doubt
from lambdas.evaluation.gate_checks import is_correctness
from lambdas.evaluation.metrics import CORRECTNESS, KAPPA, METRICS

T = TypeVar("T")
#: The split of all test questions.
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Answers in the order of approaches and batches; what a failed step left out is missing here."""

    answers: list[AnswerRow]
    quality: list[QualityRow]
    paired: list[PairedRow]


def read(results: Results, manifest: Manifest) -> Measured:
    """Read everything that the approaches and their evaluation wrote."""
    e, r = manifest.experiment, manifest.run
    return Measured(
        answers=[
            row
            for approach in APPROACHES
            for row in results.read_prefix(f"{keys.approach_prefix(e, r, approach)}answers/", AnswerRow)
        ],
        quality=[
            row for approach in APPROACHES for row in _optional(results, keys.quality(e, r, approach), QualityRow)
        ],
        paired=_optional(results, keys.paired(e, r), PairedRow),
    )


def outputs(measured: Measured, manifest: Manifest, metric: str) -> list[OutputRow]:
    """Count what each approach gave. Controls are counted too: all answers were paid for."""
    rows = []
    for approach in APPROACHES:
        answers = [row for row in measured.answers if row.approach == approach]
        scored = [row for row in measured.quality if (row.approach, row.metric, row.split) == (approach, metric, ALL)]
        rows.append(
            OutputRow(
                experiment=manifest.experiment,
                run=manifest.run,
                approach=approach,
                answers=sum(row.error is None for row in answers),
                accepted=sum(round(row.value * row.n) for row in scored) if scored else None,
                tokens=sum(map(all_tokens, answers)),
            )
        )
    return rows


def accepted_metric(definition: Experiment, quality: Iterable[QualityRow]) -> str:
    """Return the metric that counts an answer as accepted: the gate's first one of correctness of answerable ones.

    A judge's metric is passed over where the judge does not agree with people and the gate has another.
    """
    named = [rule.metric for rule in definition.gate if is_correctness(rule, definition.task)]
    kappa = next((row for row in quality if row.metric == KAPPA), None)
    doubted = judge_doubt(kappa, definition.judge)
    sure = (name for name in named if not (METRICS[name].judged and doubted))
    return next(sure, (*named, CORRECTNESS[definition.task][0])[0])


def _optional(results: Results, key: str, cls: type[T]) -> list[T]:
    """Return the records of a step that may have failed; empty where it wrote none."""
    return results.read(key, cls) if results.exists(key) else []
