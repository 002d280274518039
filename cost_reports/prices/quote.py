"""Prices of estimated usage, exact; and what of it has no public price: counted, named, never given one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from contracts.money import PriceRow, UsageRow
from contracts.units import convert, exact_total, ratio
from cost_reports.decide.curve import Curve, Term
from cost_reports.estimate.plan import CostBehavior, Option, Part
from cost_reports.prices.catalogue import Catalogue, Unpublished


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Usage of an option whose rate is not published. `curve` counts units of the rate where other curves count USD.

    `cost_behaviors`: by which rules it grows, and so which sums lack it.
    """

    rate: Unpublished
    cost_behaviors: frozenset[CostBehavior]
    curve: Curve


class Quoter:
    """Prices estimated usage exactly, at the first tier of each price.

    What some billion requests a month use beyond it costs a little less.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._quotes: dict[tuple[str, str, str, str], tuple[PriceRow, Fraction] | Unpublished] = {}

    def quote(self, row: UsageRow) -> tuple[PriceRow, Fraction] | Unpublished:
        """Return the price of `row` and what one unit of its amount costs in USD; or that its rate is not published.

        Raises:
            PriceError: there is no price, and none was looked for; the message names the row.
        """
        key = (row.service_code, row.usage_type, row.operation, row.unit)
        quote = self._quotes.get(key)
        if quote is None:
            quote = self.catalogue.unpublished_for(row)
            if quote is None:
                price = self.catalogue.price_for(row)
                quote = (price, ratio(row.unit, price.unit, row.start) * Fraction(price.usd))
            self._quotes[key] = quote
        return quote

    def usd(self, row: UsageRow) -> Fraction | None:
        """Return USD of a usage row, not rounded; None where its rate is not published. Errors as in `quote`."""
        quote = self.quote(row)
        return None if isinstance(quote, Unpublished) else Fraction(row.amount) * quote[1]

    def usds(self, rows: Iterable[UsageRow]) -> list[Fraction | None]:
        """Return `usd` of each row."""
        return [self.usd(row) for row in rows]

    def term(self, part: Part, usds: Iterable[Fraction | None] | None = None) -> Term:
        """Return what is known of the part's money, with the rule by which it grows. Errors as in `quote`.

        `usds` are those of its rows, where the caller has them already.
        """
        known = self.usds(part.rows) if usds is None else usds
        manual = (Fraction(m.usd) for m in part.manual)
        return _term(part, _known((*known, *manual)), _known(self.usds(part.cap)))

    def curve(self, option: Option) -> Curve:
        """Return what is known of the cost of an option, as a function of volume. Errors as in `quote`."""
        return Curve(name=option.name, terms=tuple(self.term(part) for part in option.parts))

    def unknown(self, option: Option) -> tuple[Unknown, ...]:
        """Return what `curve` lacks: a curve of each rate that is not published. Errors as in `quote`."""
        rates: dict[str, tuple[Unpublished, list[Term]]] = {}
        for part in option.parts:
            for row in part.rows:
                rate = self.quote(row)
                if isinstance(rate, Unpublished) and row.amount:
                    cap = exact_total(_amount(r, rate) for r in part.cap if self.quote(r) is rate)
                    _, terms = rates.setdefault(rate.name, (rate, []))
                    terms.append(_term(part, _amount(row, rate), cap))
        return tuple(
            Unknown(
                rate=rate,
                cost_behaviors=frozenset(t.cost_behavior for t in terms),
                curve=Curve(name=option.name, terms=tuple(terms)),
            )
            for rate, terms in rates.values()
        )


def _known(usds: Iterable[Fraction | None]) -> Fraction:
    return exact_total(usd for usd in usds if usd is not None)


def _term(part: Part, usd: Fraction, cap: Fraction) -> Term:
    return Term(
        cost_behavior=part.cost_behavior,
        input=part.input,
        usd=usd,
        capacity=part.capacity,
        minimum=part.minimum,
        included=part.included,
        cap=cap,
        every_months=part.every_months,
    )


def _amount(row: UsageRow, rate: Unpublished) -> Fraction:
    return convert(row.amount, row.unit, rate.unit, row.start)
