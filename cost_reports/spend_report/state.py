"""How complete the bill is, in one word and in a sentence; and what the report says first.

"No data yet", "tag not activated" and "zero" are three different answers. Nothing billed is a zero only where billing
has reached days of the window and groups by the experiment's tag; otherwise what was billed is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from contracts.money import ChargeRow
from cost_reports.compare.split import Split, parts
from cost_reports.cost_explorer.failures import UNAVAILABLE
from cost_reports.cost_explorer.requests import CELL_TAG
from cost_reports.spend_report.bill import USAGE_GROUPINGS, Bill
from cost_reports.spend_report.records import SpendRecords
from cost_reports.spend_report.report import BilledState, Failure, Tag
from cost_reports.text import usd

#: States of the tag in which billing cannot group by it, so that nothing found is not zero.
NOT_GROUPING = frozenset({"not activated", "not billed yet"})
#: States in which this account cannot see whether billing groups by the tag; what billing shows tells it.
NOT_SEEN = frozenset({"cannot activate", "unknown"})
#: What each part of a split is called.
PARTS = ("price", "volume", "not metered", "without an approach", "credits and tax", "not yet billed or not found")


@dataclass(frozen=True, slots=True)
class State:
    """`known`: what the experiment was billed is known, be it zero."""

    state: BilledState
    text: str

    @property
    def known(self) -> bool:
        return self.state in ("complete", "partial")


def state_of(records: SpendRecords, bill: Bill, metered: Sequence[ChargeRow] | None) -> State:
    """Return the state of the bill. `metered` are the rows of the window; None: not known."""
    state = _state_of(records, bill, metered)
    if not records.unread:
        return state
    names = ", ".join(failure.request for failure in records.unread)
    return State(
        "partial" if state.state == "complete" else state.state,
        f"{state.text} Not read: {names}; what was metered and expected there is in no total.",
    )


def _state_of(records: SpendRecords, bill: Bill, metered: Sequence[ChargeRow] | None) -> State:
    if bill.base is None:
        return _refused(records.billed.failures)
    if bill.through is None:
        return State(
            "no data yet",
            "Billing has no data for this window yet. Usage appears in billing about a day after it happened.",
        )
    billed = (*bill.usage, *bill.adjustments)
    grouped = any(r.experiment is not None for r in bill.account_usage)
    open_states = NOT_GROUPING if grouped else NOT_GROUPING | NOT_SEEN
    tag = next((t for t in records.tags if t.key == CELL_TAG and t.state in open_states), None)
    if tag is not None and not billed:
        return State("failed" if tag.state == "unknown" else "tag not activated", _no_tag(tag))
    late = sorted({r.day for r in metered or () if not bill.reached(r.day)})
    absent = bill.not_tagged(metered or ())
    if late and not absent and not billed:
        return State(
            "no data yet",
            f"Billing has reached {bill.through}; the first metered usage is of {late[0]}. Usage appears in billing"
            " about a day after it happened.",
        )
    if absent and not billed:
        return State(
            "tag not activated",
            f"Billing has reached {bill.through} and has nothing with the experiment's tag ({CELL_TAG}), although usage"
            f" was metered on {_days(absent)}: the tag was not active then. `ladder tags backfill` adds it to days"
            " that are over. Nothing found by this tag is not zero.",
        )
    seen = grouped or any(t.key == CELL_TAG and t.state == "active" for t in records.tags)
    if metered is None and not billed and not seen:
        return State(
            "tag not activated",
            f"Nothing on the bill carries the tag {CELL_TAG}, of this or of any other experiment, and what the runs"
            " metered is not known: a tag that is not active cannot be told from nothing used. `ladder tags status`"
            " says whether it is.",
        )
    return _as_far_as_read(records, bill, metered is not None, late, absent, tag)


def _refused(failures: Sequence[Failure]) -> State:
    failures = [f for f in failures if f.request in USAGE_GROUPINGS] or failures
    first = min(failures, key=lambda f: (f.code == UNAVAILABLE, f.request, f.code, f.text))
    if all(f.code == UNAVAILABLE for f in failures):
        return State("no data yet", f"Billing has no data yet ({first.code}): {first.text}")
    return State("failed", f"What was billed could not be read ({first.code}): {first.text}")


def _no_tag(tag: Tag) -> str:
    return (
        f"Billing cannot tell what belongs to this experiment (tag {tag.key}: {tag.state}). {tag.text} Nothing found by"
        " this tag is not zero."
    )


def _as_far_as_read(
    records: SpendRecords, bill: Bill, known: bool, late: Sequence[str], absent: Sequence[str], tag: Tag | None
) -> State:
    """Return the state of a bill that was read. `known`: what the runs metered is known."""
    text = [f"Billing has reached {bill.through}."]
    if late:
        text.append(f"Usage metered on {_days(late)} is not billed yet.")
    if absent:
        text.append(
            f"On {_days(absent)} usage was metered and billing has nothing with the experiment's tag: it was not active"
            " then (a backfill can add it: `ladder tags backfill`)."
        )
    if not known:
        text.append("What the runs metered is not known, so it cannot be told whether all of it is billed.")
    if tag is not None:
        text.append(f"Tag {tag.key}: {tag.state}. {tag.text}")
    if not bill.adjustments_known:
        text.append("Credits, refunds and tax could not be read; they are in no total.")
    if len(text) > 1:
        return State("partial", " ".join(text))
    if not bill.usage and not bill.adjustments:
        return State("complete", f"{text[0]} Nothing was billed for {records.experiment}: zero.")
    return State("complete", f"{text[0]} All metered usage lies on days that are billed.")


def _days(days: Sequence[str]) -> str:
    return days[0] if len(days) == 1 else f"{len(days)} days ({days[0]} to {days[-1]})"


def headline(
    records: SpendRecords,
    state: State,
    through: str | None,
    *,
    billed: Decimal | None,
    metered: Decimal | None,
    estimated: Decimal | None,
    against_metered: Split | None,
) -> str:
    """Return one sentence: the totals, the state, and the difference explained."""
    start = "SIMULATED BILL: " if records.simulated else ""
    ours = " and ".join(
        f"{name} not known" if amount is None else f"{usd(amount)} {name}"
        for name, amount in (("metered", metered), ("estimated", estimated))
    )
    if billed is None:
        reasons = {"no data yet": "not billed yet", "tag not activated": "billed amount unknown (tag not activated)"}
        what = reasons.get(state.state, "billed amount unknown (billing could not be read)")
        return f"{start}{records.experiment}: {what}; {ours}."
    paid = f"{start}{records.experiment}: {usd(billed)} billed to {through} ({state.state}), {ours}"
    if metered is None or against_metered is None:
        return f"{paid}."
    named = [f"{name} {usd(part)}" for name, part in zip(PARTS, parts(against_metered), strict=True) if part]
    difference = billed - metered
    if not named:
        reason = "billed and metered are equal to the last digit"
    elif difference == 0:
        reason = f"billed and metered are equal, because {', '.join(named)} cancel out"
    else:
        reason = f"billed - metered = {usd(difference)} ({', '.join(named)})"
    return f"{paid}; {reason}."
