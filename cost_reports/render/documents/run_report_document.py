"""The report of a run as a document: what it says first, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from contracts.units import WIDE
from cost_reports.decide.decision import Decision
from cost_reports.metering.charges import exact_sum
from cost_reports.render.document import Block, Bullets, Document, Heading, Table, Text, columns
from cost_reports.render.documents import decision_document
from cost_reports.render.documents.run_report_charts import (
    MAIN,
    cost_chart,
    find,
    frontier,
    interval,
    name,
    quality_chart,
)
from cost_reports.run_report.report import PairedDifference, Report
from cost_reports.run_report.variance import Variance
from cost_reports.text import NOT_AVAILABLE, number, percent, quantity, usd


def document(report: Report, decision: Decision | None = None, *, short: bool = False) -> Document:
    """The whole report; tables marked `detail` are not for terminals. `short`: what a terminal shows at the end of a
    run, the recommendation last, where the eye is. `decision`: what it all means at the experiment's workload.
    """
    h = report.header
    blocks: list[Block] = [Text(line, "warning") for line in h.simulated]
    if short:
        blocks += [Heading("Quality"), _narrow(_quality(report)), *map(_narrow, _splits(report))]
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
    blocks: list[Block] = [Heading("Quality"), quality_chart(report), _quality(report), *_splits(report)]
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
    blocks += [_everything_measured(report), Heading("How this was made"), _facts(report)]
    return [*blocks, Bullets(report.notes)] if report.notes else blocks


def _narrow(table: Table) -> Table:
    """Without its first column (the approach, which the order and the names of the variants tell as well)."""
    return replace(table, columns=table.columns[1:], rows=tuple(row[1:] for row in table.rows))


def _recommendation(report: Report) -> list[Block]:
    r = report.recommendation
    blocks: list[Block] = [Heading("Recommendation"), Text(r.headline, "headline"), Bullets(r.reasons)]
    return [*blocks, *(Text(caveat, "warning") for caveat in r.caveats)]


def _quality(report: Report) -> Table:
    shown = [m for m in MAIN if any(find(r, m) for r in report.ladder)]
    rows = [
        (r.approach, name(r), r.gate.outcome, *(interval(find(r, m), MAIN[m][1]) for m in shown)) for r in report.ladder
    ]
    return Table(
        title="Quality of each variant",
        columns=columns("=approach", "=variant", "=gate", *(f">{_stacked(MAIN[m][0])}" for m in shown)),
        rows=tuple(rows),
        note="All values from 0 to 100 with 95 % intervals, over all test questions. * control: untuned.",
    )


def _stacked(head: str) -> str:
    """A head of two words on two lines, so that a terminal has room for six intervals."""
    return head.replace(" ", "\n", 1)


def _splits(report: Report) -> list[Table]:
    """One table, or none where nothing was measured."""
    metric = report.accepted_metric
    sizes = {m.split: m.n for r in report.ladder for m in r.metrics if m.metric == metric}
    if not sizes:
        return []
    label, factor = MAIN.get(metric, (metric, 100))
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
    rows = [
        (
            r.approach,
            name(r),
            number(r.answers) + (f" ({r.errors})" if r.errors else ""),
            f"{number(r.latency_p50_ms)} / {number(r.latency_p95_ms)}",
            f"{number(r.input_tokens)} / {number(r.output_tokens)}",
            usd(r.metered_usd),
            usd(r.per_1000_answers_usd),
            usd(r.per_accepted_usd),
        )
        for r in report.ladder
    ]
    return Table(
        title="Metered cost, latency and tokens of each variant",
        columns=columns(
            "=approach",
            "=variant",
            ">answers\n(failed)",
            ">p50 / p95\nms",
            ">tokens\nin / out",
            ">metered",
            ">per\n1,000",
            ">per\naccepted",
        ),
        rows=tuple(rows),
        note="Metered: answering plus a share of what the approach keeps running, without one-time cost. Then the same"
        f" for 1,000 answers and for each accepted answer ({report.accepted_metric}).",
    )


def _once(report: Report) -> Table:
    names = dict.fromkeys([*report.one_time_usd, *report.experiment_usd])
    rows = [(a, usd(report.one_time_usd.get(a)), usd(report.experiment_usd.get(a))) for a in names]
    rows.append(("not borne by any approach", NOT_AVAILABLE, usd(report.unattributed_usd)))
    return Table(
        title="Costs that are not part of an answer",
        columns=columns("approach", ">one-time (training, ingestion)", ">the experiment itself"),
        rows=tuple(rows),
        note="The experiment itself: preparing, orchestrating, evaluating, reporting. Nobody pays it in production.",
    )


def _variance(report: Report) -> list[Block]:
    """Estimated against metered, or nothing where there was no estimate."""
    if not report.variance:
        return []
    rows = [(v.approach or "(no approach)", _amounts(v)) for v in report.variance]
    sums = [exact_sum(column) for column in zip(*(amounts for _, amounts in rows), strict=True)]
    table = Table(
        title="Expected from the experiment's files, metered in the run, and why they differ",
        columns=columns(
            "=approach",
            ">estimated",
            ">metered",
            ">price",
            ">volume",
            ">not\nestimated",
            ">not\nmetered",
            ">untagged,\ntax",
        ),
        rows=tuple((name, *map(usd, amounts)) for name, amounts in [*rows, ("all", sums)]),
        note="Metered - estimated = the sum of the five columns to the right, exactly. The estimate applies"
        " the assumptions of `ladder estimate` to the experiment as it was asked.",
    )
    return [table]


def _amounts(v: Variance) -> list[Decimal]:
    rest = WIDE.add(v.untagged_usd, v.credits_and_tax_usd)
    return [v.estimated_usd, v.metered_usd, v.price_usd, v.volume_usd, v.unestimated_usd, v.not_metered_usd, rest]


def _breakdown(report: Report, by: str) -> Table:
    lines = next(b.lines for b in report.breakdowns if b.by == by)
    if any(line.quantity is not None for line in lines):
        return Table(
            title=f"Metered by {by}",
            columns=columns(by, ">quantity", ">USD", ">share"),
            rows=tuple((n.name, quantity(n.quantity, n.unit), usd(n.usd), percent(n.share)) for n in lines),
        )
    return Table(
        title=f"Metered by {by}",
        columns=columns(by, ">USD", ">share"),
        rows=tuple((n.name, usd(n.usd), percent(n.share)) for n in lines),
    )


def _paired(rows: Sequence[PairedDifference]) -> Table:
    return Table(
        title="Paired differences, first minus second",
        columns=columns("metric", "first", "second", ">difference", ">95 % interval", ">p", ">n"),
        rows=tuple(
            (
                p.metric,
                p.a,
                p.b,
                f"{p.difference:+.3f}",
                f"{p.low:+.3f} to {p.high:+.3f}",
                "<0.001" if p.p_value < 0.001 else f"{p.p_value:.3f}",
                number(p.n),
            )
            for p in rows
        ),
    )


def _everything_measured(report: Report) -> Table:
    return Table(
        title="Every metric of every variant",
        columns=columns("=approach", "=variant", "metric", "questions", ">value", ">low", ">high", ">n"),
        rows=tuple(
            (r.approach, name(r), m.metric, m.split, f"{m.value:.3f}", f"{m.low:.3f}", f"{m.high:.3f}", number(m.n))
            for r in report.ladder
            for m in r.metrics
        ),
        detail=True,
    )


def _facts(report: Report) -> Table:
    h = report.header
    pairs = [
        ("window (UTC)", f"{h.window_start or NOT_AVAILABLE} to {h.window_end or NOT_AVAILABLE}"),
        ("prices", f"AWS list prices as of {h.prices_as_of}, {h.currency}"),
        *((f"{s.source} money", f"{s.state}: {s.text}") for s in h.sources),
        ("this report", f"{h.report_requests} Cost Explorer requests, {usd(h.report_usd)}"),
        *((f"model: {role}", model) for role, model in h.models.items()),
        *((f"sha256 of {what}", value) for what, value in h.model_hashes.items()),
        *((f"seed: {what}", str(value)) for what, value in h.seeds.items()),
        *((f"version of {what}", value) for what, value in h.versions.items()),
        ("git commit", h.git_commit or NOT_AVAILABLE),
        ("sha256 of the experiment", h.input_sha256),
    ]
    return Table(title="", columns=columns("what", "value"), rows=tuple(pairs))
