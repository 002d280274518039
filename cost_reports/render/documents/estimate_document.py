"""The estimate as a document: every approach, variant and setup, then each line with its price and source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cost_reports.estimate import pretraining
from cost_reports.estimate.estimate import Estimate, Item, OptionEstimate
from cost_reports.estimate.gaps import Gap
from cost_reports.render import svg
from cost_reports.render.document import Block, Bullets, Chart, Document, Heading, Table, Text, table
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


def document(estimate: Estimate) -> Document:
    """Return the whole estimate."""
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
        blocks += _approach(approach, [o for o in e.options if o.approach == approach], e.gaps)
    blocks += [Heading("Pre-training predicted and published"), _published(), Text(pretraining.WHEN)]
    blocks += [Heading("Assumptions"), _assumptions(e), Heading("Every line")]
    sources = {text: n for n, text in enumerate(dict.fromkeys(i.price_source for o in e.options for i in o.items), 1)}
    blocks += [_lines(o, sources) for o in e.options]
    blocks.append(
        table(
            "Sources of the prices",
            sources.items(),
            {">source": lambda s: str(s[1]), "where the price was read": lambda s: s[0]},
            detail=True,
        )
    )
    return Document(
        title=f"{e.experiment}: what each approach will cost",
        kicker=f"ESTIMATE · {e.region} · AWS list prices as of {e.prices_as_of} · {e.currency}",
        summary=f"Generator {e.generator}, embedding {e.embedding}, fine-tuning base {e.base_model}.",
        blocks=tuple(blocks),
    )


def _sum(name: str) -> Callable[[OptionEstimate], str]:
    """Return the cell of a sum: `≥` where something that has no public price is not in it."""
    return lambda option: bounded(usd(getattr(option, name)), "≥", name in option.at_least)


def _escalator(e: Estimate) -> Chart:
    cheapest: dict[str, OptionEstimate] = {}
    for option in e.options:
        if option.approach not in cheapest or option.total_usd < cheapest[option.approach].total_usd:
            cheapest[option.approach] = option
    total = _sum("total_usd")
    marks = [Mark(label=a, value=float(o.total_usd), text=total(o), group=a) for a, o in cheapest.items()]
    title = f"The escalator: cheapest total of each approach over {e.horizon_months} months (logarithmic)"
    options = table(
        "Cheapest setup of each approach",
        cheapest.values(),
        {
            "approach": lambda o: o.approach,
            "variant": lambda o: o.variant,
            "setup": lambda o: o.setup,
            ">one-time": _sum("one_time_usd"),
            ">idle a month": _sum("idle_monthly_usd"),
            ">total": total,
            "=confidence": lambda o: o.confidence,
        },
    )
    return Chart(title=title, svg=svg.bars(title, marks, logarithmic=True), table=options)


def _approach(approach: str, options: Sequence[OptionEstimate], gaps: Sequence[Gap]) -> list[Block]:
    sums = table(
        f"{approach}: every variant and setup",
        options,
        {
            "=variant": lambda o: o.variant,
            "setup": lambda o: o.setup,
            ">one-time": _sum("one_time_usd"),
            ">fixed\na month": _sum("fixed_monthly_usd"),
            ">per\n1,000": _sum("per_1000_usd"),
            ">refresh\na month": _sum("refresh_monthly_usd"),
            ">idle\na month": _sum("idle_monthly_usd"),
            ">first\nmonth": _sum("first_month_usd"),
            ">total": _sum("total_usd"),
            "=confidence": lambda o: o.confidence,
        },
    )
    blocks: list[Block] = [Heading(approach), sums]
    if left_out := [g for g in gaps if g.approach == approach]:
        blocks.append(
            table(
                "Left out of the sums",
                left_out,
                {
                    "=variant": lambda g: g.variant,
                    "setup": lambda g: g.setup,
                    "=cost": lambda g: UNKNOWN if g.price_unknown else "cannot",
                    "why": lambda g: g.why,
                },
            )
        )
    missing = dict.fromkeys(f"Unknown, in no sum: {u}." for o in options for u in o.unknown)
    if notes := (*_notes(options), *missing):
        blocks.append(Bullets(notes))
    return blocks


def _published() -> Table:
    return table(
        "GPU hours by 6 N D with an MFU of 35 to 43 %, against what was published",
        map(pretraining.check, pretraining.PUBLISHED),
        {
            "=model": lambda c: c.run.name,
            "=GPU": lambda c: c.run.gpu,
            ">predicted": lambda c: f"{number(int(c.low))} to {number(int(c.high))}",
            ">published": lambda c: number(c.run.gpu_hours),
            ">implied MFU": lambda c: f"{float(pretraining.implied_mfu(c.run)):.1%}",
            "verdict": lambda c: c.verdict,
            "why": lambda c: c.why or NOT_AVAILABLE,
        },
    )


def _notes(options: Sequence[OptionEstimate]) -> list[str]:
    """Return each note once, with the variants of which all setups have it, or else with the setups."""
    sentences = []
    for note in dict.fromkeys(n for o in options for n in o.notes):
        having = [o for o in options if note in o.notes]
        variants = dict.fromkeys(o.variant for o in having)
        whole = all(note in o.notes for o in options if o.variant in variants)
        names = variants if whole else dict.fromkeys(o.setup for o in having)
        sentences.append(f"{', '.join(names)}: {note}")
    return sentences


def _assumptions(e: Estimate) -> Table:
    return table(
        "What no price list holds",
        e.assumptions,
        {
            "assumption": lambda a: a.name,
            ">value": lambda a: f"{float(a.value):,g}",
            "=by": lambda a: "you" if a.stated else "us",
            ">low": lambda a: f"{float(a.low):,g}",
            ">high": lambda a: f"{float(a.high):,g}",
            "unit": lambda a: a.unit,
            "why": lambda a: a.why,
        },
        detail=True,
    )


def _lines(option: OptionEstimate, sources: Mapping[str, int]) -> Table:
    return table(
        option.name,
        option.items,
        {
            "=grows": lambda i: GROWTH[i.growth],
            "service, usage type, operation": lambda i: ", ".join(
                part for part in (i.service_code, i.usage_type, i.operation) if part
            ),
            ">amount": lambda i: quantity(i.amount, i.unit),
            ">price": _price,
            ">USD": lambda i: UNKNOWN if i.usd is None else usd(i.usd),
            "formula": lambda i: i.formula,
            "=confidence": lambda i: i.confidence,
            "=as of [source]": lambda i: f"{i.price_as_of or NOT_AVAILABLE} [{sources[i.price_source]}]",
        },
        detail=True,
    )


def _price(item: Item) -> str:
    if item.price_usd is not None:
        return f"{usd(item.price_usd)} / {item.price_unit}"
    return UNKNOWN if item.usd is None else NOT_AVAILABLE
