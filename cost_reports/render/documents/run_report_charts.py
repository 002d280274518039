"""The charts of a run's report, each with the table that says the same."""

from __future__ import annotations

from cost_reports.render import svg
from cost_reports.render.document import Chart, Table, columns
from cost_reports.render.svg import Mark
from cost_reports.run_report.report import Metric, Report, VariantResult
from cost_reports.text import NOT_AVAILABLE, number, usd

#: Metrics of the first table, with the factor that brings them to 0..100.
MAIN = {
    "exact": ("exact match", 100),
    "contained": ("value contained", 100),
    "citation": ("citation", 100),
    "rouge-l": ("ROUGE-L", 100),
    "bleu": ("BLEU", 1),
    "bertscore-f1": ("BERTScore", 100),
}
ALL = "all"


def name(rung: VariantResult) -> str:
    """`rag+few-shot`, with a star for the controls, which are there for comparison only."""
    return f"{rung.variant} *" if rung.control else rung.variant


def find(rung: VariantResult, metric: str, split: str = ALL) -> Metric | None:
    return next((m for m in rung.metrics if m.metric == metric and m.split == split), None)


def interval(metric: Metric | None, factor: float) -> str:
    if metric is None:
        return NOT_AVAILABLE
    return f"{metric.value * factor:.0f} [{metric.low * factor:.0f}–{metric.high * factor:.0f}]"


def quality_chart(report: Report) -> Chart:
    metric = report.accepted_metric
    label, factor = MAIN.get(metric, (metric, 100))
    found = [(r, m) for r in report.ladder if (m := find(r, metric)) is not None]
    marks = [
        Mark(
            label=name(r),
            value=m.value * factor,
            low=m.low * factor,
            high=m.high * factor,
            group="" if r.control else r.approach,
            text=interval(m, factor),
        )
        for r, m in found
    ]
    table = Table(
        title=f"{label}, 0 to 100",
        columns=columns("=approach", "=variant", ">value", ">low", ">high", ">n", "gate", "why"),
        rows=tuple(
            (
                r.approach,
                name(r),
                f"{m.value * factor:.1f}",
                f"{m.low * factor:.1f}",
                f"{m.high * factor:.1f}",
                number(m.n),
                r.gate.outcome,
                r.gate.reason,
            )
            for r, m in found
        ),
        detail=True,
    )
    return Chart(title=f"{label} with 95 % intervals", svg=svg.intervals(label, marks, top=100.0), table=table)


def cost_chart(report: Report) -> Chart:
    found = [r for r in report.ladder if r.per_1000_answers_usd is not None]
    marks = [
        Mark(
            label=name(r),
            value=float(r.per_1000_answers_usd or 0),
            group="" if r.control else r.approach,
            text=usd(r.per_1000_answers_usd),
        )
        for r in found
    ]
    table = Table(
        title="Metered USD per 1,000 answers",
        columns=columns("=approach", "=variant", ">answering", ">serving", ">metered", ">per 1,000", ">one-time"),
        rows=tuple(
            (
                r.approach,
                name(r),
                usd(r.answering_usd),
                usd(r.serving_usd),
                usd(r.metered_usd),
                usd(r.per_1000_answers_usd),
                usd(r.one_time_usd),
            )
            for r in found
        ),
        note="One-time cost is what must be spent before the variant can answer; variants share it, do not add it up.",
        detail=True,
    )
    return Chart(title="Metered cost of 1,000 answers", svg=svg.bars("USD per 1,000 answers", marks), table=table)


def frontier(report: Report) -> Chart | None:
    metric = report.accepted_metric
    label, factor = MAIN.get(metric, (metric, 100))
    found = [(r, m) for r in report.ladder if (m := find(r, metric)) is not None and r.per_1000_answers_usd]
    marks = [
        Mark(
            label=name(r),
            value=m.value * factor,
            x=float(r.per_1000_answers_usd or 0),
            group="" if r.control else r.approach,
            text=f"{m.value * factor:.0f} at {usd(r.per_1000_answers_usd)}",
        )
        for r, m in found
    ]
    title = "Cost against quality"
    picture = svg.scatter(title, marks, x_name="USD per 1,000 answers (logarithmic)", y_name=label, y_top=100.0)
    if not picture:
        return None
    table = Table(
        title=title,
        columns=columns("variant", ">USD per 1,000 answers", f">{label}"),
        rows=tuple((name(r), usd(r.per_1000_answers_usd), f"{m.value * factor:.1f}") for r, m in found),
        detail=True,
    )
    return Chart(title=title, svg=picture, table=table)
