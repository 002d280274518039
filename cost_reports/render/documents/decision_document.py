"""The decision as a document: the advice, why, what is not known, and the numbers behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise

from cost_reports.decide.decision import Decision, VolumeRange
from cost_reports.decide.uncertainty import VOLUME, Flip
from cost_reports.render import svg
from cost_reports.render.document import Block, Bullets, Chart, Document, Heading, Table, Text, columns
from cost_reports.render.svg import Mark
from cost_reports.text import NOT_AVAILABLE, bounded, usd


def document(decision: Decision) -> Document:
    """The whole decision."""
    d = decision
    blocks: list[Block] = [Text(line, "warning") for line in d.simulated]
    blocks += [Text(d.headline, "headline"), Bullets(d.reasons)]
    if d.unknowns:
        blocks += [Heading("What is not known"), Bullets(d.unknowns)]
    blocks += [Heading("Cheapest by volume"), *_volumes(d)]
    blocks += [_break_even(d), Heading("Cost and quality"), _candidates(d)]
    if chart := _frontier(d):
        blocks.append(chart)
    if d.flips:
        blocks += [Heading("What moves the answer"), _tornado(d)]
    if d.chances:
        blocks += [Heading("How sure"), _chances(d)]
    return Document(
        title=f"{d.experiment}: which approach to use",
        kicker=f"DECISION · {d.requests_per_month:,} requests a month · {d.horizon_months} months"
        + (" · SIMULATED" if d.simulated else ""),
        summary="Measured quality, estimated money at AWS list prices."
        if d.measured
        else "Estimated money at AWS list prices; no quality was given.",
        blocks=tuple(blocks),
    )


def outlook(decision: Decision) -> list[Block]:
    """The part of a decision that belongs into the report of a run: what production would cost, what is cheapest."""
    d = decision
    volume = f"{d.requests_per_month:,} requests a month for {d.horizon_months} months"
    blocks: list[Block] = [
        Heading("Outlook: production at the experiment's workload"),
        Text(f"ESTIMATED, not metered: {volume}, with measured quality and tokens where there are any. {d.headline}"),
        Bullets((*d.reasons, *d.unknowns)),
        _candidates(d),
        *_volumes(d),
        _break_even(d),
    ]
    return [*blocks, _tornado(d)] if d.flips else blocks


LEAST = "≥ at least, ≤ at most, ≈ about: something in it has no public price (see what is not known)."


def _range(d: Decision, r: VolumeRange) -> tuple[str, ...]:
    least = f"{r.approach} / {r.variant} / {r.setup}" in d.at_least
    return (f"{r.low:,}", f"{r.high:,}", r.approach, r.variant, r.setup + (" ≥" if least else ""))


def _least(rows: Iterable[Sequence[str]], text: str = "") -> str:
    """A note, and what the sign means where the table holds it."""
    return f"{text} {LEAST}".strip() if any("≥" in cell for row in rows for cell in row) else text


def _volumes(d: Decision) -> list[Block]:
    heads = columns(">from", ">to", "approach", "variant", "setup")
    found: list[Block] = []
    shown = d.cheapest_passing or d.cheapest
    title = "Cheapest by requests a month" + (", among those that pass the gate" if d.cheapest_passing else "")
    lines = tuple(_range(d, r) for r in shown)
    table = Table(title=title, columns=heads, rows=lines, note=_least(lines))
    picture = svg.lines(
        "Cost against volume",
        [(s.name, s.approach, [(float(v), float(usd_)) for v, usd_ in s.points]) for s in d.series],
        x_name="requests a month",
        y_name=f"USD over {d.horizon_months} months",
        crossings=_crossings(d, shown),
    )
    found.append(Chart(title="Cost against volume", svg=picture, table=table) if picture else table)
    if d.cheapest_passing:
        rows = tuple(_range(d, r) for r in d.cheapest)
        found.append(Table(title="By cost alone, whatever the quality", columns=heads, rows=rows, detail=True))
    return found


def _crossings(d: Decision, shown: tuple[VolumeRange, ...]) -> list[tuple[float, float, str]]:
    """Where the cheapest option becomes one of another approach."""
    costs = {s.approach: dict(s.points) for s in d.series}
    return [
        (float(after.low), float(costs[after.approach][after.low]), f"{after.approach} from {after.low:,}")
        for before, after in pairwise(shown)
        if before.approach != after.approach and after.low in costs[after.approach]
    ]


def _break_even(d: Decision) -> Table:
    rows = []
    for b in d.break_even:
        turns = ", then ".join(f"{name} from {v:,}" for v, name in zip(b.from_volume, b.cheaper, strict=True))
        names = (name + (" ≥" if name in d.at_least else "") for name in (b.lower, b.higher))
        rows.append((*names, turns, NOT_AVAILABLE if b.month is None else f"month {b.month}"))
    return Table(
        title="Break-even of each pair of approaches",
        columns=columns("lower", "higher", "cheaper by requests a month", ">pays back"),
        rows=tuple(rows),
        note=_least(
            rows, "Pays back: the month in which the higher one-time cost is recovered at the stated workload."
        ),
    )


def _candidates(d: Decision) -> Table:
    rows = tuple(
        (
            c.variant,
            c.setup,
            c.outcome,
            NOT_AVAILABLE if c.quality is None else f"{c.quality:.0%}",
            bounded(usd(c.total_usd), "≥", c.at_least),
            bounded(usd(c.per_accepted_usd), "≥", c.at_least),
            bounded(usd(c.point_usd), "≈", c.at_least) if c.dominated_by is None else "dominated",
            bounded(NOT_AVAILABLE if c.roi is None else f"{c.roi * 100:,.0f} %", "≤", c.at_least),
        )
        for c in d.candidates
    )
    return Table(
        title=f"Each variant in its cheapest setup, over {d.horizon_months} months",
        columns=columns("=variant", "setup", "gate", ">quality", ">total", ">per\naccepted", ">a point\nmore", ">ROI"),
        rows=rows,
        note=_least(
            rows,
            "A point more: USD for one more percentage point of accepted answers than the next cheaper one on the"
            " frontier; dominated: another is better and no dearer, or a mix of two others is. ROI: (value - cost) /"
            " cost.",
        ),
    )


def _frontier(d: Decision) -> Chart | None:
    found = [c for c in d.candidates if c.quality is not None and c.total_usd > 0]
    marks = [
        Mark(
            label=c.variant,
            value=(c.quality or 0.0) * 100,
            x=float(c.total_usd),
            group=c.approach,
            text=f"{(c.quality or 0.0):.0%} for {bounded(usd(c.total_usd), '≥', c.at_least)}",
        )
        for c in found
    ]
    title = "Cost against quality, with the efficient frontier"
    edge = sorted((float(c.total_usd), (c.quality or 0.0) * 100) for c in found if c.dominated_by is None)
    picture = svg.scatter(
        title, marks, x_name="USD (logarithmic)", y_name="accepted answers, %", y_top=100.0, frontier=edge
    )
    if not picture:
        return None
    rows = tuple(
        (c.variant, bounded(usd(c.total_usd), "≥", c.at_least), f"{c.quality:.0%}", c.dominated_by or NOT_AVAILABLE)
        for c in found
    )
    table = Table(title=title, columns=columns("variant", ">total", ">quality", "dominated by"), rows=rows, detail=True)
    return Chart(title=title, svg=picture, table=table)


def _tornado(d: Decision) -> Chart:
    middle = next(float(c.total_usd) for c in d.candidates if c.name == d.flips_of)
    marks = [
        Mark(label=f.driver, value=f.high_usd, low=f.low_usd, high=f.high_usd, text=_span(f), group="") for f in d.flips
    ]
    title = f"Total of {d.flips_of} when one input changes"
    table = Table(
        title="Sensitivity, the strongest first",
        columns=columns(
            "input", ">from", ">to", ">total at low", ">total at high", "changes the cheapest", "why this range"
        ),
        rows=tuple(
            (
                f.driver,
                f"x {f.low_factor:.2g}",
                f"x {f.high_factor:.2g}",
                usd(Decimal(str(round(f.low_usd, 2)))),
                usd(Decimal(str(round(f.high_usd, 2)))),
                NOT_AVAILABLE if f.factor is None else _turn(d, f.driver, f.factor, f.instead),
                f.why,
            )
            for f in d.flips
        ),
    )
    return Chart(title=title, svg=svg.tornado(title, marks, middle=middle), table=table)


def _turn(d: Decision, driver: str, factor: float, instead: str | None) -> str:
    """Where the cheapest changes, as a factor and, for the volume, in requests of the first month."""
    value = f" ({round(factor * d.requests_per_month):,})" if driver == VOLUME else ""
    return f"at x {factor:.2f}{value}: {instead}"


def _span(f: Flip) -> str:
    return f"{usd(Decimal(str(round(f.low_usd, 2))))} to {usd(Decimal(str(round(f.high_usd, 2))))}"


def _chances(d: Decision) -> Table:
    return Table(
        title="Random trials over all ranges at once",
        columns=columns("option", ">cheapest", ">cheapest per accepted", ">total, 10th percentile", ">90th percentile"),
        rows=tuple(
            (
                c.name,
                f"{c.cheapest:.0%}",
                f"{c.cheapest_per_accepted:.0%}",
                usd(Decimal(str(round(c.total_p10_usd, 2)))),
                usd(Decimal(str(round(c.total_p90_usd, 2)))),
            )
            for c in d.chances
        ),
        note=f"Seed {d.seed}. Inputs triangular over their ranges, quality normal within its 95 % interval.",
    )
