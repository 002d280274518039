"""What a spend report keeps and tells, where it is stopped half-way, two are made at once, or the bucket refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest

from contracts.money import ChargeRow, Source
from cost_reports.spend_report.records import Window
from cost_reports.spend_report.report import SpendReport
from lambdas.common.facts import Facts, ImportedWindow, PeriodCharges
from lambdas.common.store import Results
from lambdas.spend_report import logic, notify
from tests.unit.cost_reports import sample_run as run
from tests.unit.lambdas.fact_rows import ACCOUNT, NOVEMBER, kept, put
from tests.unit.lambdas.sample_bucket import count_outputs, fill
from tests.unit.lambdas.spend_report.bill_pages import NOW, FakeBill, refused

LATER = NOW + timedelta(days=1)
PREFIX = f"reports/{run.EXPERIMENT}/2026-11-27/"


@pytest.fixture
def results(results: Results) -> Results:
    """The bucket with the sample run, whose report has counted what it gave."""
    fill(results)
    count_outputs(results)
    return results


@pytest.fixture
def facts(results: Results) -> Facts:
    return Facts(results, run.EXPERIMENT)


def bill(refund: str = "-0.02") -> FakeBill:
    """A bill whose refund of the experiment is `refund`."""
    made = FakeBill()
    text = json.dumps(made.pages["record-type"]).replace('"-0.02"', f'"{refund}"')
    made.pages["record-type"] = json.loads(text)
    return made


def report(results: Results, seen: FakeBill, now: datetime = NOW, **changes: Any) -> SpendReport:
    given = {"experiment": run.EXPERIMENT, "account": ACCOUNT, "fresh": True}
    return logic.write_spend(results, seen, now=now, **{**given, **changes}).report


def refunds(facts: Facts) -> list[str]:
    return [str(r.amount_usd) for r in kept(facts) if r.charge_category == "Refund"]


def test_a_change_that_was_told_and_never_kept_is_not_told_again_when_aws_takes_it_back(
    results: Results, facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(results, bill())

    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Facts, "update", stopped)
        with pytest.raises(KeyboardInterrupt):
            report(results, bill("-0.5"), LATER)
    assert refunds(facts) == ["-0.02"]
    assert report(results, bill(), LATER).restatements == ()


def test_a_report_that_was_stopped_between_two_periods_tells_each_change_once(
    results: Results, facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(results, bill())
    update = Facts.update
    periods: list[str] = []

    def stopped_at_the_second(self: Facts, source: Source, period: str, change: Any) -> None:
        periods.append(period)
        if len(periods) == 2:
            raise KeyboardInterrupt
        update(self, source, period, change)

    with monkeypatch.context() as patch:
        patch.setattr(Facts, "update", stopped_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            report(results, bill("-0.5"), LATER)
    # October holds today's reading, November, in which the refund lies, that of the day before.
    assert periods == ["2026-10", "2026-11"]
    assert refunds(facts) == ["-0.02"]
    # AWS took the change back: it was told and never kept.
    assert report(results, bill(), LATER).restatements == ()
    again = report(results, bill("-0.5"), LATER).restatements
    assert [change.day[:7] for change in again] == ["2026-11"]
    assert report(results, bill("-0.5"), LATER).restatements == again
    assert refunds(facts) == ["-0.5"]


def test_a_daily_report_touches_the_periods_of_its_window_only(results: Results, facts: Facts) -> None:
    report(results, bill())
    put(facts, window=Window(start=date(2026, 9, 1), end=date(2026, 10, 1)))
    touched: list[tuple[str, str]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        if "/facts/charges/" in params.get("Key", ""):
            touched.append((model.name[:3], params["Key"].rpartition("charges/source=")[2].rpartition("/")[0]))

    results.s3.meta.events.register("provide-client-params.s3", note)
    report(results, bill("-0.5"), LATER)
    results.s3.meta.events.unregister("provide-client-params.s3", note)
    months = ("2026-10", "2026-11")
    assert {path for _, path in touched} == {
        f"{source}/period={month}" for source in ("billed-ce", "billed-export") for month in months
    }
    assert [path for what, path in touched if what == "Put"] == [f"billed-ce/period={month}" for month in months]
    # One read for the comparison, one for the conditional put; exports are only compared.
    assert len([path for what, path in touched if what == "Get"]) == 6


def test_objects_of_an_earlier_format_are_a_note(results: Results) -> None:
    assert not [note for note in report(results, bill()).notes if ".parquet" in note]
    results.write_text(f"reports/{run.EXPERIMENT}/facts/charges/charges.parquet", "PAR1")
    (note,) = [note for note in report(results, bill()).notes if ".parquet" in note]
    assert note.startswith(f"s3://{results.bucket}/reports/{run.EXPERIMENT}/facts/charges/charges.parquet: ")
    assert "delete it" in note


def test_an_older_reading_does_not_take_the_place_of_a_newer_one(results: Results, facts: Facts) -> None:
    report(results, bill("-0.5"), NOW + timedelta(minutes=5))
    report(results, bill(), NOW)  # which began earlier and came to its end last
    assert refunds(facts) == ["-0.5"]
    assert report(results, bill("-0.5"), LATER).restatements == ()


def test_a_reading_is_as_old_as_its_answers(results: Results, facts: Facts) -> None:
    report(results, bill())
    report(results, bill(), NOW + timedelta(hours=1), fresh=False)
    for period in ("2026-10", "2026-11"):
        imported = facts.read("billed-ce", period).imported
        assert imported is not None
        assert imported.read_at == "2026-11-27T09:30:00Z"


def test_chosen_days_are_compared_with_the_report_of_today_where_the_table_holds_it(results: Results) -> None:
    days = Window(start=date(2026, 11, 20), end=date(2026, 11, 27))
    results.write_text(f"reports/{run.EXPERIMENT}/2026-11-26/report.json", "{}")
    assert report(results, bill(), window=days).header.previous_report == "2026-11-26"
    assert report(results, bill()).header.previous_report == "2026-11-26"
    assert report(results, bill(), window=days).header.previous_report == "2026-11-27"


@pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
def test_a_cache_that_the_bucket_refuses_costs_requests_and_no_report(results: Results, operation: str) -> None:
    whole = report(results, bill(), fresh=False)

    def deny(params: dict[str, Any], **_: Any) -> None:
        if "/cache/" in params["Key"]:
            raise refused("AccessDenied", "not for you", 403)

    results.s3.meta.events.register(f"provide-client-params.s3.{operation}", deny)
    found = report(results, bill(), fresh=operation == "PutObject")
    assert (found.failures, found.total_billed_usd) == (whole.failures, whole.total_billed_usd)
    assert found.header.requests == whole.header.requests
    assert [note for note in found.notes if "could not be kept" in note] == [
        "Answers of AWS could not be kept or found again, so that each report pays for its own:"
        " AccessDenied: not for you"
    ]


# News.


class Topic:
    """What was published; `before` is called first, once."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.before: Any = None

    def publish(self, **message: Any) -> None:
        before, self.before = self.before, None
        if before is not None:
            before()
        self.sent.append(message["Message"])


