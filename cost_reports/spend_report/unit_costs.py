"""Billed money over what it bought: per 1,000 answers, per million tokens, per accepted answer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from contracts.money import ChargeRow
from contracts.units import to_decimal
from cost_reports.metering.charges import total
from cost_reports.spend_report.bill import Bill
from cost_reports.spend_report.records import Output
from cost_reports.spend_report.report import UnitCosts


def unit_costs(
    approach: str, output: Output | None, bill: Bill, metered: Sequence[ChargeRow]
) -> tuple[UnitCosts | None, str | None]:
    """Return (unit costs, why some are missing). Credits, refunds and tax are apart: they are not what an answer costs.

    They are missing while billing has not reached every day on which the approach (or, where nothing of it was metered,
    the experiment) used anything, or where it billed nothing for it on one of these days: half of a run's bill would
    look cheap.
    """
    if output is None:
        return None, None
    relevant = [r for r in metered if r.approach == approach] or metered
    last = max((r.day for r in relevant), default=None)
    if last is not None and not bill.reached(last):
        return None, f"No unit costs of {approach} yet: it used something on {last}, which billing has not reached."
    usage = [r for r in bill.usage if r.approach == approach]
    if not usage:
        return None, f"No unit costs of {approach}: nothing was billed to it."
    absent = {r.day for r in metered if r.approach == approach and r.amount_usd} - {r.day for r in usage}
    if absent:
        return None, f"No unit costs of {approach}: it used something on {min(absent)}, and nothing of it was billed."
    billed = Fraction(total(usage))
    return (
        UnitCosts(
            answers=output.answers,
            accepted=output.accepted,
            tokens=output.tokens,
            per_1000_answers_usd=_per(billed * 1000, output.answers),
            per_1m_tokens_usd=_per(billed * 1_000_000, output.tokens),
            per_accepted_usd=_per(billed, output.accepted),
        ),
        None,
    )


def _per(money: Fraction, count: int | None) -> Decimal | None:
    return to_decimal(money / count) if count else None
