"""The spend report over a mocked bucket and a recorded bill: what is written, kept, told, and what a refusal does."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts import keys, times
from cost_reports.spend_report.records import Window
from cost_reports.spend_report.report import SpendReport, spend_from_json
from lambdas.common import runtime
from lambdas.common.facts import Facts
from lambdas.common.store import Results
from lambdas.run_report import handler as run_report
from lambdas.spend_report import handler, logic, request
from tests.unit.cost_reports import sample_run as run
from tests.unit.lambdas.fact_rows import kept
from tests.unit.lambdas.sample_bucket import Context, fill
from tests.unit.lambdas.spend_report.bill_pages import NOW, FakeBill, refused

BUCKET = "results-of-spending"
TODAY = "2026-11-27"


class Moment(datetime):
    """The clock of the recorded bill."""

    @classmethod
    def now(cls, tz: Any = None) -> Moment:
        return cls.fromtimestamp(NOW.timestamp(), tz or UTC)


@pytest.fixture
def bill() -> FakeBill:
    return FakeBill()


@pytest.fixture(scope="module")
def reported() -> dict[str, bytes]:
    """Key -> object of the bucket after the run's end, when the run itself has made its report."""
    settings = {"BUCKET": BUCKET, "EXPERIMENT": run.EXPERIMENT, "AWS_REGION": "us-east-1"}
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        s3: Any = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        fill(Results(BUCKET, s3))
        patch.setattr(runtime, "_clients", {"s3": s3})
        run_report.report({"run": run.RUN}, Context())
        found = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
        return {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in found}


