"""What a run of an experiment was expected to use, from its files alone: what its report is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from contracts.money import UsageRow
from cost_reports.estimate.options import EstimateInputs, platform, tokens
from cost_reports.estimate.options_rag import retrieval
from cost_reports.estimate.options_serving import serve
from cost_reports.estimate.options_tuned import training_instance, training_row
from cost_reports.estimate.plan import Part, scaled

STORE, SERVING = "nextgen", "scale to zero"


def run_usage(s: EstimateInputs, questions: int, variants: Sequence[tuple[str, str]]) -> list[UsageRow]:
    """Usage of asking `questions` of each (approach, variant) once, with one ingestion, one training job for each
    adapter, and one awakening of the store and of the endpoint.

    Source: the formulas of the monthly estimate, for the number of questions in place of requests a month. What serves
    the experiment only (preparing, evaluating, state transitions) is not estimated.

    Raises:
        PriceError, CapacityError, ContextError: a model is unknown, does not fit or has no price.
    """
    rows: list[UsageRow] = []
    for approach, variant in variants:
        make = s.maker(approach, variant)
        parts = list(platform(s, make))
        if approach != "fine-tuning":
            parts += tokens(s, make, s.prompt(variant))
        if "rag" in variant.split("+"):
            parts += retrieval(s, make, STORE)
        rows += [scaled(row, questions) for row in _of(parts, "request")]
    if any("rag" in variant.split("+") for _, variant in variants):
        parts = list(retrieval(s, s.maker("rag", ""), STORE))
        rows += [*_of(parts, "once"), *_of(parts, "awake")]
    if adapters := [variant for approach, variant in variants if approach == "fine-tuning" and "lora" in variant]:
        make = s.maker("fine-tuning", "")
        jobs = replace(s, assumed={**s.assumed, "training_runs": len(adapters)})
        rows.append(training_row(jobs, make, "lora", training_instance(s, "lora"), "on demand"))
        rows += _of(serve(s, make, SERVING), "awake")
    return [row for row in rows if row.amount]


def _of(parts: Sequence[Part], growth: str) -> list[UsageRow]:
    return [row for part in parts if part.growth == growth for row in part.rows]
