"""The report of a run as a document: what it says first, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from contracts.run import ANSWER_CLASSES
from contracts.units import WIDE
from cost_reports.decide.decision import Decision
from cost_reports.metering.charges import exact_sum
from cost_reports.render.document import Block, Bullets, Document, Heading, Table, Text, columns, facts, table
from cost_reports.render.documents import decision_document
from cost_reports.render.documents.run_quality import agreement, everything_measured, labels
from cost_reports.render.documents.run_report_charts import (
    MAIN,
    approach,
    cost_chart,
    find,
    frontier,
    interval,
    label_of,
    name,
    quality_chart,
)
from cost_reports.run_report.report import MeteredLine, PairedDifference, Report, VariantResult
from cost_reports.run_report.variance import Variance
from cost_reports.text import NOT_AVAILABLE, number, percent, quantity, usd

#: Intervals that a terminal has room for.
MOST = 6


def document(report: Report, decision: Decision | None = None, *, short: bool = False) -> Document:
    """Return the whole report; tables marked `detail` are not for terminals.

    `short`: what a terminal shows at the end of a run, the recommendation last, where the eye is. `decision`: what it
    all means at the experiment's workload.
    """
    h = report.header
    blocks: list[Block] = [Text(line, "warning") for line in h.simulated]
    if short:
        blocks += [Heading("Quality"), _narrow(_quality(report, MOST)), *map(_narrow, _groups(report))]
        blocks += [*map(_narrow, _splits(report)), *map(_narrow, labels(report)), *agreement(report)]
        blocks += [Heading("Cost and speed"), _cost(report), _once(report), *_variance(report)]
        blocks.append(_breakdown(report, "service"))
        blocks += _recommendation(report)
    else:
        blocks += [*_recommendation(report), *_full(report, decision)]
    return Document(
        title=f"{h.experiment}: what prompting, RAG and fine-tuning cost, and what they are worth",
        kicker=f"run {h.run} · profile {h.profile} · as of {h.as_of} · {h.region}" + (" · SIMULATED" * h.embedded),
        summary=f"{h.description} {h.questions} test questions; metered {usd(report.total_usd)} in all.".strip(),
        blocks=tuple(blocks),
    )


def _full(report: Report, decision: Decision | None) -> list[Block]:
    blocks: list[Block] = [Heading("Quality"), quality_chart(report), _quality(report), *_groups(report)]
    blocks += [*_splits(report), *labels(report), *agreement(report)]
    blocks += [Heading("Cost and speed"), cost_chart(report), _cost(report), _once(report)]
    blocks += _variance(report)
    if chart := frontier(report):
        blocks.append(chart)
    if decision is not None:
        blocks += decision_document.outlook(decision)
    blocks.append(Heading("Where the money went"))
    blocks += [_breakdown(report, b.by) for b in report.breakdowns]
    if report.paired:
        blocks += [Heading("Differences on the same questions"), _paired(report.paired)]
    blocks += [everything_measured(report), Heading("How this was made"), _facts(report)]
    return [*blocks, Bullets(report.notes)] if report.notes else blocks


def _narrow(table: Table) -> Table:
    """Return a table without its first column: order and names of the variants tell the approach as well."""
    return replace(table, columns=table.columns[1:], rows=tuple(row[1:] for row in table.rows))


def _recommendation(report: Report) -> list[Block]:
    r = report.recommendation
    blocks: list[Block] = [Heading("Recommendation"), Text(r.headline, "headline"), Bullets(r.reasons)]
    return [*blocks, *(Text(caveat, "warning") for caveat in r.caveats)]


def _quality(report: Report, most: int | None = None) -> Table:
    """Return the main metrics; where a `most` is given, that many at most, the accepted one among them."""
    shown = [m for m in MAIN if any(find(r, m) for r in report.ladder)]
    # Everywhere but in free text a right answer is told by a stricter metric.
    shown = [m for m in shown if m != "token-f1" or m == report.accepted_metric]
    shown = [m for m in shown if m in sorted(shown, key=lambda m: m != report.accepted_metric)[:most]]
    rows = [
        (r.approach, name(r), r.gate.outcome, *(interval(find(r, m), MAIN[m][1]) for m in shown)) for r in report.ladder
    ]
    # A head of two words stands on two lines: a terminal then has room for six intervals.
    heads = (f">{MAIN[m][0].replace(' ', chr(10), 1)}" for m in shown)
    return Table(
        title="Quality of each variant",
        columns=columns("=approach", "=variant", "=gate", *heads),
        rows=tuple(rows),
        note="All values from 0 to 100 with 95 % intervals, over all test questions. * control: untuned.",
    )


def _groups(report: Report) -> list[Table]:
    """Return what became of the answers of variants some of which are not whole; an empty list where all are."""
    shown = [r for r in report.ladder if any(group.kind != "whole" for group in r.groups)]
    if not shown:
        return []
    kinds = [kind for kind in ANSWER_CLASSES if any(group.kind == kind for r in shown for group in r.groups)]

    def cell(result: VariantResult, kind: str) -> str:
        found = next((group for group in result.groups if group.kind == kind), None)
        return NOT_AVAILABLE if found is None else f"{number(found.answers)} ({usd(found.usd)})"

    reasons = [f"{name(r)} was not measured: {r.gate.reason}" for r in shown if r.gate.outcome == "not measured"]
    return [
        Table(
            title="Answers that are not whole, and what they cost",
            columns=columns("=approach", "=variant", *(f">{kind}" for kind in kinds)),
            rows=tuple((r.approach, name(r), *(cell(r, kind) for kind in kinds)) for r in shown),
            note=" ".join(
                [
                    "Cut: ended at the limit of tokens. Filtered: replaced or suppressed. Empty: no text. Failed: no"
                    " answer. Other variants have whole answers only.",
                    *(f"{reason}." for reason in reasons),
                ]
            ),
        )
    ]


def _splits(report: Report) -> list[Table]:
    """Return one table; an empty list where nothing was measured."""
    metric = report.accepted_metric
    sizes = {m.split: m.n for r in report.ladder for m in r.metrics if m.metric == metric}
    if not sizes:
        return []
    label, factor = label_of(metric)
    rows = [(r.approach, name(r), *(interval(find(r, metric, s), factor) for s in sizes)) for r in report.ladder]
    note = "seen-fact: fact trained, wording never; new-fact: fact never trained; reserved-page: page held out."
    return [
        Table(
            title=f"{label} by kind of question",
            columns=columns("=approach", "=variant", *(f">{s}\n(n={n})" for s, n in sizes.items())),
            rows=tuple(rows),
            note=note if "seen-fact" in sizes else "",
        )
    ]


def _cost(report: Report) -> Table:
    return table(
        "Metered cost, latency and tokens of each variant",
        report.ladder,
        {
            "=approach": approach,
            "=variant": name,
            ">answers\n(failed)": lambda r: number(r.answers) + (f" ({r.errors})" if r.errors else ""),
            ">p50 / p95\nms": lambda r: f"{number(r.latency_p50_ms)} / {number(r.latency_p95_ms)}",
            ">tokens\nin / out": lambda r: f"{number(r.input_tokens)} / {number(r.output_tokens)}",
            ">metered": lambda r: usd(r.metered_usd),
            ">per\n1,000": lambda r: usd(r.per_1000_answers_usd),
            ">per\naccepted": lambda r: usd(r.per_accepted_usd),
        },
        "Metered: answering plus a share of what the approach keeps running, without one-time cost. Then the same"
        f" for 1,000 answers and for each accepted answer ({report.accepted_metric}).",
    )


def _once(report: Report) -> Table:
    return table(
        "Costs that are not part of an answer",
        dict.fromkeys([*report.one_time_usd, *report.experiment_usd]),
        {
            "approach": str,
            ">one-time (training, ingestion)": lambda a: usd(report.one_time_usd.get(a)),
            ">the experiment itself": lambda a: usd(report.experiment_usd.get(a)),
        },
        "The experiment itself: preparing, orchestrating, evaluating, reporting. Production does not pay it.",
        last=[
            *([("the judge's model", NOT_AVAILABLE, usd(report.judging_usd))] if report.judging_usd else ()),
            ("not borne by any approach", NOT_AVAILABLE, usd(report.unattributed_usd)),
        ],
    )


def _variance(report: Report) -> list[Block]:
    """Return estimated against metered; an empty list where there was no estimate."""
    if not report.variance:
        return []
    amounts: dict[str, Callable[[Variance], Decimal]] = {
        ">estimated": lambda v: v.estimated_usd,
        ">metered": lambda v: v.metered_usd,
        ">price": lambda v: v.price_usd,
        ">volume": lambda v: v.volume_usd,
        ">not\nestimated": lambda v: v.unestimated_usd,
        ">not\nmetered": lambda v: v.not_metered_usd,
        ">untagged,\ntax": lambda v: WIDE.add(v.untagged_usd, v.credits_and_tax_usd),
    }
    rows = [(v.approach or "(no approach)", *(usd(amount(v)) for amount in amounts.values())) for v in report.variance]
    rows.append(("all", *(usd(exact_sum(map(amount, report.variance))) for amount in amounts.values())))
    return [
        Table(
            title="Expected from the experiment's files, metered in the run, and why they differ",
            columns=columns("=approach", *amounts),
            rows=tuple(rows),
            note="Metered - estimated = the sum of the five columns to the right, exactly. The estimate applies"
            " the assumptions of `ladder estimate` to the experiment as it was asked.",
        )
    ]


def _breakdown(report: Report, by: str) -> Table:
    lines = next(b.lines for b in report.breakdowns if b.by == by)
    cells: dict[str, Callable[[MeteredLine], str]] = {by: lambda x: x.name}
    if any(line.quantity is not None for line in lines):
        cells[">quantity"] = lambda x: quantity(x.quantity, x.unit)
    cells |= {">USD": lambda x: usd(x.usd), ">share": lambda x: percent(x.share)}
    return table(f"Metered by {by}", lines, cells)


def _paired(rows: Sequence[PairedDifference]) -> Table:
    return table(
        "Paired differences, first minus second",
        rows,
        {
            "metric": lambda p: p.metric,
            "first": lambda p: p.a,
            "second": lambda p: p.b,
            ">difference": lambda p: f"{p.difference:+.3f}",
            ">95 % interval": lambda p: f"{p.low:+.3f} to {p.high:+.3f}",
            ">p": lambda p: "<0.001" if p.p_value < 0.001 else f"{p.p_value:.3f}",
            ">n": lambda p: number(p.n),
        },
    )


def _sources_of_answers(report: Report) -> list[tuple[str, str]]:
    """Return what answers say of the device, the model's revision and the service tier that they came from."""
    found: dict[str, dict[str, None]] = {}
    for r in report.ladder:
        for what, values in (("device", r.devices), ("revision", r.revisions), ("service tier", r.tiers)):
            for value in values:
                found.setdefault(f"{what}: {r.approach}", {})[value] = None
    return [(what, ", ".join(values)) for what, values in found.items()]


def _facts(report: Report) -> Table:
    h = report.header
    return facts(
        (
            ("window (UTC)", f"{h.window_start or NOT_AVAILABLE} to {h.window_end or NOT_AVAILABLE}"),
            ("prices", f"AWS list prices as of {h.prices_as_of}, {h.currency}"),
            *((f"{s.source} money", f"{s.state}: {s.text}") for s in h.sources),
            ("this report", f"{h.report_requests} Cost Explorer requests, {usd(h.report_usd)}"),
            *((f"model: {role}", model) for role, model in h.models.items()),
            *_sources_of_answers(report),
            *((f"sha256 of {what}", value) for what, value in h.model_hashes.items()),
            *((f"seed: {what}", str(value)) for what, value in h.seeds.items()),
            *((f"version of {what}", value) for what, value in h.versions.items()),
            ("git commit", h.git_commit or NOT_AVAILABLE),
            ("sha256 of the experiment", h.input_sha256),
        )
    )
