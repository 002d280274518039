"""No data yet, tag not activated, zero, partial, failed: each says its own."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from contracts.json_codec import to_json
from cost_reports.render import html
from cost_reports.render.documents import spend_report_document
from cost_reports.spend_report.build import build_spend
from cost_reports.spend_report.records import Billed
from cost_reports.spend_report.report import Failure, SpendReport, Tag, TagState, spend_from_json
from tests.unit.cost_reports.spend_report import sample_bill as bill

METERED = bill.metered()
OTHERS = [bill.untagged("3", day) for day in bill.day_names("2026-11-01", 22)]


def built(billed: Billed, **changes: Any) -> SpendReport:
    return build_spend(bill.records(billed, changes.pop("metered", METERED), **changes), bill.CATALOGUE)


def refused(code: str, *requests: str) -> list[Failure]:
    return [Failure(request=request, code=code, text=f"{request} was refused.") for request in requests]


def nothing_known(report: SpendReport) -> bool:
    amounts = [report.total_billed_usd, report.split, report.against_metered, report.month]
    amounts += [d.billed_usd for d in report.days] + [a.billed_usd for a in report.approaches]
    return set(amounts) == {None} and report.lines == report.breakdowns == report.trend == ()


def cell_tag(state: TagState) -> Tag:
    return Tag(key="cost-cell", state=state, text="What to do.")


def test_no_data_yet() -> None:
    report = built(bill.billed([], through=None))
    assert report.header.state == "no data yet"
    assert nothing_known(report)
    assert {d.state for d in report.days} == {"not yet billed"}
    assert report.untagged is None
    assert report.headline.startswith("handbook: not billed yet; $1.22 metered")


def test_a_run_of_today_is_no_data_yet_although_billing_has_reached_yesterday() -> None:
    today = [replace(r, day="2026-11-23") for r in METERED]
    report = built(bill.billed(bill.cuts(OTHERS)), metered=today)
    assert report.header.state == "no data yet"
    assert "the first metered usage is of 2026-11-23" in report.header.state_text
    assert nothing_known(report)
    assert report.untagged is not None


@pytest.mark.parametrize("state", ["not activated", "not billed yet", "cannot activate"])
def test_the_tag_is_not_activated(state: TagState) -> None:
    report = built(bill.billed(bill.cuts(OTHERS)), tags=[cell_tag(state)])
    assert report.header.state == "tag not activated"
    assert f"(tag cost-cell: {state}). What to do." in report.header.state_text
    assert nothing_known(report)
    assert {d.state for d in report.days} == {"final", "estimated", "not tagged then", "not yet billed"}
    assert report.untagged is not None
    assert (report.untagged.usd, report.untagged.share) == (63, 100)


def test_nothing_found_by_a_tag_of_which_nothing_is_known_is_no_zero() -> None:
    report = built(bill.billed(bill.cuts(OTHERS)), tags=[cell_tag("unknown")], metered=[])
    assert report.header.state == "failed"
    assert "(tag cost-cell: unknown). What to do." in report.header.state_text
    assert nothing_known(report)


@pytest.mark.parametrize("state", ["cannot activate", "unknown"])
def test_a_bill_that_shows_the_tag_tells_that_it_is_active(state: TagState) -> None:
    complete = built(bill.billed(bill.cuts(METERED)), tags=[cell_tag(state)])
    assert (complete.header.state, complete.total_billed_usd) == ("complete", complete.total_metered_usd)
    others = [replace(r, experiment="other") for r in METERED]
    zero = built(bill.billed(bill.cuts(others)), tags=[cell_tag(state)], metered=[])
    assert (zero.header.state, zero.total_billed_usd) == ("complete", 0)


def test_zero_is_zero() -> None:
    report = built(bill.billed(bill.cuts(OTHERS)), tags=[cell_tag("active")], metered=[])
    assert report.header.state == "complete"
    assert report.header.state_text.endswith("Nothing was billed for handbook: zero.")
    assert report.total_billed_usd == 0
    assert {d.billed_usd for d in report.days if d.day <= "2026-11-21"} == {0}
    assert [d.billed_usd for d in report.days if d.day > "2026-11-21"] == [None, None]
    # Not even the account had usage: an empty bill that was read is zero too.
    assert built(bill.billed([]), metered=[]).total_billed_usd == 0


def test_a_tag_that_became_active_after_all_usage_finds_nothing_which_is_no_zero() -> None:
    report = built(bill.billed(bill.cuts(OTHERS)), tags=[cell_tag("active")])
    assert report.header.state == "tag not activated"
    assert "although usage was metered on 2 days (2026-11-20 to 2026-11-21)" in report.header.state_text
    assert "ladder tags backfill" in report.header.state_text
    assert nothing_known(report)
    assert {d.day for d in report.days if d.state == "not tagged then"} == {"2026-11-20", "2026-11-21"}


def test_a_tag_that_became_active_between_two_runs_leaves_the_first_day_unknown() -> None:
    report = built(bill.billed(bill.cuts([r for r in METERED if r.day == "2026-11-21"])), tags=[cell_tag("active")])
    assert report.header.state == "partial"
    assert "On 2026-11-20 usage was metered and billing has nothing" in report.header.state_text
    days = {d.day: (d.state, d.billed_usd) for d in report.days}
    assert days["2026-11-20"] == ("not tagged then", None)
    assert days["2026-11-21"] == ("estimated", report.total_billed_usd)
    # What was used for nothing needs no line on the bill.
    free = [replace(r, amount_usd=Decimal(0)) if r.day == "2026-11-20" else r for r in METERED]
    rows = bill.cuts([r for r in METERED if r.day == "2026-11-21"])
    assert built(bill.billed(rows), metered=free).header.state == "complete"


@pytest.mark.parametrize("side", ["metered", "estimated"])
def test_what_nobody_said_is_not_known_and_nothing_is_compared_with_it(side: str) -> None:
    whole = built(bill.billed(bill.cuts(METERED)))
    report = build_spend(bill.records(bill.billed(bill.cuts(METERED)), METERED, **{side: None}), bill.CATALOGUE)
    assert report.total_billed_usd == whole.total_billed_usd
    assert getattr(report, f"total_{side}_usd") is None
    assert {getattr(a, f"{side}_usd") for a in report.approaches} == {None}
    assert {getattr(d, f"{side}_usd") for d in report.days} == {None}
    split = {"metered": "against_metered", "estimated": "split"}[side]
    other = {"metered": "split", "estimated": "against_metered"}[side]
    assert getattr(report, split) is None
    assert getattr(report, other) == getattr(whole, other)
    assert f"{side} not known" in report.headline
    assert f"What was {side} is not known here, which is not zero: nothing is compared with it." in report.notes
    page = html.render(spend_report_document.document(report))
    assert f"– {side}" in page
    assert f"$0 {side}" not in page


def test_a_bill_alone_says_what_was_billed_and_that_nobody_knows_whether_it_is_all() -> None:
    records = bill.records(bill.billed(bill.export(METERED)), METERED, metered=None, estimated=None, outputs={})
    report = build_spend(records, bill.CATALOGUE)
    assert report.headline == (
        "handbook: $1.22 billed to 2026-11-21 (partial), metered not known and estimated not known."
    )
    assert "it cannot be told whether all of it is billed" in report.header.state_text
    assert (report.rounding_usd, report.lines) == (None, ())
    assert {a.billed_usd is None for a in report.approaches} == {False}
    assert spend_from_json(json.loads(to_json(report))) == report
    # Without any tag on the bill, nothing found is no zero either; with that of others, it is one.
    found = build_spend(replace(records, billed=bill.billed(bill.export(OTHERS))), bill.CATALOGUE)
    assert (found.header.state, found.total_billed_usd) == ("tag not activated", None)
    others = bill.export([replace(r, experiment="other") for r in METERED])
    found = build_spend(replace(records, billed=bill.billed(others)), bill.CATALOGUE)
    assert (found.header.state, found.total_billed_usd) == ("partial", 0)


def test_a_run_that_could_not_be_read_makes_the_bill_partial_by_name() -> None:
    unread = refused("Unreadable", "run r20261121-100000")
    ran = [r for r in METERED if r.day == "2026-11-20"]
    report = built(bill.billed(bill.cuts(METERED)), metered=ran, unread=unread)
    assert report.header.state == "partial"
    assert "Not read: run r20261121-100000; what was metered" in report.header.state_text
    assert report.failures == tuple(unread)
    nothing = built(bill.billed([], through=None), metered=None, unread=unread)
    assert nothing.header.state == "no data yet"
    assert "Not read: run r20261121-100000" in nothing.header.state_text


def test_a_tag_that_was_deactivated_after_usage_is_partial() -> None:
    report = built(bill.billed(bill.cuts(METERED)), tags=[cell_tag("not activated")])
    assert report.header.state == "partial"
    assert report.total_billed_usd == report.total_metered_usd


def test_a_refused_bill_is_failed_and_names_the_reason() -> None:
    failures = refused("AccessDeniedException", "service", "usage-type", "record-type", "model")
    report = built(bill.billed([], through=None, failures=failures))
    assert report.header.state == "failed"
    assert report.header.state_text == (
        "What was billed could not be read (AccessDeniedException): record-type was refused."
    )
    assert nothing_known(report)
    assert {d.state for d in report.days} == {"unknown"}
    assert [f.request for f in report.failures] == ["model", "record-type", "service", "usage-type"]


def test_data_that_is_unavailable_is_no_failure() -> None:
    failures = [
        *refused("DataUnavailableException", "service", "usage-type", "record-type"),
        *refused("AccessDeniedException", "tags"),
    ]
    assert built(bill.billed([], through=None, failures=failures)).header.state == "no data yet"


def test_without_credits_and_tax_the_bill_is_partial() -> None:
    rows = [r for r in bill.cuts(METERED) if r.cut != "record-type"]
    report = built(bill.billed(rows, failures=refused("LimitExceededException", "record-type")))
    assert report.header.state == "partial"
    assert "Credits, refunds and tax could not be read" in report.header.state_text
    assert report.total_billed_usd == report.total_metered_usd


def test_an_export_that_cannot_be_read_is_failed() -> None:
    failures = refused("NoSuchBucket", "export")
    report = built(bill.billed([], source="billed-export", through=None, failures=failures))
    assert (report.header.state, report.header.source) == ("failed", "billed-export")


def test_a_simulated_bill_says_so_first() -> None:
    report = built(bill.billed(bill.cuts(METERED)), simulated=["SIMULATED BILL: x."])
    assert report.headline.startswith("SIMULATED BILL: handbook: ")
    assert report.header.simulated == ("SIMULATED BILL: x.",)


def test_a_window_without_a_day_is_refused() -> None:
    with pytest.raises(ValueError, match="window ends on 2026-11-01"):
        bill.Window(start=date(2026, 11, 1), end=date(2026, 11, 1))
