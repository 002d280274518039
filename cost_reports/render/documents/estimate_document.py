"""The estimate as a document: every approach, variant and setup, then each line with its price and source."""

from __future__ import annotations

from collections.abc import Mapping

from cost_reports.estimate import pretraining
from cost_reports.estimate.estimate import Estimate, Item, OptionEstimate
from cost_reports.estimate.gaps import Gap
from cost_reports.render import svg
from cost_reports.render.document import Block, Bullets, Chart, Document, Heading, Table, Text, columns
from cost_reports.render.svg import Mark
from cost_reports.text import NOT_AVAILABLE, bounded, number, quantity, usd

UNKNOWN = "unknown"
GROWTH = {
    "once": "once",
    "monthly": "a month",
    "request": "a request",
    "unit": "a unit, a month",
    "awake": "an awakening",
    "refresh": "a refresh",
}


SUMS = (
    "one_time_usd",
    "fixed_monthly_usd",
    "per_1000_usd",
    "refresh_monthly_usd",
    "idle_monthly_usd",
    "first_month_usd",
    "total_usd",
)


def document(estimate: Estimate) -> Document:
    """The whole estimate."""
    e = estimate
    blocks: list[Block] = [
        Text(
            f"{e.requests_per_month:,} requests in the first month, {e.requests_in_horizon:,} in {e.horizon_months}"
            " months. Fixed: what is kept running or awake in the first month. Per 1,000: what 1,000 more requests use,"
            " without steps. Refresh: re-indexing or retraining. Idle: a month without any request. Confidence: that of"
            " the least sure price. ≥: at least, because something in it has no public price and is in no sum."
        ),
        _escalator(e),
    ]
    for approach in dict.fromkeys(o.approach for o in e.options):
        blocks += [Heading(approach), _table(approach, [o for o in e.options if o.approach == approach])]
        if left_out := [g for g in e.gaps if g.approach == approach]:
            blocks.append(_left_out(left_out))
        own = [o for o in e.options if o.approach == approach]
        missing = dict.fromkeys(f"Unknown, in no sum: {u}." for o in own for u in o.unknown)
        if notes := (*_notes(own), *missing):
            blocks.append(Bullets(notes))
    blocks += [Heading("Pre-training predicted and published"), _published(), Text(pretraining.WHEN)]
    blocks += [Heading("Assumptions"), _assumptions(e), Heading("Every line")]
    sources = {text: n for n, text in enumerate(dict.fromkeys(i.price_source for o in e.options for i in o.items), 1)}
    blocks += [_lines(o, sources) for o in e.options]
    blocks.append(_sources(sources))
    return Document(
        title=f"{e.experiment}: what each approach will cost",
        kicker=f"ESTIMATE · {e.region} · AWS list prices as of {e.prices_as_of} · {e.currency}",
        summary=f"Generator {e.generator}, embedding {e.embedding}, fine-tuning base {e.base_model}.",
        blocks=tuple(blocks),
    )


def _escalator(e: Estimate) -> Chart:
    cheapest: dict[str, OptionEstimate] = {}
    for option in e.options:
        if option.approach not in cheapest or option.total_usd < cheapest[option.approach].total_usd:
            cheapest[option.approach] = option
    marks = [Mark(label=a, value=float(o.total_usd), text=_sum(o, "total_usd"), group=a) for a, o in cheapest.items()]
    title = f"The escalator: cheapest total of each approach over {e.horizon_months} months (logarithmic)"
    table = Table(
        title="Cheapest setup of each approach",
        columns=columns("approach", "variant", "setup", ">one-time", ">idle a month", ">total", "=confidence"),
        rows=tuple(
            (
                a,
                o.variant,
                o.setup,
                *(_sum(o, name) for name in ("one_time_usd", "idle_monthly_usd", "total_usd")),
                o.confidence,
            )
            for a, o in cheapest.items()
        ),
    )
    return Chart(title=title, svg=svg.bars(title, marks, logarithmic=True), table=table)


