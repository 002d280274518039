"""The same days by both sources of the bill: what exports say beside Cost Explorer. Compared, never added."""

from __future__ import annotations

from contracts.units import WIDE
from cost_reports.cost_explorer.answers import ROUNDING
from cost_reports.metering.charges import total
from cost_reports.spend_report.bill import Bill
from cost_reports.text import usd


def cross_check(bill: Bill, exported: Bill) -> tuple[str, ...]:
    """Return what the exports say of the experiment's days that both cover, in a sentence.

    Empty where they say nothing of it, or Cost Explorer did not tell credits, refunds and tax.
    """
    theirs = [*exported.usage, *exported.adjustments]
    if not theirs or bill.through is None or exported.through is None or not bill.adjustments_known:
        return ()
    first, last = min(row.day for row in exported.rows), min(bill.through, exported.through)
    if last < first:
        return ()
    ours = [row for row in (*bill.usage, *bill.adjustments) if first <= row.day <= last]
    our_usd, their_usd = total(ours), total(row for row in theirs if row.day <= last)
    difference = WIDE.subtract(our_usd, their_usd)
    text = f"Billing exports say {usd(their_usd)} for {first} to {last}, Cost Explorer {usd(our_usd)}"
    # Cost Explorer rounds each of its groups.
    equal = abs(difference) <= ROUNDING * len(ours)
    return (f"{text}." if equal else f"{text}: a difference of {usd(difference)}.",)
