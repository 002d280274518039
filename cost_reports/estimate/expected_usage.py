"""Usage rows that a month of an option, or a run of an experiment, is expected to meter, and their charges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from contracts.money import ChargeRow, UsageRow
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.options.fine_tuning import training_instance, training_row
from cost_reports.estimate.options.prompting import platform, tokens
from cost_reports.estimate.options.rag import retrieval
from cost_reports.estimate.options.serving import serve
from cost_reports.estimate.plan import Option, Part, units_needed
from cost_reports.metering.charges import Pricer
from cost_reports.metering.meters import scaled
from cost_reports.prices.catalogue import Catalogue

#: What a run is deployed with.
STORE, SERVING = "nextgen", "scale to zero"


def month_usage(option: Option, requests: int, *, first: bool = False) -> list[UsageRow]:
    """Return the usage rows of one month with `requests`; `first`: with what is used once.

    Refreshes come every month whose cadence is one month.
    """
    rows: list[UsageRow] = []
    for part in option.parts:
        if part.cost_behavior == "once":
            rows += part.rows if first else ()
        elif part.cost_behavior == "monthly" or (part.cost_behavior == "refresh" and part.every_months == 1):
            rows += part.rows
        elif part.cost_behavior == "request":
            rows += [scaled(row, requests) for row in part.rows]
        elif part.cost_behavior == "unit":
            units = units_needed(requests, part.capacity, part.minimum, part.included)
            rows += [scaled(row, units) for row in part.rows if units]
        elif part.cost_behavior == "awake":
            rows += [
                scaled(row, requests) if row.amount * requests < cap.amount else cap
                for row, cap in zip(part.rows, part.cap, strict=True)
            ]
    return [row for row in rows if row.amount]


def run_usage(inputs: EstimateInputs, questions: int, variants: Sequence[tuple[str, str]]) -> list[UsageRow]:
    """Return the usage of asking `questions` of each (approach, variant) once: what a run's report is held against.

    It has one ingestion, one training job for each adapter, and one awakening of the store and of the endpoint.
    Source: the formulas of the monthly estimate, for the number of questions in place of requests a month. What serves
    the experiment only (preparing, evaluating, state transitions) is not estimated.

    Raises:
        PriceError, CapacityError, ContextError: a model is unknown, does not fit or has no price.
    """
    usage: list[UsageRow] = []
    for approach, variant in variants:
        rows = inputs.rows(approach, variant)
        parts = list(platform(inputs, rows))
        if approach != "fine-tuning":
            parts += tokens(inputs, rows, inputs.prompt(variant))
        if "rag" in variant.split("+"):
            parts += retrieval(inputs, rows, STORE)
        usage += [scaled(row, questions) for row in _rows_of(parts, "request")]
    if any("rag" in variant.split("+") for _, variant in variants):
        parts = list(retrieval(inputs, inputs.rows("rag", ""), STORE))
        usage += [*_rows_of(parts, "once"), *_rows_of(parts, "awake")]
    if adapters := [variant for approach, variant in variants if approach == "fine-tuning" and "lora" in variant]:
        rows = inputs.rows("fine-tuning", "")
        jobs = replace(inputs, assumed={**inputs.assumed, "training_runs": len(adapters)})
        usage.append(training_row(jobs, rows, "lora", training_instance(inputs, "lora"), "on demand"))
        usage += _rows_of(serve(inputs, rows, SERVING), "awake")
    return [row for row in usage if row.amount]


def _rows_of(parts: Sequence[Part], cost_behavior: str) -> list[UsageRow]:
    return [row for part in parts if part.cost_behavior == cost_behavior for row in part.rows]


def estimated_charges(catalogue: Catalogue, rows: Sequence[UsageRow]) -> list[ChargeRow]:
    """Return charges (source `estimated`) of estimated usage; the whole month stands on its first day.

    Usage whose rate is not published has no charge: what is billed for it is then unestimated.

    Raises:
        PriceError: any other row has no price; the message names it.
    """
    pricer = Pricer(catalogue, source="estimated")
    return [pricer.charge(row) for row in rows if catalogue.unpublished_for(row) is None]
