"""Options whose cost is not fully known: what they lack, and how dear that would have to be to change the choice.

Nobody publishes some rates. A decision compares every option at what is known of its cost, which is the least that it
costs; so an option that lacks something may look cheaper than it is. The price at which it would lose says how much
that matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from contracts.units import to_decimal
from cost_reports.decide.curve import Curve
from cost_reports.decide.decision import Bound
from cost_reports.estimate.plan import Option
from cost_reports.prices.quote import Unknown
from cost_reports.text import quantity, usd

Pair = tuple[Option, Curve]


def bounds(
    option: Pair, others: Sequence[Pair], lacking: Mapping[str, Sequence[Unknown]], volumes: Sequence[int]
) -> list[Bound]:
    """One entry for each rate that `option` lacks; `others` are those that would be taken in its place.

    `lacking` holds by name what an option lacks (`Quoter.unknown`).

    The break-even price of a unit: (total of the other - total of the option) / (units of the option - units of the
    other), the least over all others that use fewer units; each rate is looked at alone. Total and units are those of
    months with `volumes`.
    """
    found = []
    for unknown in lacking[option[0].name]:
        amount, total = unknown.curve.total(volumes), option[1].total(volumes)
        turns: list[tuple[Fraction, str]] = []
        for other, curve in others:
            saved = amount - _amount(unknown, lacking[other.name], volumes)
            if saved > 0 and other.name != option[0].name:
                turns.append((max(Fraction(0), curve.total(volumes) - total) / saved, other.name))
        price, instead = min(turns, default=(None, None))
        found.append(
            Bound(
                name=option[0].name,
                what=unknown.rate.description,
                unit=unknown.rate.unit,
                amount=to_decimal(amount),
                why=unknown.rate.why,
                price_usd=None if price is None else to_decimal(price),
                instead=instead,
            )
        )
    return found


def _amount(unknown: Unknown, of_other: Sequence[Unknown], volumes: Sequence[int]) -> Fraction:
    """Units of the same rate that the other option uses."""
    return next((u.curve.total(volumes) for u in of_other if u.rate is unknown.rate), Fraction(0))


def sentences(found: Sequence[Bound]) -> list[str]:
    """What a reader must know of the entries, one sentence or two for each rate."""
    by_rate: dict[str, list[Bound]] = {}
    for bound in found:
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
