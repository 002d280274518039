"""A small run, made by formulas: two questions answered by each variant, with usage of every kind of step."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from contracts.experiment import VARIANTS, Approach
from contracts.money import UsageRow
from contracts.run import AnswerRow, PairedRow, QualityRow
from cost_reports.metering import meters
from cost_reports.metering.meters import UsageRowFactory

EXPERIMENT, RUN = "handbook", "r20261123-100000"
NOVA, TITAN = "us.amazon.nova-micro-v1:0", "amazon.titan-embed-text-v2:0"
#: Values of the metric `contained` by variant: few-shot and below fail a gate of 0.5, rag and above pass.
CONTAINED = {
    "zero-shot": 0.0,
    "few-shot": 0.1,
    "chain-of-thought": 0.05,
    "rag": 0.8,
    "rag+few-shot": 0.85,
    "base": 0.02,
    "base+rag": 0.6,
    "lora": 0.3,
    "lora+rag": 0.9,
}
SPLITS = {"seen-fact": 16, "new-fact": 12, "reserved-page": 8, "two-page": 6, "unanswerable": 6}
PAIRS: list[tuple[Approach, str]] = [(a, v) for a, variants in VARIANTS.items() for v in variants]


def context(approach: str, variant: str | None = None) -> UsageRowFactory:
    return UsageRowFactory(
        experiment=EXPERIMENT,
        run=RUN,
        approach=approach,
        variant=variant,
        start="2026-11-23T10:00:00.000Z",
        end="2026-11-23T10:01:00.000Z",
    )


def answers() -> list[AnswerRow]:
    return [
        AnswerRow(
            experiment=EXPERIMENT,
            run=RUN,
            approach=approach,
            variant=variant,
            question_id=f"q{n}",
            text="42 mm [PRD-01]",
            input_tokens=100,
            output_tokens=10,
            latency_ms=200.0 + 100 * n,
            overhead_ms=5.0,
            model_id=NOVA,
            error="ThrottlingException: slow down" if (variant, n) == ("few-shot", 1) else None,
        )
        for approach, variant in PAIRS
        for n in range(2)
    ]


def quality() -> list[QualityRow]:
    row = QualityRow(
        experiment=EXPERIMENT,
        run=RUN,
        approach="rag",
        variant="rag",
        metric="contained",
        split="all",
        value=0.0,
        n=100,
        low=0.0,
        high=0.0,
        method="wilson",
    )
    rows = []
    for approach, variant in PAIRS:
        value = CONTAINED[variant]
        named = replace(row, approach=approach, variant=variant, value=value)
        rows.append(replace(named, low=max(0.0, value - 0.05), high=min(1.0, value + 0.05)))
        rows.append(replace(named, metric="exact", value=value / 2, low=value / 3, high=value))
        for metric in ("citation", "rouge-l", "bertscore-f1"):
            rows.append(replace(named, metric=metric, low=value / 2, high=min(0.99, value + 0.1)))
        rows.append(replace(named, metric="bleu", value=value * 100, low=value * 90, high=99.0))
        for split, n in SPLITS.items():
            rows.append(replace(named, split=split, n=n, low=value / 2, high=min(0.99, value + 0.1)))
    return rows


def paired() -> list[PairedRow]:
    return [
        PairedRow(
            experiment=EXPERIMENT,
            run=RUN,
            metric="contained",
            a="rag/rag",
            b="prompting/zero-shot",
            n=100,
            difference=0.8,
            low=0.7,
            high=0.9,
            p_value=0.0001,
            method="bootstrap",
        )
    ]


def usage() -> list[tuple[str, UsageRow]]:
    """(step, row): 2 x 100 input and 2 x 10 output tokens a prompted variant, ingestion, training, an endpoint."""
    rows: list[tuple[str, UsageRow]] = []
    for approach, variant in PAIRS:
        ctx = context(approach, variant)
        step = f"answer-{variant}-00000"
        if approach != "fine-tuning":
            rows.append((step, ctx.tokens(NOVA, "input", 200)))
            rows.append((step, ctx.tokens(NOVA, "output", 20)))
        rows.append((step, ctx.row(meters.LAMBDA_TIME["arm64"], meters.gb_seconds(512, 2000))))
    rag, tuning = context("rag"), context("fine-tuning")
    rows.append(("ingest-00000", rag.tokens(TITAN, "input", 30_000)))
    rows.append(("ingest-00000", rag.row(meters.LAMBDA_TIME["arm64"], meters.gb_seconds(1024, 4000))))
    rows.append(("capacity", rag.row(meters.OCU["search"], 60 * 2)))
    rows.append(("capacity", rag.row(meters.OCU["indexing"], 60)))
    rows.append(("training-job", tuning.row(meters.TRAINING, 90, variety="ml.g5.xlarge")))
    rows.append(("endpoint-1", tuning.row(meters.HOSTING, Decimal("72.5"), variety="ml.g5.xlarge")))
    rows.append(("evaluate", rag.row(meters.LAMBDA_TIME["arm64"], meters.gb_seconds(2048, 1500))))
    rows.append(("orchestration", rag.row(meters.TRANSITIONS, 40)))
    rows.append(("summarise", context("shared").row(meters.S3_REQUESTS[1], 12)))
    return rows
