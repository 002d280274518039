"""Usage rows that an option is expected to meter in a month, and their charges: the estimated side of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from contracts.money import ChargeRow, UsageRow
from cost_reports.decide.curve import Term
from cost_reports.estimate.plan import Option, scaled
from cost_reports.metering.charges import Pricer
from cost_reports.prices.catalogue import Catalogue


def month_usage(option: Option, requests: int, *, first: bool = False) -> list[UsageRow]:
    """The usage rows of one month with `requests`; `first`: the one-time usage too. Refreshes come every month whose
    cadence is one month. For reconciling an estimate with what was billed.
    """
    rows: list[UsageRow] = []
    for part in option.parts:
        term = Term(
            growth=part.growth,
            driver="",
            usd=Fraction(0),
            capacity=part.capacity,
            minimum=part.minimum,
            included=part.included,
        )
        if part.growth == "once":
            rows += part.rows if first else ()
        elif part.growth == "monthly" or (part.growth == "refresh" and part.every_months == 1):
            rows += part.rows
        elif part.growth == "request":
            rows += [scaled(row, requests) for row in part.rows]
        elif part.growth == "unit":
            rows += [scaled(row, n) for row in part.rows if (n := term.units(requests))]
        elif part.growth == "awake":
            rows += [
                scaled(row, requests) if row.amount * requests < cap.amount else cap
                for row, cap in zip(part.rows, part.cap, strict=True)
            ]
    return [row for row in rows if row.amount]


def estimated_charges(catalogue: Catalogue, rows: Sequence[UsageRow]) -> list[ChargeRow]:
    """Charges (source `estimated`) of estimated usage; the whole month stands on its first day.

    Usage whose rate nobody publishes has no charge: what is billed for it is then unestimated.

    Raises:
        PriceError: any other row has no price; the message names it.
    """
    pricer = Pricer(catalogue, source="estimated")
    return [pricer.charge(row) for row in rows if catalogue.unpublished_for(row) is None]
