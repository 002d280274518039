"""The spend report as a document: what it says first, and in which order."""

from __future__ import annotations

from cost_reports.render.document import Block, Bullets, Document, Heading, Table, Text
from cost_reports.render.documents import spend_charts as charts
from cost_reports.render.documents import spend_tables as tables
from cost_reports.spend_report.report import SpendReport
from cost_reports.text import usd


def document(report: SpendReport, *, short: bool = False) -> Document:
    """Return the whole report. `short`: what a terminal shows, the headline last, where the eye is."""
    h = report.header
    blocks: list[Block] = [Text(line, "warning") for line in h.simulated]
    blocks += _short(report) if short else _full(report)
    return Document(
        title=f"{h.experiment}: what AWS billed",
        kicker=f"spend {h.window_start} to {h.window_end} (exclusive, UTC) · {h.currency} · as of {h.as_of}"
        + (" · SIMULATED" if h.simulated else ""),
        summary=h.description,
        blocks=tuple(blocks),
    )


def _state(report: SpendReport) -> list[Block]:
    """Return how complete the bill is, and what could not be read."""
    h = report.header
    blocks: list[Block] = [
        Text(f"The bill: {h.state}. {h.state_text}", "plain" if h.state == "complete" else "warning")
    ]
    return [*blocks, *(Text(f"Not read: {f.request} ({f.code}): {f.text}", "warning") for f in report.failures)]


def _full(report: SpendReport) -> list[Block]:
    blocks: list[Block] = [Text(report.headline, "headline"), *_state(report)]
    blocks += [Heading("Estimated, metered, billed"), charts.three_views(report, tables.approaches(report))]
    if report.against_metered is not None:
        blocks.append(tables.against_metered(report))
    if report.lines:
        blocks.append(tables.lines(report))
    blocks += _some(tables.unit_costs(report))
    blocks += [Heading("Day by day"), charts.by_day(report)]
    blocks += _some(tables.movers(report))
    blocks += _unusual(report)
    blocks += _some(tables.restatements(report))
    if report.month is not None:
        blocks += [Heading("This month"), charts.month(report.month)]
    if report.breakdowns:
        blocks += [
            Heading("Where the money went"),
            Text("Each table groups the same money another way; never add two."),
        ]
        blocks += [tables.breakdown(b) for b in report.breakdowns]
    blocks += _some(tables.meters(report))
    blocks += [Heading("How complete this is"), tables.completeness(report), *_some(tables.tags(report))]
    blocks += [Heading("How this was made"), tables.sources(report)]
    return [*blocks, Bullets(report.notes)] if report.notes else blocks


def _short(report: SpendReport) -> list[Block]:
    blocks: list[Block] = [Heading("Estimated, metered, billed"), tables.approaches(report)]
    differences = tables.lines(report, short=True)
    blocks += _some(differences if differences.rows else None)
    blocks += _some(tables.unit_costs(report))
    if report.month is not None:
        blocks.append(charts.month_table(report.month))
    blocks += [*_unusual(report), *_some(tables.restatements(report))]
    blocks += [Heading("How complete this is"), tables.completeness(report), *_some(tables.tags(report))]
    h = report.header
    blocks.append(Text(f"This report: {h.requests} paid requests ({usd(h.request_usd)}), {h.cached_requests} cached."))
    return [*blocks, *_state(report), Text(report.headline, "headline")]


def _unusual(report: SpendReport) -> list[Block]:
    return [Text(f"Unusual: {charts.name_of(a.approach)}: {a.text}.", "warning") for a in report.anomalies]


def _some(table: Table | None) -> list[Block]:
    return [] if table is None else [table]