def _table(approach: str, options: list[OptionEstimate]) -> Table:
    return Table(
        title=f"{approach}: every variant and setup",
        columns=columns(
            "=variant",
            "setup",
            ">one-time",
            ">fixed\na month",
            ">per\n1,000",
            ">refresh\na month",
            ">idle\na month",
            ">first\nmonth",
            ">total",
            "=confidence",
        ),
        rows=tuple((o.variant, o.setup, *(_sum(o, name) for name in SUMS), o.confidence) for o in options),
    )


def _sum(option: OptionEstimate, name: str) -> str:
    """A sum of an option; `≥` where something that has no public price is not in it."""
    return bounded(usd(getattr(option, name)), "≥", name in option.at_least)


def _left_out(gaps: list[Gap]) -> Table:
    return Table(
        title="Left out of the sums",
        columns=columns("=variant", "setup", "=cost", "why"),
        rows=tuple((g.variant, g.setup, UNKNOWN if g.price_unknown else "cannot", g.why) for g in gaps),
    )


def _published() -> Table:
    checks = [pretraining.check(run) for run in pretraining.PUBLISHED]
    return Table(
        title="GPU hours by 6 N D with an MFU of 35 to 43 %, against what was published",
        columns=columns("=model", "=GPU", ">predicted", ">published", ">implied MFU", "verdict", "why"),
        rows=tuple(
            (
                c.run.name,
                c.run.gpu,
                f"{number(int(c.low))} to {number(int(c.high))}",
                number(c.run.gpu_hours),
                f"{float(pretraining.implied_mfu(c.run)):.1%}",
                c.verdict,
                c.why or NOT_AVAILABLE,
            )
            for c in checks
        ),
    )


def _notes(options: list[OptionEstimate]) -> list[str]:
    """Each note once, with the variants of which all setups have it, or else with the setups."""
    found = []
    for note in dict.fromkeys(n for o in options for n in o.notes):
        having = [o for o in options if note in o.notes]
        variants = dict.fromkeys(o.variant for o in having)
        whole = all(note in o.notes for o in options if o.variant in variants)
        names = variants if whole else dict.fromkeys(o.setup for o in having)
        found.append(f"{', '.join(names)}: {note}")
    return found


def _assumptions(e: Estimate) -> Table:
    return Table(
        title="What nobody can read off a price list",
        columns=columns("assumption", ">value", "=by", ">low", ">high", "unit", "why"),
        rows=tuple(
            (
                a.name,
                f"{float(a.value):,g}",
                "you" if a.stated else "us",
                *(f"{float(v):,g}" for v in (a.low, a.high)),
                a.unit,
                a.why,
            )
            for a in e.assumptions
        ),
        detail=True,
    )


def _lines(option: OptionEstimate, sources: Mapping[str, int]) -> Table:
    return Table(
        title=option.name,
        columns=columns(
            "=grows",
            "service, usage type, operation",
            ">amount",
            ">price",
            ">USD",
            "formula",
            "=confidence",
            "=as of [source]",
        ),
        rows=tuple(_line(item, sources) for item in option.items),
        detail=True,
    )


def _sources(sources: Mapping[str, int]) -> Table:
    rows = tuple((str(n), text) for text, n in sources.items())
    return Table(
        title="Sources of the prices", columns=columns(">source", "where the price was read"), rows=rows, detail=True
    )


def _line(item: Item, sources: Mapping[str, int]) -> tuple[str, ...]:
    known = item.usd is not None
    price = NOT_AVAILABLE if known else UNKNOWN
    if item.price_usd is not None:
        price = f"{usd(item.price_usd)} / {item.price_unit}"
    return (
        GROWTH[item.growth],
        ", ".join(part for part in (item.service_code, item.usage_type, item.operation) if part),
        quantity(item.amount, item.unit),
        price,
        usd(item.usd) if known else UNKNOWN,
        item.formula,
        item.confidence,
        f"{item.price_as_of or NOT_AVAILABLE} [{sources[item.price_source]}]",
    )