def announce(results: Results, topic: Topic, told: SpendReport) -> bool:
    return notify.announce(results, topic, "arn:topic", prefix=PREFIX, report=told)


def test_news_are_told_once_by_two_runs_at_once(results: Results) -> None:
    told, topic = report(results, bill()), Topic()
    other: list[bool] = []
    topic.before = lambda: other.append(announce(results, topic, told))
    assert announce(results, topic, told)
    assert (other, len(topic.sent)) == ([False], 1)
    changed = replace(told, headline="Something else.")
    assert announce(results, topic, changed)
    assert not announce(results, topic, changed)
    assert len(topic.sent) == 2


def test_a_mark_that_is_set_meanwhile_is_looked_at_again(results: Results, waits: list[float]) -> None:
    told, topic = report(results, bill()), Topic()
    rival = boto3.client("s3", region_name="us-east-1")
    first = [True]

    def overtaken(params: dict[str, Any], **_: Any) -> None:
        if first and params["Key"].endswith("announced.json"):
            first.clear()
            announce(Results(results.bucket, rival), topic, told)

    results.s3.meta.events.register("provide-client-params.s3.PutObject", overtaken)
    assert not announce(results, topic, told)
    assert len(topic.sent) == 1


def test_news_that_could_not_be_published_are_published_the_next_time(results: Results) -> None:
    told, topic = report(results, bill()), Topic()

    def refuse() -> None:
        raise refused("AuthorizationError")

    topic.before = refuse
    with pytest.raises(Exception, match="AuthorizationError"):
        announce(results, topic, told)
    assert announce(results, topic, told)
    assert len(topic.sent) == 1


# What exports say of the same days.


def exported(facts: Facts, *rows: tuple[str, str, str], read_at: str = "2026-11-27T06:00:00Z") -> None:
    """Put (day, category, amount) of the experiment into the fact table as the exports' sync does."""
    like = next(r for r in kept(facts, grouping="record-type") if r.experiment == run.EXPERIMENT)
    charges: list[ChargeRow] = [
        replace(
            like,
            day=day,
            billing_period="2026-11",
            charge_category=category,
            amount_usd=Decimal(amount),
            source="billed-export",
            cut="whole",
        )
        for day, category, amount in rows
    ]
    imported = ImportedWindow(window=NOVEMBER, read_at=read_at)
    facts.update("billed-export", "2026-11", lambda _: PeriodCharges(rows=tuple(charges), imported=imported))


def said(found: SpendReport) -> list[str]:
    return [note for note in found.notes if note.startswith("Billing exports say")]


def test_the_report_says_what_exports_say_of_the_days_that_both_cover(results: Results, facts: Facts) -> None:
    assert said(report(results, bill())) == []
    usage = ("2026-11-25", "Usage", "1.9983400001")
    exported(facts, usage, ("2026-11-25", "Refund", "-0.02"), ("2026-11-26", "Usage", "0.1"))
    # The 26th was not whole yet when the exports were read, so both are compared up to the 25th.
    assert said(report(results, bill(), LATER)) == [
        "Billing exports say $1.98 for 2026-11-25 to 2026-11-25, Cost Explorer $1.98."
    ]
    exported(facts, usage, ("2026-11-26", "Usage", "0.1"))
    assert said(report(results, bill(), LATER)) == [
        "Billing exports say $2.00 for 2026-11-25 to 2026-11-25, Cost Explorer $1.98: a difference of -$0.02."
    ]
    # What the exports had when they were read on the 26th was not whole for the 25th either.
    exported(facts, usage, read_at="2026-11-26T06:00:00Z")
    assert said(report(results, bill(), LATER)) == []


def test_a_correction_of_an_export_counts_in_the_month_of_its_day(results: Results, facts: Facts) -> None:
    report(results, bill())
    days = Window(start=date(2026, 10, 1), end=date(2026, 11, 1))
    exported(facts, ("2026-10-05", "Usage", "3"), ("2026-11-25", "Usage", "1"))
    # October was read for the last time before that day was whole.
    early = PeriodCharges(imported=ImportedWindow(window=days, read_at="2026-10-05T06:00:00Z"))
    facts.replace_period("billed-export", "2026-10", early)
    found = logic._exported(facts, days, date(2026, 11, 27))
    assert found is not None
    assert [(row.day, row.billing_period) for row in found.rows] == [("2026-10-05", "2026-11")]
    assert found.through == date(2026, 10, 5)
