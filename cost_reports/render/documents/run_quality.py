"""What the quality section of a run's report says beside its main table: labels, the judge, every metric."""

from __future__ import annotations

from cost_reports.render.document import Table, Text, table
from cost_reports.render.documents.run_report_charts import approach, find, interval, name
from cost_reports.run_report.report import Metric, Report, VariantResult
from cost_reports.text import NOT_AVAILABLE, number

#: Figures of a single label; an experiment may have dozens of labels.
OF_A_LABEL = ("label-precision", "label-recall", "label-f1")
JUDGED = ("judged", "grounded")
KAPPA = "judge-kappa"


def labels(report: Report) -> list[Table]:
    """Return macro-F1 and the worst label of each variant as one table; an empty list without labels."""
    rows = [(result, worst) for result in report.ladder if (worst := _worst(result)) is not None]
    if not rows:
        return []

    def of_worst(metric: str, pair: tuple[VariantResult, Metric]) -> str:
        return interval(find(pair[0], metric, pair[1].split), 100)

    return [
        table(
            "How well labels are told apart",
            rows,
            {
                "=approach": lambda p: approach(p[0]),
                "=variant": lambda p: name(p[0]),
                ">macro F1": lambda p: interval(find(p[0], "macro-f1"), 100),
                "worst label": lambda p: p[1].split,
                ">its F1": lambda p: of_worst("label-f1", p),
                ">precision": lambda p: of_worst("label-precision", p),
                ">recall": lambda p: of_worst("label-recall", p),
            },
            "The worst label is the one with the lowest F1. report.json has the figures of every label.",
        )
    ]


def _worst(result: VariantResult) -> Metric | None:
    of_labels = [m for m in result.metrics if m.metric == "label-f1"]
    return min(of_labels, key=lambda m: (m.value, m.split), default=None)


def agreement(report: Report) -> list[Text]:
    """Return what is known of the judge's agreement with people; an empty list where nothing was judged."""
    if not any(find(result, metric) for result in report.ladder for metric in JUDGED):
        return []
    kappa = next((m for result in report.ladder if (m := find(result, KAPPA)) is not None), None)
    if kappa is None:
        return [Text("The judge's agreement with people was not measured: its verdicts decide nothing.", "warning")]
    return [
        Text(
            f"The judge agrees with people with Cohen's kappa {kappa.value:.2f} (95 % {kappa.low:.2f} to"
            f" {kappa.high:.2f}, {number(kappa.n)} rated answers)."
        )
    ]


def everything_measured(report: Report) -> Table:
    """Return every metric of every variant but the figures of single labels."""
    rows = [(r, m) for r in report.ladder for m in r.metrics if m.metric not in OF_A_LABEL]
    return table(
        "Every metric of every variant",
        rows,
        {
            "=approach": lambda p: approach(p[0]),
            "=variant": lambda p: name(p[0]),
            "metric": lambda p: p[1].metric,
            "questions": lambda p: p[1].split,
            ">value": lambda p: f"{p[1].value:.3f}",
            ">low": lambda p: f"{p[1].low:.3f}",
            ">high": lambda p: f"{p[1].high:.3f}",
            ">n": lambda p: number(p[1].n),
            ">left out": lambda p: number(p[1].left_out) if p[1].left_out else NOT_AVAILABLE,
        },
        "Left out: questions that the metric could not measure. They are not in its mean."
        if any(m.left_out for _, m in rows)
        else "",
        detail=True,
    )
