"""Reading a bill: pages, refusals, restarts, the deadline, the price of it, and what is kept for later."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from moto import mock_aws

from cost_reports.cost_explorer.answers import disagreements
from cost_reports.prices.catalogue import Catalogue, PriceError
from cost_reports.spend_report.records import Billed, Window
from lambdas.common import runtime
from lambdas.common.store import Results
from lambdas.spend_report.cost_explorer import ATTEMPTS, MAX_PAGES, read_billing
from lambdas.spend_report.request_cache import BucketCache, Renewed
from tests.unit.lambdas.spend_report.bill_pages import NOW, TODAY, WINDOW, FakeBill, catalogue, pages, refused

THROTTLED = ("LimitExceededException", "slow down")


def read(bill: Any, **changes: Any) -> Billed:
    given = {
        "experiment": "handbook",
        "window": WINDOW,
        "today": TODAY,
        "catalogue": catalogue(),
        "now": NOW,
        "account": "123456789012",
    }
    return read_billing(bill, **{**given, **changes})


def failures(billed: Billed) -> dict[str, str]:
    return {failure.request: failure.code for failure in billed.failures}


def cuts(billed: Billed) -> list[str]:
    return list(dict.fromkeys(row.cut for row in billed.rows))


def test_a_whole_bill() -> None:
    bill = FakeBill()
    billed = read(bill)
    assert bill.asked == [
        ("service", 0),
        ("service", 1),
        ("usage-type", 0),
        ("record-type", 0),
        ("model", 0),
        ("forecast", 0),
    ]
    assert (cuts(billed), failures(billed)) == (["service", "usage-type", "record-type", "model"], {})
    assert (billed.requests, billed.cached_requests, billed.request_usd) == (6, 0, Decimal("0.06"))
    assert (billed.through, billed.source, billed.account) == (date(2026, 11, 26), "billed-ce", "123456789012")
    assert billed.forecast is not None
    assert billed.forecast.usd == Decimal("7.6000000001")
    assert {row.as_of for row in billed.rows} == {"2026-11-27T09:30:00Z"}
    assert disagreements(billed.rows) == []


def test_tax_of_a_later_day_does_not_say_that_billing_has_reached_it() -> None:
    bill = FakeBill()
    usage = read(bill).through
    period = {"Start": "2026-11-27", "End": "2026-11-28"}
    group = {"Keys": ["cost-cell$", "Tax"], "Metrics": {"UnblendedCost": {"Amount": "2", "Unit": "USD"}}}
    bill.pages["record-type"][-1]["ResultsByTime"].append({"TimePeriod": period, "Groups": [group]})
    later = read(bill)
    assert later.failures == ()
    assert any(r.day == "2026-11-27" for r in later.rows)
    assert later.through == usage


def test_the_role_meter_takes_the_place_of_the_forecast() -> None:
    billed = read(FakeBill(), role_tag_active=True)
    assert (cuts(billed)[-1], billed.forecast, billed.requests) == ("role", None, 6)


def test_a_page_that_fails_is_asked_for_again_and_nothing_is_read_twice(waits: list[float]) -> None:
    whole = read(FakeBill()).rows
    bill = FakeBill().fail("service", refused(*THROTTLED), refused("InternalFailure", status=500), page=1)
    billed = read(bill)
    assert bill.asked[:4] == [("service", 0), ("service", 1), ("service", 1), ("service", 1)]
    assert (list(billed.rows), billed.requests, len(waits)) == (list(whole), 6, 2)


def test_a_cut_whose_second_page_cannot_be_had_has_no_rows_at_all(waits: list[float]) -> None:
    billed = read(FakeBill().fail("service", *[refused(*THROTTLED)] * ATTEMPTS, page=1))
    assert failures(billed) == {"service": "LimitExceededException"}
    assert cuts(billed) == ["usage-type", "record-type", "model"]
    assert (billed.requests, len(waits)) == (5, ATTEMPTS - 1)  # the first page was answered, so it is paid for


@pytest.mark.parametrize("code", ["RequestChangedException", "InvalidNextTokenException", "BillExpirationException"])
def test_a_bill_that_changes_between_two_pages_is_read_again_from_the_first(code: str) -> None:
    bill = FakeBill().fail("service", refused(code), page=1)
    billed = read(bill)
    assert bill.asked[:4] == [("service", 0), ("service", 1), ("service", 0), ("service", 1)]
    assert (list(billed.rows), billed.requests) == (list(read(FakeBill()).rows), 7)


def test_a_bill_that_changes_twice_is_a_failure() -> None:
    billed = read(FakeBill().fail("service", *[refused("RequestChangedException")] * 2, page=1))
    assert failures(billed) == {"service": "RequestChangedException"}
    assert "service" not in cuts(billed)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (refused("AccessDeniedException"), "AccessDeniedException"),
        (refused("DataUnavailableException"), "DataUnavailableException"),
        (refused("ValidationException"), "ValidationException"),
        (refused("ResourceNotFoundException"), "ResourceNotFoundException"),
        (refused("BillingViewHealthStatusException"), "BillingViewHealthStatusException"),
        (refused("ExpiredTokenException"), "ExpiredTokenException"),
        (NoCredentialsError(), "NoCredentialsError"),
    ],
)
@pytest.mark.parametrize("cut", ["service", "usage-type", "record-type", "model", "forecast"])
def test_a_refused_request_leaves_the_others(cut: str, error: Exception, code: str, waits: list[float]) -> None:
    billed = read(FakeBill().fail(cut, error))
    assert failures(billed) == {cut: code}
    assert cut not in cuts(billed)
    assert len(cuts(billed)) == (4 if cut == "forecast" else 3)
    assert (billed.forecast is None) == (cut == "forecast")
    assert waits == []


def test_when_everything_is_refused_there_is_no_row_and_no_price() -> None:
    bill = FakeBill()
    for cut in (*cuts(read(FakeBill())), "forecast"):
        bill.fail(cut, refused("AccessDeniedException"))
    billed = read(bill)
    assert (list(billed.rows), billed.through, billed.requests, billed.request_usd) == ([], None, 0, Decimal(0))
    assert len(billed.failures) == 5


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="https://ce"), ReadTimeoutError(endpoint_url="https://ce")]
)
def test_a_connection_that_fails_is_tried_again_and_then_told(error: Exception, waits: list[float]) -> None:
    billed = read(FakeBill().fail("service", *[error] * ATTEMPTS))
    assert failures(billed) == {"service": type(error).__name__}
    assert len(waits) == ATTEMPTS - 1


def test_the_deadline_holds_over_all_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(runtime.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(runtime, "_sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    bill = FakeBill().fail("usage-type", *[refused(*THROTTLED)] * ATTEMPTS)
    billed = read(bill, deadline_s=2.0)
    assert clock[0] < 2.0
    assert failures(billed)["usage-type"] == "Deadline"
    assert "LimitExceededException: slow down" in billed.failures[0].text
    assert cuts(billed)[0] == "service"


def test_no_request_begins_after_the_deadline() -> None:
    bill = FakeBill()
    billed = read(bill, deadline_s=0.0)
    assert (bill.asked, set(failures(billed).values()), len(billed.failures)) == ([], {"Deadline"}, 5)


def test_a_token_that_comes_again_ends_the_request() -> None:
    bill = FakeBill()
    for page in bill.pages["service"]:
        page["NextPageToken"] = "AAAA1"
    billed = read(bill)
    assert failures(billed) == {"service": "UnreadableAnswer"}
    assert "its pages do not end; stopped after 2 of them" in billed.failures[0].text
    assert bill.asked.count(("service", 1)) == 1


def test_pages_without_end_are_stopped_before_they_cost_much() -> None:
    bill = FakeBill()
    one = pages("model")[0]
    bill.pages["model"] = [{**one, "NextPageToken": f"t{n}"} for n in range(MAX_PAGES + 10)]
    billed = read(bill)
    assert failures(billed) == {"model": "UnreadableAnswer"}
    assert sum(cut == "model" for cut, _ in bill.asked) == MAX_PAGES


def test_an_unreadable_amount_refuses_its_cut_alone() -> None:
    bill = FakeBill()
    bill.pages["usage-type"][0]["ResultsByTime"][0]["Groups"][1]["Metrics"]["UnblendedCost"]["Amount"] = "NaN"
    billed = read(bill)
    assert failures(billed) == {"usage-type": "UnreadableAnswer"}
    assert "2026-11-25, group cost-cell$handbook/prompting + USE1-NovaMicro-input-tokens" in billed.failures[0].text
    assert "usage-type" not in cuts(billed)


def test_another_currency_is_named_and_never_added() -> None:
    bill = FakeBill()
    for cut in ("service", "usage-type", "record-type", "model"):
        text = json.dumps(bill.pages[cut]).replace('"USD"', '"EUR"')
        bill.pages[cut] = json.loads(text)
    billed = read(bill)
    assert (list(billed.rows), billed.through) == ([], None)
    assert all("is in EUR; this report adds USD only" in failure.text for failure in billed.failures)


def test_a_window_that_has_not_begun_asks_for_nothing() -> None:
    bill = FakeBill()
    billed = read(bill, window=Window(start=TODAY + timedelta(days=1), end=TODAY + timedelta(days=3)))
    assert (bill.asked, list(billed.rows), billed.requests, billed.failures) == ([], [], 0, ())


def test_a_time_without_zone_and_a_request_without_price_are_refused() -> None:
    with pytest.raises(ValueError, match="time 2026-11-27T09:30:00 has no time zone"):
        read(FakeBill(), now=NOW.replace(tzinfo=None))
    with pytest.raises(PriceError, match="no price on 2026-11-27 for AWSCostExplorer USE1-APIRequest"):
        read(FakeBill(), catalogue=Catalogue([p for p in catalogue().prices if p.service_code != "AWSCostExplorer"]))


# What was paid for is kept.


@pytest.fixture
def cache(results: Results) -> BucketCache:
    return BucketCache(results, "handbook")


def test_asking_again_takes_the_place_of_what_was_kept(cache: BucketCache) -> None:
    read(FakeBill(), cache=cache)
    bill = FakeBill()
    again = read(bill, cache=Renewed(cache), now=NOW + timedelta(hours=1))
    assert (again.requests > 0, again.cached_requests, bool(bill.asked)) == (True, 0, True)
    kept = read(FakeBill(), cache=cache, now=NOW + timedelta(hours=8, minutes=30))
    assert (kept.requests, kept.cached_requests) == (0, again.requests)


def test_a_second_report_asks_for_nothing(cache: Any) -> None:
    first = read(FakeBill(), cache=cache)
    bill = FakeBill()
    later = NOW + timedelta(hours=7, minutes=59)
    second = read(bill, cache=cache, now=later)
    assert (bill.asked, second.requests, second.cached_requests, second.request_usd) == ([], 0, 6, Decimal(0))
    # The rows say when AWS gave them, not when the report was made.
    assert (second.rows, second.forecast, second.through) == (first.rows, first.forecast, first.through)


@pytest.mark.parametrize("age", [timedelta(hours=8), timedelta(days=2), timedelta(seconds=-1)])
def test_old_entries_and_those_of_a_wrong_clock_are_read_again(cache: Any, age: timedelta) -> None:
    read(FakeBill(), cache=cache)
    billed = read(FakeBill(), cache=cache, now=NOW + age)
    assert (billed.requests, billed.cached_requests) == (6, 0)


def test_another_window_or_experiment_is_another_request(cache: Any) -> None:
    read(FakeBill(), cache=cache)
    other = read(FakeBill(), cache=cache, window=Window(start=date(2026, 11, 1), end=WINDOW.end))
    assert (other.requests, other.cached_requests) == (5, 1)  # only the forecast is the same
    other = read(FakeBill(), cache=cache, experiment="another")
    assert (other.requests, other.cached_requests) == (1, 5)


class Shelf:
    """A text store in memory."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        return self.texts.get(name)

    def put(self, name: str, text: str) -> None:
        self.texts[name] = text


