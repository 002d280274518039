"""What changed between two readings of a window."""

from __future__ import annotations

from decimal import Decimal

from cost_reports.compare.restatements import restatements, together
from cost_reports.spend_report.report import Restatement
from tests.unit.lambdas.fact_rows import row


def test_changed_new_and_vanished_money_of_days_that_were_reached() -> None:
    old = [
        row("2026-11-24", "1"),
        row("2026-11-24", "0.5", service="Amazon S3"),
        row("2026-11-24", "4", approach="prompting"),
        row("2026-11-25", "2"),
        row("2026-11-25", "3", approach=None, experiment=None),
    ]
    new = [
        row("2026-11-24", "1.5", service="another name"),
        row("2026-11-25", "2.0000000001"),
        row("2026-11-25", "3", approach=None, experiment=None),
        row("2026-11-25", "8", approach="shared"),
        row("2026-11-26", "9"),
    ]
    assert restatements(old, new) == (
        Restatement(day="2026-11-24", approach="prompting", before_usd=Decimal(4), now_usd=None),
        Restatement(day="2026-11-25", approach="rag", before_usd=Decimal(2), now_usd=Decimal("2.0000000001")),
        Restatement(day="2026-11-25", approach="shared", before_usd=None, now_usd=Decimal(8)),
    )
    assert restatements(old, old) == ()
    assert restatements([], new) == ()
    assert restatements(old, []) == ()


def test_restatements_of_one_experiment() -> None:
    old = [row(amount="1"), row(amount="1", experiment="other")]
    new = [row(amount="1"), row(amount="2", experiment="other")]
    assert restatements(old, new, experiment="handbook") == ()
    assert restatements(old, new)[0].now_usd == Decimal(3)


def test_cuts_are_never_added_and_a_refused_cut_is_no_vanished_money() -> None:
    old = [row(amount="1"), row(amount="1", cut="usage-type"), row(amount="1", cut="model")]
    new = [row(amount="1", cut="usage-type"), row(amount="5", cut="model")]
    assert restatements(old, new) == ()
    assert restatements([row(amount="1")], [row(amount="2", cut="model")]) == ()


def test_a_cut_that_was_refused_before_leaves_days_that_are_new_to_it() -> None:
    old = [row("2026-11-24"), row("2026-11-24", cut="usage-type"), row("2026-11-25", cut="usage-type")]
    new = [row("2026-11-24"), row("2026-11-25")]
    assert restatements(old, new) == ()


def test_days_that_were_not_whole_when_they_were_read_are_not_restated() -> None:
    old = [row("2026-11-25"), row("2026-11-26", "0.1"), row("2026-11-27", "0.1")]
    new = [row("2026-11-25", "2"), row("2026-11-26", "3"), row("2026-11-27", "3")]
    assert [r.day for r in restatements(old, new)] == ["2026-11-25"]


def test_a_later_credit_is_a_restatement() -> None:
    whole = [row(cut="service"), row(cut="usage-type"), row(cut="record-type")]
    credit = row(cut="record-type", amount="-0.4", charge_category="Credit")
    assert [r.now_usd for r in restatements(whole, [*whole, credit])] == [Decimal("0.6")]


def test_changes_of_two_reports_become_one_list() -> None:
    def change(day: str, before: str | None, now: str | None) -> Restatement:
        amounts = [None if text is None else Decimal(text) for text in (before, now)]
        return Restatement(day=day, approach="rag", before_usd=amounts[0], now_usd=amounts[1])

    earlier = [change("2026-11-20", "1", "2"), change("2026-11-21", "1", "2"), change("2026-11-22", None, "2")]
    later = [change("2026-11-21", "2", "3"), change("2026-11-22", "2", None), change("2026-11-19", "5", "6")]
    assert together(earlier, later) == (
        change("2026-11-19", "5", "6"),
        change("2026-11-20", "1", "2"),
        change("2026-11-21", "1", "3"),
    )
    assert together(earlier, []) == tuple(earlier)


def test_exports_are_compared_whole() -> None:
    old = [row(cut="whole", source="billed-export", amount="1")]
    new = [row(cut="whole", source="billed-export", amount="1.000000000001")]
    assert [r.now_usd for r in restatements(old, new)] == [Decimal("1.000000000001")]
