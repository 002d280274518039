"""What billing exports say beside Cost Explorer: a difference is one only beyond the rounding of the groups."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from cost_reports.compare.cross_check import cross_check
from cost_reports.cost_explorer.answers import ROUNDING
from cost_reports.metering.charges import total
from cost_reports.spend_report.bill import Bill, bill_of
from tests.unit.cost_reports.spend_report import sample_bill as bill

METERED = bill.metered()
OURS = bill_of(bill.records(bill.billed(bill.cuts(METERED)), METERED))
LIMIT = ROUNDING * len(OURS.usage)


def exported(difference: Decimal, **changes: object) -> Bill:
    """An export of one row, with the whole money of the bill less a difference."""
    row = replace(bill.export(METERED)[0], amount_usd=total(OURS.usage) - difference)
    return bill_of(bill.records(bill.billed([row], **changes), METERED))


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (Decimal(0), ""),
        (LIMIT, ""),
        (-LIMIT, ""),
        (LIMIT + Decimal("1e-12"), ": a difference of $0.00000000"),
        (-LIMIT - Decimal("1e-12"), ": a difference of -$0.00000000"),
    ],
)
def test_groups_may_differ_by_their_rounding_and_no_more(difference: Decimal, text: str) -> None:
    (sentence,) = cross_check(OURS, exported(difference))
    assert sentence.startswith("Billing exports say $1.22 for 2026-11-20 to 2026-11-21, Cost Explorer $1.22" + text)
    assert ("a difference" in sentence) == bool(text)


def test_nothing_is_compared_where_one_of_them_does_not_know() -> None:
    assert cross_check(OURS, exported(Decimal(0), through=None)) == ()
    assert cross_check(OURS, exported(Decimal(0), through=date(2026, 11, 19))) == ()
    assert cross_check(replace(OURS, adjustments_known=False), exported(Decimal(0))) == ()
