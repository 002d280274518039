"""The decision as a document: the advice, why, what is not known, and the numbers behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from cost_reports.decide.decision import Candidate, Decision, VolumeRange
from cost_reports.decide.uncertainty import VOLUME, Flip
from cost_reports.render import svg
from cost_reports.render.document import Block, Bullets, Chart, Document, Heading, Table, Text, columns, table
from cost_reports.render.svg import Mark
from cost_reports.text import NOT_AVAILABLE, bounded, usd


def document(decision: Decision) -> Document:
    """Return the whole decision."""
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
    """Return the part of a decision that belongs into the report of a run: what production would cost."""
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
    """Return a note, and what the sign means where the table holds it."""
    return f"{text} {LEAST}".strip() if any("≥" in cell for row in rows for cell in row) else text


def _volumes(d: Decision) -> list[Block]:
    heads = columns(">from", ">to", "approach", "variant", "setup")
    blocks: list[Block] = []
    shown = d.cheapest_passing or d.cheapest
    title = "Cheapest by requests a month" + (", among those that pass the gate" if d.cheapest_passing else "")
    lines = tuple(_range(d, r) for r in shown)
    ranges = Table(title=title, columns=heads, rows=lines, note=_least(lines))
    picture = svg.lines(
        "Cost against volume",
        [(s.name, s.approach, [(float(v), float(usd_)) for v, usd_ in s.points]) for s in d.series],
        x_name="requests a month",
        y_name=f"USD over {d.horizon_months} months",
        crossings=_crossings(d, shown),
    )
    blocks.append(Chart(title="Cost against volume", svg=picture, table=ranges) if picture else ranges)
    if d.cheapest_passing:
        rows = tuple(_range(d, r) for r in d.cheapest)
        blocks.append(Table(title="By cost alone, whatever the quality", columns=heads, rows=rows, detail=True))
    return blocks


def _crossings(d: Decision, shown: tuple[VolumeRange, ...]) -> list[tuple[float, float, str]]:
    """Return where the cheapest option becomes one of another approach."""
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
    candidates = table(
        f"Each variant in its cheapest setup, over {d.horizon_months} months",
        d.candidates,
        {
            "=variant": lambda c: c.variant,
            "setup": lambda c: c.setup,
            "gate": lambda c: c.outcome,
            ">quality": lambda c: NOT_AVAILABLE if c.quality is None else f"{c.quality:.0%}",
            ">total": _total,
            ">per\naccepted": lambda c: bounded(usd(c.per_accepted_usd), "≥", c.at_least),
            ">a point\nmore": lambda c: (
                bounded(usd(c.point_usd), "≈", c.at_least) if c.dominated_by is None else "dominated"
            ),
            ">ROI": lambda c: bounded(NOT_AVAILABLE if c.roi is None else f"{c.roi * 100:,.0f} %", "≤", c.at_least),
        },
    )
    note = (
        "A point more: USD for one more percentage point of accepted answers than the next cheaper one on the"
        " frontier; dominated: another is better and no more expensive, or a mix of two others is."
        " ROI: (value - cost) / cost."
    )
    return replace(candidates, note=_least(candidates.rows, note))


def _total(candidate: Candidate) -> str:
    return bounded(usd(candidate.total_usd), "≥", candidate.at_least)


def _frontier(d: Decision) -> Chart | None:
    measured = [(c, c.quality) for c in d.candidates if c.quality is not None and c.total_usd > 0]
    marks = [
        Mark(
            label=c.variant,
            value=quality * 100,
            x=float(c.total_usd),
            group=c.approach,
            text=f"{quality:.0%} for {_total(c)}",
        )
        for c, quality in measured
    ]
    title = "Cost against quality, with the efficient frontier"
    edge = sorted((float(c.total_usd), quality * 100) for c, quality in measured if c.dominated_by is None)
    picture = svg.scatter(
        title, marks, x_name="USD (logarithmic)", y_name="accepted answers, %", y_top=100.0, frontier=edge
    )
    if not picture:
        return None
    points = table(
        title,
        measured,
        {
            "variant": lambda p: p[0].variant,
            ">total": lambda p: _total(p[0]),
            ">quality": lambda p: f"{p[1]:.0%}",
            "dominated by": lambda p: p[0].dominated_by or NOT_AVAILABLE,
        },
        detail=True,
    )
    return Chart(title=title, svg=picture, table=points)


def _tornado(d: Decision) -> Chart:
    middle = next(float(c.total_usd) for c in d.candidates if c.name == d.flips_of)
    marks = [
        Mark(
            label=f.driver,
            value=f.high_usd,
            low=f.low_usd,
            high=f.high_usd,
            text=f"{_cents(f.low_usd)} to {_cents(f.high_usd)}",
        )
        for f in d.flips
    ]
    title = f"Total of {d.flips_of} when one input changes"
    flips = table(
        "Sensitivity, the strongest first",
        d.flips,
        {
            "input": lambda f: f.driver,
            ">from": lambda f: f"x {f.low_factor:.2g}",
            ">to": lambda f: f"x {f.high_factor:.2g}",
            ">total at low": lambda f: _cents(f.low_usd),
            ">total at high": lambda f: _cents(f.high_usd),
            "changes the cheapest": lambda f: _turn(d, f),
            "why this range": lambda f: f.why,
        },
    )
    return Chart(title=title, svg=svg.tornado(title, marks, middle=middle), table=flips)


def _turn(d: Decision, flip: Flip) -> str:
    """Return where the cheapest changes, as a factor and, for the volume, in requests of the first month."""
    if flip.factor is None:
        return NOT_AVAILABLE
    requests = f" ({round(flip.factor * d.requests_per_month):,})" if flip.driver == VOLUME else ""
    return f"at x {flip.factor:.2f}{requests}: {flip.instead}"


def _cents(amount: float) -> str:
    return usd(Decimal(str(round(amount, 2))))


def _chances(d: Decision) -> Table:
    return table(
        "Random trials over all ranges at once",
        d.chances,
        {
            "option": lambda c: c.name,
            ">cheapest": lambda c: f"{c.cheapest:.0%}",
            ">cheapest per accepted": lambda c: f"{c.cheapest_per_accepted:.0%}",
            ">total, 10th percentile": lambda c: _cents(c.total_p10_usd),
            ">90th percentile": lambda c: _cents(c.total_p90_usd),
        },
        f"Seed {d.seed}. Inputs triangular over their ranges, quality normal within its 95 % interval.",
    )
