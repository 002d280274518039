"""The estimate as a document: every approach, variant and setup, then each line with its price and source."""

from __future__ import annotations

from cost_reports import pretraining
from cost_reports.assumptions import ASSUMPTIONS
from cost_reports.estimate import Estimate, Item, OptionEstimate
from cost_reports.gaps import Gap
from cost_reports.render import svg
from cost_reports.render.document import Block, Bullets, Chart, Document, Heading, Table, Text, columns
from cost_reports.render.svg import Mark
from cost_reports.text import NONE, number, quantity, usd

GROWTH = {
    "once": "once",
    "monthly": "a month",
    "request": "a request",
    "unit": "a unit, a month",
    "awake": "an awakening",
    "refresh": "a refresh",
}


def document(estimate: Estimate) -> Document:
    """The whole estimate."""
    e = estimate
    blocks: list[Block] = [
        Text(
            f"{e.requests_per_month:,} requests in the first month, {e.requests_in_horizon:,} in {e.horizon_months}"
            " months. Idle: a month without any request. Per 1,000: what 1,000 more requests use, without steps."
        ),
        _escalator(e),
    ]
    for approach in dict.fromkeys(o.approach for o in e.options):
        blocks += [Heading(approach), _table(approach, [o for o in e.options if o.approach == approach])]
        if left_out := [g for g in e.gaps if g.approach == approach]:
            blocks.append(_left_out(left_out))
        notes = dict.fromkeys(n for o in e.options if o.approach == approach for n in o.notes)
        missing = dict.fromkeys(
            f"No public price: {u}." for o in e.options if o.approach == approach for u in o.unknown
        )
        if notes or missing:
            blocks.append(Bullets((*notes, *missing)))
    blocks += [Heading("Pre-training predicted and published"), _published(), Text(pretraining.WHEN)]
    blocks += [Heading("Assumptions"), _assumptions(), Heading("Every line")]
    blocks += [_lines(o) for o in e.options]
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
    marks = [Mark(label=a, value=float(o.total_usd), text=f"{usd(o.total_usd)}", group=a) for a, o in cheapest.items()]
    title = f"The escalator: cheapest total of each approach over {e.horizon_months} months (logarithmic)"
    table = Table(
        title="Cheapest setup of each approach",
        columns=columns("approach", "variant", "setup", ">one-time", ">idle a month", ">total"),
        rows=tuple(
            (a, o.variant, o.setup, usd(o.one_time_usd), usd(o.idle_monthly_usd), usd(o.total_usd))
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
            ">idle\na month",
            ">per\n1,000",
            ">refresh\na month",
            ">first\nmonth",
            ">total",
        ),
        rows=tuple(
            (
                o.variant,
                o.setup + (" †" if o.low_confidence else ""),
                usd(o.one_time_usd),
                usd(o.idle_monthly_usd),
                usd(o.per_1000_usd),
                usd(o.refresh_monthly_usd),
                usd(o.first_month_usd),
                usd(o.total_usd),
            )
            for o in options
        ),
        note="† rests on a price of low confidence." if any(o.low_confidence for o in options) else "",
    )


def _left_out(gaps: list[Gap]) -> Table:
    return Table(
        title="Left out of the sums",
        columns=columns("=variant", "setup", "=cost", "why"),
        rows=tuple((g.variant, g.setup, "unknown" if g.price_unknown else "cannot", g.why) for g in gaps),
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
                c.why or NONE,
            )
            for c in checks
        ),
    )


def _assumptions() -> Table:
    return Table(
        title="What nobody can read off a price list",
        columns=columns("assumption", ">value", ">low", ">high", "unit", "why"),
        rows=tuple(
            (name, *(f"{float(v):,g}" for v in (a.value, a.low, a.high)), a.unit, a.why)
            for name, a in ASSUMPTIONS.items()
        ),
        detail=True,
    )


def _lines(option: OptionEstimate) -> Table:
    return Table(
        title=option.name,
        columns=columns(
            "grows",
            "service",
            "usage type",
            ">amount",
            ">price",
            ">USD",
            "formula",
            "price source",
            "as of",
            "confidence",
        ),
        rows=tuple(_line(item) for item in option.items),
        detail=True,
    )


def _line(item: Item) -> tuple[str, ...]:
    price = NONE if item.price_usd is None else f"{usd(item.price_usd)} / {item.price_unit}"
    return (
        GROWTH[item.growth],
        item.service_code,
        item.usage_type,
        quantity(item.amount, item.unit),
        price,
        usd(item.usd),
        item.formula,
        item.price_source,
        item.price_as_of or NONE,
        item.confidence,
    )