@pytest.fixture
def queue(reported: dict[str, bytes], bill: FakeBill, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What the reports topic delivers to; the function's settings, clients and clock are in place."""
    with mock_aws():
        s3: Any = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        for key, body in reported.items():
            s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        sns, sqs = (boto3.client(name, region_name="us-east-1") for name in ("sns", "sqs"))
        topic = sns.create_topic(Name="reports")["TopicArn"]
        url = sqs.create_queue(QueueName="mails")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        settings = {
            "BUCKET": BUCKET,
            "EXPERIMENT": run.EXPERIMENT,
            "REPORT_TOPIC_ARN": topic,
            "AWS_REGION": "us-east-1",
        }
        for name, value in {**settings, "MONTHLY_BUDGET_USD": "50"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(runtime, "_clients", {"s3": s3, "sns": sns, "ce": bill})
        monkeypatch.setattr(runtime, "_sleep", lambda _seconds: None)
        monkeypatch.setattr(handler, "datetime", Moment)

        def mails() -> list[str]:
            found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            return [json.loads(m["Body"])["Message"] for m in found]

        yield mails


def results() -> Results:
    return Results(BUCKET, runtime.client("s3"))


def read(said: dict[str, str]) -> SpendReport:
    return spend_from_json(json.loads(results().read_text(said["report_key"])))


def test_the_files_of_the_daily_report(queue: Any) -> None:
    said = handler.report({}, Context())
    prefix = f"reports/{run.EXPERIMENT}/{TODAY}/"
    names = {key.removeprefix(prefix) for key in results().list_keys(prefix)}
    assert names == {"report.json", "report.html", "report.md", "charges.csv", "announced.json"}
    report = read(said)
    assert said["headline"] == report.headline
    assert (report.header.window_start, report.header.window_end) == ("2026-10-01", "2026-11-28")
    assert report.header.account == "123456789012"
    assert report.header.runs == (run.RUN,)
    assert report.total_metered_usd > 0
    assert report.total_billed_usd is not None
    assert report.month is not None
    assert report.month.budget_usd == 50
    assert "<script" not in results().read_text(said["html_key"])
    lines = list(csv.DictReader(io.StringIO(results().read_text(said["csv_key"]), newline="")))
    sums = {source: Decimal(0) for source in ("estimated", "metered", "billed-ce")}
    for line in lines:
        sums[line["source"]] += Decimal(line["amount_usd"])
    # What the rows of a source add up to is what the report says (before metered lines are rounded as the bill is).
    assert sums["billed-ce"] == report.total_billed_usd
    assert sums["metered"] == (report.total_metered_usd or 0) - (report.rounding_usd or 0)
    assert abs(sums["estimated"] - (report.total_estimated_usd or 0)) < Decimal("1e-8")
    assert {line["simulated"] for line in lines} == {"no"}


def test_it_makes_five_requests_and_says_what_they_cost(queue: Any, bill: FakeBill) -> None:
    header = read(handler.report({}, Context())).header
    pages = len(bill.asked) - sum(cut == "tags" for cut, _ in bill.asked)
    assert len({cut for cut, _ in bill.asked if cut != "tags"}) == 5
    assert (header.requests, header.request_usd) == (pages, Decimal(pages) / 100)


def test_a_second_look_is_free_and_tells_nobody_again(queue: Any, bill: FakeBill) -> None:
    first = read(handler.report({}, Context()))
    (mail,) = queue()
    assert first.headline in mail
    assert f"s3://{BUCKET}/reports/{run.EXPERIMENT}/{TODAY}/report.html" in mail
    bill.asked.clear()
    second = read(handler.report({}, Context()))
    assert {cut for cut, _ in bill.asked} <= {"tags"}
    assert (second.header.requests, second.header.cached_requests) == (0, first.header.requests)
    assert second.approaches == first.approaches
    assert queue() == []


def test_the_tags_of_an_account_that_has_none(queue: Any, bill: FakeBill) -> None:
    assert {t.state for t in read(handler.report({}, Context())).tags} == {"not billed yet"}


def restate(bill: FakeBill, usd: str) -> None:
    """AWS changes the first group of the experiment in the cut that also holds credits."""
    for page in bill.pages["record-type"]:
        for result in page["ResultsByTime"]:
            for group in result["Groups"]:
                if group["Keys"][0].startswith(f"cost-cell${run.EXPERIMENT}/"):
                    group["Metrics"]["UnblendedCost"]["Amount"] = usd
                    return


def amounts(report: SpendReport) -> list[tuple[Decimal | None, Decimal | None]]:
    return [(r.before_usd, r.now_usd) for r in report.restatements]


def test_restatements_are_told_against_the_last_daily_report(
    queue: Any, bill: FakeBill, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = {"fresh": True}
    handler.report({}, Context())
    restate(bill, "7")
    later = NOW + timedelta(days=1)
    monkeypatch.setattr(
        Moment, "now", classmethod(lambda cls, tz=None: cls.fromtimestamp(later.timestamp(), tz or UTC))
    )
    # Requested days in between take nothing away from the daily report.
    requested = read(handler.report({**again, "since": "2026-11-20", "until": "2026-11-27"}, Context()))
    ((before, now),) = amounts(requested)
    daily = read(handler.report(again, Context()))
    assert amounts(daily) == [(before, now)]
    # Neither does a second report of the day, which takes the place of the first one.
    second = read(handler.report(again, Context()))
    assert (amounts(second), second.header.previous_report) == ([(before, now)], TODAY)
    restate(bill, "8")
    ((first, last),) = amounts(read(handler.report(again, Context())))
    assert (first, last) == (before, (now or 0) + 1)


def test_a_report_of_the_day_that_is_none_is_named(queue: Any) -> None:
    handler.report({}, Context())
    results().write_text(f"reports/{run.EXPERIMENT}/{TODAY}/report.json", "{}")
    with pytest.raises(ValueError, match=f"s3://{BUCKET}/reports/{run.EXPERIMENT}/{TODAY}/report.json: not a spend"):
        handler.report({}, Context())


def test_tags_and_bill_share_the_time(queue: Any, bill: FakeBill, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(times, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    list_tags = bill.list_cost_allocation_tags

    def slow(**parameters: Any) -> dict[str, Any]:
        clock[0] += 200
        return list_tags(**parameters)

    monkeypatch.setattr(bill, "list_cost_allocation_tags", slow)
    written = logic.write_spend(
        results(), bill, experiment=run.EXPERIMENT, account="123456789012", now=NOW, deadline_s=150
    )
    assert {f.code for f in written.report.failures} == {"Deadline"}
    assert {cut for cut, _ in bill.asked} == {"tags"}


def test_what_was_read_is_kept_and_a_refused_cut_keeps_what_was_read_before(queue: Any, bill: FakeBill) -> None:
    handler.report({}, Context())
    facts = Facts(results(), run.EXPERIMENT)
    before = kept(facts)
    assert {row.cut for row in before} >= {"service", "usage-type", "record-type", "model"}
    for key in results().list_keys(f"reports/{run.EXPERIMENT}/cache/"):
        runtime.client("s3").delete_object(Bucket=BUCKET, Key=key)
    bill.fail("model", refused("AccessDeniedException"))
    report = read(handler.report({}, Context()))
    assert [f.request for f in report.failures] == ["model"]
    assert "model" not in {b.by for b in report.breakdowns}
    assert kept(facts, grouping="model") == [row for row in before if row.cut == "model"]


def test_a_bill_that_cannot_be_read_is_no_zero(queue: Any, bill: FakeBill) -> None:
    for cut in ("service", "usage-type", "record-type", "model", "role", "forecast", "tags"):
        bill.fail(cut, refused("AccessDeniedException", "User is not authorized"))
    report = read(handler.report({}, Context()))
    assert report.header.state == "failed"
    assert report.total_billed_usd is None
    assert all(a.billed_usd is None for a in report.approaches)
    assert {f.request for f in report.failures} >= {"service", "usage-type", "record-type", "tags"}
    assert kept(Facts(results(), run.EXPERIMENT)) == []


def test_days_that_were_asked_for_lie_apart_and_are_no_news(queue: Any) -> None:
    said = handler.report({"since": "2026-11-20", "until": "2026-11-24"}, Context())
    assert said["report_key"] == f"reports/{run.EXPERIMENT}/2026-11-20_2026-11-24/report.json"
    assert [day.day for day in read(said).days] == ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"]
    assert queue() == []


def test_runs_outside_the_days_do_not_count(queue: Any) -> None:
    report = read(handler.report({"since": "2026-10-01", "until": "2026-11-01"}, Context()))
    assert (report.header.runs, report.total_metered_usd, report.total_estimated_usd) == ((), 0, 0)


def test_a_run_that_never_started_is_a_note(queue: Any) -> None:
    results().write_text(f"{keys.run_prefix(run.EXPERIMENT, 'r20261120-000000')}input.txt", "")
    report = read(handler.report({}, Context()))
    assert report.header.runs == (run.RUN,)
    assert any("r20261120-000000 has no manifest" in note for note in report.notes)


def test_a_run_that_was_never_reported_has_no_estimate(queue: Any) -> None:
    runtime.client("s3").delete_object(Bucket=BUCKET, Key=keys.estimated(run.EXPERIMENT, run.RUN))
    report = read(handler.report({}, Context()))
    assert (report.header.runs, report.total_estimated_usd) == ((run.RUN,), None)
    assert any(f"Run {run.RUN} has no estimate" in note for note in report.notes)


def test_a_run_that_cannot_be_read_does_not_cost_the_bill(queue: Any) -> None:
    key = results().list_keys(keys.run_prefix(run.EXPERIMENT, run.RUN) + "approach=rag/usage/")[0]
    results().write_text(key, "{no json")
    report = read(handler.report({}, Context()))
    assert report.total_billed_usd is not None
    assert (report.header.runs, report.total_metered_usd, report.total_estimated_usd) == ((), None, None)
    assert report.header.state == "partial"
    assert {a.unit_costs for a in report.approaches} == {None}
    (mail,) = queue()
    assert f"Not read: run {run.RUN}" in mail
    (failure,) = [f for f in report.failures if f.request == f"run {run.RUN}"]
    assert key in failure.text
    assert f"Not read: run {run.RUN}" in results().read_text(f"reports/{run.EXPERIMENT}/{TODAY}/report.md")


def test_an_experiment_without_runs(queue: Any) -> None:
    report = read(handler.report({"experiment": "other"}, Context()))
    assert (report.header.runs, report.total_metered_usd) == ((), 0)


def test_the_report_before_this_one_is_named(queue: Any) -> None:
    for name in ("2026-11-25", "2026-11-26", "2026-11-01_2026-11-27", "facts", "r20261123-100000"):
        results().write_text(f"reports/{run.EXPERIMENT}/{name}/report.json", "{}")
    assert read(handler.report({}, Context())).header.previous_report == "2026-11-26"


def test_on_the_embedded_aws_every_rendering_says_simulated(queue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:1")
    said = handler.report({}, Context())
    (mail,) = queue()
    assert mail.startswith("SIMULATED BILL")
    for key in ("report_key", "html_key", "csv_key"):
        assert "SIMULATED" in results().read_text(said[key]).upper()


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"since": "yesterday"}, "since: not a day (got 'yesterday'); write it as YYYY-MM-DD"),
        ({"until": "20261101"}, "until: not a day (got '20261101')"),
        ({"since": 5}, "since: not a day (got 5)"),
        ({"since": "2026-11-02", "until": "2026-11-02"}, "since 2026-11-02, until 2026-11-02: window ends on"),
        ({"since": "2027-01-01"}, "since 2027-01-01, until 2026-11-28: "),
    ],
)
def test_days_that_are_none(event: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(said)):
        request.requested_window(event, date(2026, 11, 27))


def test_the_usual_window_is_not_asked_for() -> None:
    today = date(2026, 11, 27)
    usual = Window(start=date(2026, 10, 1), end=date(2026, 11, 5))
    assert request.requested_window({}, today) is None
    assert request.requested_window({"until": "2026-11-05"}, today) == usual


@pytest.mark.parametrize("text", ["", "many", "-1", "NaN", "Infinity"])
def test_a_budget_that_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="MONTHLY_BUDGET_USD"):
        request.budget(text)


def test_no_budget() -> None:
    assert (request.budget("0"), request.budget("12.50")) == (None, Decimal("12.50"))
