"""What fits on one screen of a terminal: one table, and what limits its figures. The rest is in the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cost_reports.render.document import Block, Document, Text, table
from cost_reports.render.documents import spend_charts, spend_tables
from cost_reports.render.documents.run_report_charts import approach, find, interval, label_of, name
from cost_reports.run_report.report import Report, VariantResult
from cost_reports.run_report.verdict import Verdict, verdict
from cost_reports.spend_report.report import SpendReport
from cost_reports.text import number, usd

#: Lines and columns that a screen has.
LINES, COLUMNS = 40, 100
#: Warnings that are shown, and characters of each.
WARNINGS, CHARACTERS = 3, 190
SIMULATED = "SIMULATED BILL: real quantities at list prices; quality and speed of this machine; nothing billed."


def run_screen(report: Report) -> Document:
    """Return the ladder of a run: a row for each variant."""
    h, metric = report.header, report.accepted_metric
    label, factor = label_of(metric)
    cells: dict[str, Callable[[VariantResult], str]] = {
        "=approach": approach,
        "=variant": name,
        "=gate": lambda r: r.gate.outcome,
        f">{label.replace(' ', chr(10), 1)}": lambda r: interval(find(r, metric), factor),
        ">p50\nms": lambda r: number(r.latency_p50_ms),
        ">per\n1,000": lambda r: usd(r.per_1000_answers_usd),
        ">once": lambda r: usd(r.one_time_usd),
    }
    if any(r.errors for r in report.ladder):
        cells[">failed"] = lambda r: number(r.errors)
    rungs = table(
        "",
        report.ladder,
        cells,
        f"{label.capitalize()}: 0 to 100, 95 % interval. Once: training, ingestion."
        + (" * control." if any(r.control for r in report.ladder) else ""),
    )
    blocks: list[Block] = [rungs, *_warnings(report.recommendation.caveats)]
    return Document(
        title=f"{h.experiment}: {h.questions} questions to {len(report.ladder)} variants, metered"
        f" {usd(report.total_usd)} in all",
        kicker=f"run {h.run} · profile {h.profile} · {h.region}",
        summary=SIMULATED if h.simulated else "",
        blocks=tuple(blocks),
    )


def spend_screen(report: SpendReport) -> Document:
    """Return what was billed, by approach, beside what was estimated and metered."""
    h = report.header
    failures = [f"Not read: {f.request} ({f.code}): {f.text}" for f in report.failures]
    unusual = [f"Unusual: {spend_charts.name_of(a.approach)}: {a.text}." for a in report.anomalies]
    state = [] if h.state == "complete" else [f"The bill: {h.state}. {h.state_text}"]
    blocks: list[Block] = [spend_tables.approaches(report, split=False), *_warnings([*state, *failures, *unusual])]
    return Document(
        title=f"{h.experiment}: what AWS billed",
        kicker=f"spend {h.window_start} to {h.window_end} (exclusive, UTC) · {h.currency} · as of {h.as_of}",
        summary=SIMULATED if h.simulated else "",
        blocks=(*blocks, Text(report.headline, "headline")),
    )


def comparison_screen(results: Sequence[tuple[Report, float]]) -> Document:
    """Return the verdicts of several experiments; each comes with the seconds that it took."""
    rows: list[tuple[Report, Verdict, float]] = [(report, verdict(report), seconds) for report, seconds in results]

    def quality(row: tuple[Report, Verdict, float]) -> str:
        label, factor = label_of(row[0].accepted_metric)
        return f"{label} {interval(row[1].quality, factor)}"

    verdicts = table(
        "",
        rows,
        {
            "=sample": lambda row: row[0].header.experiment,
            "=winning rung": lambda row: row[1].rung,
            "=quality": quality,
            ">per 1,000": lambda row: usd(row[1].per_1000_usd),
            ">seconds": lambda row: number(row[2]),
        },
        "Quality: 0 to 100, 95 % interval; where no rung wins, that of the best.",
    )
    return Document(
        title="Which rung wins",
        kicker=f"{len(rows)} experiments",
        summary=SIMULATED if any(report.header.simulated for report, _ in results) else "",
        blocks=(verdicts,),
    )


def _warnings(texts: Sequence[str]) -> list[Block]:
    shown: list[Block] = [Text(_clipped(text), "warning") for text in texts[:WARNINGS]]
    left = len(texts) - len(shown)
    return [*shown, Text(f"{left} more in the report.", "warning")] if left else shown


def _clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= CHARACTERS else f"{line[: CHARACTERS - 15]}… (see the report)"
