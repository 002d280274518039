"""Options whose cost is not fully known: what they lack, and from which price on that would change the choice.

Some rates are not published. A decision compares every option at what is known of its cost, which is the least that
it costs. So an option that lacks something may look cheaper than it is: the price at which it would lose says how
much that matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from contracts.units import to_decimal
from cost_reports.decide.curve import PricedOption
from cost_reports.decide.decision import Bound
from cost_reports.prices.quote import Unknown
from cost_reports.text import quantity, usd

#: Name of an option -> what its cost lacks (`Quoter.unknown`).
Lacking = Mapping[str, Sequence[Unknown]]


def bounds(
    priced: PricedOption, others: Sequence[PricedOption], lacking: Lacking, volumes: Sequence[int]
) -> list[Bound]:
    """Return an entry for each rate that an option lacks; `others` are those that would be taken in its place.

    The break-even price of a unit: (total of the other - total of the option) / (units of the option - units of the
    other), the least over all others that use fewer units; each rate is looked at alone. Total and units are those of
    months with `volumes`.
    """
    option, curve = priced
    entries = []
    for unknown in lacking[option.name]:
        amount, total = unknown.curve.total(volumes), curve.total(volumes)
        turns: list[tuple[Fraction, str]] = []
        for other, other_curve in others:
            saved = amount - _units(unknown, lacking[other.name], volumes)
            if saved > 0 and other.name != option.name:
                turns.append((max(Fraction(0), other_curve.total(volumes) - total) / saved, other.name))
        price, instead = min(turns, default=(None, None))
        entries.append(
            Bound(
                name=option.name,
                what=unknown.rate.description,
                unit=unknown.rate.unit,
                amount=to_decimal(amount),
                why=unknown.rate.why,
                price_usd=None if price is None else to_decimal(price),
                instead=instead,
            )
        )
    return entries


def _units(unknown: Unknown, of_other: Sequence[Unknown], volumes: Sequence[int]) -> Fraction:
    """Return the units of the same rate that the other option uses."""
    return next((u.curve.total(volumes) for u in of_other if u.rate is unknown.rate), Fraction(0))


def sentences(entries: Sequence[Bound]) -> list[str]:
    """Return what a reader must know of the entries, one sentence or two for each rate."""
    by_rate: dict[str, list[Bound]] = {}
    for bound in entries:
        by_rate.setdefault(bound.what, []).append(bound)
    return [_sentence(alike) for alike in by_rate.values()]


def _sentence(alike: Sequence[Bound]) -> str:
    amounts = ", ".join(dict.fromkeys(quantity(b.amount, b.unit) for b in alike))
    one = alike[0].unit.removesuffix("s")
    text = (
        f"{', '.join(b.name for b in alike)}: the cost is the least possible, because there is no public price of"
        f" {alike[0].what} ({amounts} over the horizon)."
    )
    turns = [(b.price_usd, b.name, b.instead) for b in alike if b.price_usd is not None and b.instead is not None]
    if not turns:
        return f"{text} All that could take its place need as much of it."
    price, name, instead = min(turns)
    return f"{text} From {usd(price)} for one {one} on, {instead} would cost less than {name}."