DAMAGE = {
    "cut off": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "another digit": lambda text: text.replace("0.066", "0.067").replace("1.9", "2.9"),
    "no object": lambda text: "[1]",
    "no pages": lambda text: json.dumps({k: v for k, v in json.loads(text).items() if k != "pages"}),
    "another time": lambda text: text.replace("2026-11-27T09:30:00Z", "2026-11-27T09:31:00Z"),
    "no time": lambda text: text.replace("2026-11-27T09:30:00Z", "yesterday"),
    "a time without zone": lambda text: text.replace("2026-11-27T09:30:00Z", "2026-11-27T09:30:00"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_entries_are_read_again(damage: str) -> None:
    shelf = Shelf()
    whole = read(FakeBill(), cache=shelf)
    shelf.texts = {name: DAMAGE[damage](text) for name, text in shelf.texts.items() if "0.066" in text or "1.9" in text}
    billed = read(FakeBill(), cache=shelf, now=NOW + timedelta(minutes=5))
    assert (billed.requests, billed.cached_requests) == (6, 0)
    assert [r.amount_usd for r in billed.rows] == [r.amount_usd for r in whole.rows]


def test_an_entry_of_other_parameters_is_never_served() -> None:
    shelf = Shelf()
    read(FakeBill(), cache=shelf)
    names = list(shelf.texts)
    moved = dict(zip(names, [shelf.texts[name] for name in names[1:] + names[:1]], strict=True))
    shelf.texts = dict(moved)
    assert read(FakeBill(), cache=shelf).cached_requests == 0


def test_refusals_and_unreadable_answers_are_not_kept() -> None:
    shelf = Shelf()
    bill = FakeBill().fail("model", refused("DataUnavailableException"))
    bill.pages["record-type"][0]["ResultsByTime"][0]["TimePeriod"] = {}
    read(bill, cache=shelf)
    assert len(shelf.texts) == 3
    again = read(FakeBill(), cache=shelf)
    assert (again.requests, again.cached_requests, again.failures) == (2, 4, ())


def test_bytes_that_are_no_text_are_no_entry(results: Results) -> None:
    results.s3.put_object(Bucket=results.bucket, Key="reports/handbook/cache/x.json", Body=b"\xff\xfe\x00")
    assert BucketCache(results, "handbook").get("x.json") is None


# Against other people's doubles.


@pytest.fixture
def moto_client() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("ce", region_name="us-east-1")


def test_pages_from_motos_queue(moto_client: Any) -> None:
    queue = "https://motoapi.amazonaws.com/moto-api/static/ce/cost-and-usage-results"
    answers = [*pages("service"), *pages("usage-type"), *pages("record-type"), *pages("model"), *pages("role")]
    requests.post(queue, json={"results": answers}, timeout=5)
    billed = read(moto_client, role_tag_active=True)
    assert (billed.requests, billed.failures) == (6, ())
    assert list(billed.rows) == list(read(FakeBill(), role_tag_active=True).rows)


def test_the_functions_client_calls_us_east_1_from_any_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(runtime, "_clients", {})
    monkeypatch.setattr(runtime, "_sessions", [])
    client = runtime.client("ce")
    assert client.meta.endpoint_url == "https://ce.us-east-1.amazonaws.com"
    assert client.meta.config.retries["total_max_attempts"] == 1  # `with_retries` has the others
    assert client.meta.config.read_timeout == 45
    assert runtime.client("s3").meta.region_name == "eu-west-1"


def test_what_the_function_imports_is_light() -> None:
    code = (
        "import sys, lambdas.spend_report.cost_explorer, lambdas.common.facts\n"
        "print([m for m in ('boto3', 'duckdb', 'pydantic', 'rich', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
