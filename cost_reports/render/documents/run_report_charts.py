"""The charts of a run's report, each with the table that says the same."""

from __future__ import annotations

from cost_reports.render import svg
from cost_reports.render.document import Chart, table
from cost_reports.render.svg import Mark
from cost_reports.run_report.report import Metric, Report, VariantResult
from cost_reports.text import NOT_AVAILABLE, number, usd

#: Metrics of the first table, with the factor that brings them to 0..100.
MAIN = {
    "exact": ("exact match", 100),
    "contained": ("value contained", 100),
    "label-accuracy": ("label accuracy", 100),
    "macro-f1": ("macro F1", 100),
    "token-f1": ("token F1", 100),
    "judged": ("judged right", 100),
    "grounded": ("grounded statements", 100),
    "citation": ("citation", 100),
    "rouge-l": ("ROUGE-L", 100),
    "bleu": ("BLEU", 1),
    "bertscore-f1": ("BERTScore", 100),
}
ALL = "all"


def approach(result: VariantResult) -> str:
    """Return the cell of the column `approach`."""
    return result.approach


def name(result: VariantResult) -> str:
    """Return `rag+few-shot`, with a star for the controls, which are there for comparison only."""
    return f"{result.variant} *" if result.control else result.variant


def find(result: VariantResult, metric: str, split: str = ALL) -> Metric | None:
    """Return a metric of a variant; None where it was not measured."""
    return next((m for m in result.metrics if m.metric == metric and m.split == split), None)


def interval(metric: Metric | None, factor: float) -> str:
    """Return value and 95 % interval as a cell."""
    if metric is None:
        return NOT_AVAILABLE
    return f"{metric.value * factor:.0f} [{metric.low * factor:.0f}–{metric.high * factor:.0f}]"


def label_of(metric: str) -> tuple[str, int]:
    """Return the name of a metric, and the factor that brings it to 0..100."""
    return MAIN.get(metric, (metric, 100))


def _measured(report: Report) -> list[tuple[VariantResult, Metric]]:
    return [(r, m) for r in report.ladder if (m := find(r, report.accepted_metric)) is not None]


def _mark(result: VariantResult, value: float, text: str, **place: float) -> Mark:
    group = "" if result.control else result.approach
    return Mark(label=name(result), value=value, text=text, group=group, **place)


def quality_chart(report: Report) -> Chart:
    """Return the accepted metric of each variant with its interval."""
    label, factor = label_of(report.accepted_metric)
    measured = _measured(report)
    marks = [
        _mark(r, m.value * factor, interval(m, factor), low=m.low * factor, high=m.high * factor) for r, m in measured
    ]
    values = table(
        f"{label}, 0 to 100",
        measured,
        {
            "=approach": lambda p: p[0].approach,
            "=variant": lambda p: name(p[0]),
            ">value": lambda p: f"{p[1].value * factor:.1f}",
            ">low": lambda p: f"{p[1].low * factor:.1f}",
            ">high": lambda p: f"{p[1].high * factor:.1f}",
            ">n": lambda p: number(p[1].n),
            "gate": lambda p: p[0].gate.outcome,
            "why": lambda p: p[0].gate.reason,
        },
        detail=True,
    )
    return Chart(title=f"{label} with 95 % intervals", svg=svg.intervals(label, marks, top=100.0), table=values)


def cost_chart(report: Report) -> Chart:
    """Return the metered USD of 1,000 answers of each variant."""
    priced = [r for r in report.ladder if r.per_1000_answers_usd is not None]
    marks = [_mark(r, float(r.per_1000_answers_usd or 0), usd(r.per_1000_answers_usd)) for r in priced]
    amounts = table(
        "Metered USD per 1,000 answers",
        priced,
        {
            "=approach": approach,
            "=variant": name,
            ">answering": lambda r: usd(r.answering_usd),
            ">serving": lambda r: usd(r.serving_usd),
            ">metered": lambda r: usd(r.metered_usd),
            ">per 1,000": lambda r: usd(r.per_1000_answers_usd),
            ">one-time": lambda r: usd(r.one_time_usd),
        },
        "One-time cost is what must be spent before the variant can answer; variants share it, do not add it up.",
        detail=True,
    )
    return Chart(title="Metered cost of 1,000 answers", svg=svg.bars("USD per 1,000 answers", marks), table=amounts)


def frontier(report: Report) -> Chart | None:
    """Return cost against quality; None where nothing has both."""
    label, factor = label_of(report.accepted_metric)
    points = [(r, m) for r, m in _measured(report) if r.per_1000_answers_usd]
    marks = [
        _mark(
            r,
            m.value * factor,
            f"{m.value * factor:.0f} at {usd(r.per_1000_answers_usd)}",
            x=float(r.per_1000_answers_usd or 0),
        )
        for r, m in points
    ]
    title = "Cost against quality"
    picture = svg.scatter(title, marks, x_name="USD per 1,000 answers (logarithmic)", y_name=label, y_top=100.0)
    if not picture:
        return None
    values = table(
        title,
        points,
        {
            "variant": lambda p: name(p[0]),
            ">USD per 1,000 answers": lambda p: usd(p[0].per_1000_answers_usd),
            f">{label}": lambda p: f"{p[1].value * factor:.1f}",
        },
        detail=True,
    )
    return Chart(title=title, svg=picture, table=values)
