"""GetCostAndUsage through a real client: groups, filters, pages, and what is refused in AWS's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from bill_bench import ACCOUNT, Bench, ask, cuts, groups, refused

from cost_reports.cost_explorer.requests import window_of
from cost_reports.metering.charges import exact_sum
from cost_reports.prices.catalogue import Catalogue
from lambdas.spend_report.cost_explorer import read_billing
from offline.common.wire import AwsError

USAGE = {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Usage"]}}
BEDROCK = {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon Bedrock"]}}
NOVA = {"ProductAttributes": {"Key": "model", "Values": ["Nova Micro"]}}


def total(bench: Bench, **more: Any) -> Decimal:
    answer = bench.ce.get_cost_and_usage(**ask(**more))
    return exact_sum(Decimal(r["Total"]["UnblendedCost"]["Amount"]) for r in answer["ResultsByTime"])


def refusal(bench: Bench, **changes: Any) -> tuple[str, str]:
    return refused(bench.loose.get_cost_and_usage, **{**ask(), **changes})


@pytest.fixture
def mixed(billed: Bench) -> Bench:
    """Beside the run: untagged usage, credit, refund, tax, a Marketplace model of another experiment."""
    rows = [
        {"day": "2026-11-20", "service": "AWS Lambda", "usd": "0.5", "usage_type": "Lambda-GB-Second",
         "quantity": "30000", "unit": "Lambda-GB-Second"},
        {"day": "2026-11-20", "service": "Amazon Bedrock", "record_type": "Credit", "usd": "-0.25"},
        {"day": "2026-11-20", "service": "AWS Lambda", "record_type": "Refund", "usd": "-0.125"},
        {"day": "2026-11-20", "service": "Tax", "record_type": "Tax", "usd": "0.0625"},
        {"day": "2026-11-20", "service": "Claude Opus 5.5 (Amazon Bedrock Edition)", "usd": "2",
         "usage_type": "USE1-MP:USE1_input_tokens_standard-Units", "quantity": "0.4", "unit": "1M tokens",
         "attributes": {"model": "Claude Opus 5.5", "provider": "Anthropic"}, "tags": {"cost-cell": "other/rag$x"}},
    ]  # fmt: skip
    billed.control(rows=rows)
    return billed


def test_every_cut_adds_up_to_the_whole(mixed: Bench) -> None:
    whole = total(mixed)
    for kind, key in (("DIMENSION", "SERVICE"), ("DIMENSION", "USAGE_TYPE"), ("DIMENSION", "RECORD_TYPE")):
        answer = mixed.ce.get_cost_and_usage(**ask(GroupBy=cuts("cost-cell", kind, key)))
        found = groups(answer)
        assert abs(exact_sum(found.values()) - whole) <= Decimal("1e-10") * len(found)
        assert answer["ResultsByTime"][0]["Total"] == {}
        assert answer["GroupDefinitions"] == cuts("cost-cell", kind, key)
    assert found["cost-cell$", "Credit"] == Decimal("-0.25")
    assert found["cost-cell$", "Tax"] == Decimal("0.0625")
    assert found["cost-cell$other/rag$x", "Usage"] == 2


def test_products_are_those_of_bedrock_only(mixed: Bench) -> None:
    found = groups(mixed.ce.get_cost_and_usage(**ask(GroupBy=cuts("cost-cell", "PRODUCT_ATTRIBUTE", "model"))))
    assert set(found) == {
        ("cost-cell$", "model$"),
        ("cost-cell$handbook/prompting", "model$Nova Micro"),
        ("cost-cell$handbook/rag", "model$Claude Haiku 5.5"),
        ("cost-cell$handbook/rag", "model$Nova Micro"),
        ("cost-cell$handbook/rag", "model$Titan Text Embeddings V2"),
        ("cost-cell$other/rag$x", "model$Claude Opus 5.5"),
    }
    wrong = groups(mixed.ce.get_cost_and_usage(**ask(GroupBy=[{"Type": "PRODUCT_ATTRIBUTE", "Key": "Model"}])))
    assert wrong == {("Model$",): exact_sum(found.values())}
    assert total(mixed, Filter={"ProductAttributes": {"Key": "Model", "MatchOptions": ["ABSENT"]}}) == wrong["Model$",]
    assert total(mixed, Filter={"ProductAttributes": {"Key": "Model", "Values": ["Nova Micro"]}}) == 0


def test_an_unused_key_groups_everything_as_untagged(mixed: Bench) -> None:
    found = groups(mixed.ce.get_cost_and_usage(**ask(GroupBy=[{"Type": "TAG", "Key": "no-such-key"}])))
    assert found == {("no-such-key$",): total(mixed)}


@pytest.mark.parametrize(
    ("expression", "equal"),
    [
        ({"Not": USAGE}, "-0.3125"),
        ({"Tags": {"Key": "cost-cell", "MatchOptions": ["ABSENT"]}}, "0.1875"),
        ({"Tags": {"Key": "cost-cell"}}, "0.1875"),
        ({"Tags": {"Key": "cost-cell", "Values": ["other/rag$x"], "MatchOptions": ["EQUALS", "CASE_SENSITIVE"]}}, "2"),
        ({"Tags": {"Key": "cost-cell", "Values": ["OTHER/RAG$X"]}}, "0"),
        ({"Tags": {}}, "0.1875"),
        ({"And": [USAGE, {"Tags": {"Key": "cost-cell", "Values": ["", "other/rag$x"]}}]}, "2.5"),
        ({"Or": [{"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Tax"]}}, {"Not": USAGE}]}, "-0.3125"),
        ({"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": ["999999999999"]}}, "0"),
        ({"Dimensions": {"Key": "AZ", "Values": ["us-east-1a"]}}, "0"),
        ({"ProductAttributes": {"Key": "model", "Values": ["Claude Opus 5.5"]}}, "2"),
        ({"ProductAttributes": {"Key": "model", "MatchOptions": ["ABSENT"]}}, "-0.25"),
        ({"And": [BEDROCK, {"ProductAttributes": {"Key": "model", "MatchOptions": ["ABSENT"]}}]}, "-0.25"),
    ],
)
def test_filters(mixed: Bench, expression: Mapping[str, Any], equal: str) -> None:
    assert total(mixed, Filter=expression) == Decimal(equal)


def test_days_and_months(billed: Bench) -> None:
    days = billed.ce.get_cost_and_usage(**ask("2026-11-19", "2026-11-22"))["ResultsByTime"]
    assert [r["TimePeriod"] for r in days] == [
        {"Start": f"2026-11-{d}", "End": f"2026-11-{d + 1}"} for d in (19, 20, 21)
    ]
    assert days[0]["Total"]["UnblendedCost"] == days[2]["Total"]["UnblendedCost"] == {"Amount": "0", "Unit": "USD"}
    months = billed.ce.get_cost_and_usage(**{**ask("2026-10-15", "2026-12-01"), "Granularity": "MONTHLY"})
    assert [r["TimePeriod"]["Start"] for r in months["ResultsByTime"]] == ["2026-10-15", "2026-11-01"]
    assert months["ResultsByTime"][1]["Total"] == days[1]["Total"]


def test_groups_are_absent_where_they_have_nothing(billed: Bench) -> None:
    group = [{"Type": "DIMENSION", "Key": "SERVICE"}]
    results = billed.ce.get_cost_and_usage(**ask("2026-11-19", "2026-11-21", GroupBy=group))["ResultsByTime"]
    assert results[0]["Groups"] == []
    assert len(results[1]["Groups"]) == 6


def test_mixed_units_have_none(billed: Bench) -> None:
    def unit(usage_type: list[str]) -> str:
        chosen = {"Dimensions": {"Key": "USAGE_TYPE", "Values": usage_type}}
        answer = billed.ce.get_cost_and_usage(**ask(Filter=chosen))
        return str(answer["ResultsByTime"][0]["Total"]["UsageQuantity"]["Unit"])

    assert unit(["Requests-Tier1"]) == "Requests"
    assert unit(["Requests-Tier1", "TimedStorage-ByteHrs"]) == "N/A"


def pages(bench: Bench, **more: Any) -> list[dict[str, Any]]:
    found, token = [], {}
    while True:
        page = bench.ce.get_cost_and_usage(**ask("2026-11-18", "2026-11-22", **more), **token)
        found.append(page)
        if "NextPageToken" not in page:
            return found
        token = {"NextPageToken": page["NextPageToken"]}


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_pages_hold_everything_once(mixed: Bench, size: int) -> None:
    group = cuts("cost-cell", "DIMENSION", "SERVICE")
    (whole,) = pages(mixed, GroupBy=group)
    count = sum(len(r["Groups"]) or 1 for r in whole["ResultsByTime"])
    mixed.control(page_size=size)
    requests = mixed.control()["requests"]
    found = pages(mixed, GroupBy=group)
    assert len(found) == -(-count // size) == mixed.control()["requests"] - requests
    merged: dict[str, list[Any]] = {}
    for result in (r for page in found for r in page["ResultsByTime"]):
        merged.setdefault(result["TimePeriod"]["Start"], []).extend(result["Groups"])
    assert merged == {r["TimePeriod"]["Start"]: r["Groups"] for r in whole["ResultsByTime"]}


def test_a_token_belongs_to_its_request_and_its_bill(billed: Bench) -> None:
    billed.control(page_size=2)
    request = ask("2026-11-18", "2026-11-22")
    token = billed.ce.get_cost_and_usage(**request)["NextPageToken"]

    def code(**changes: Any) -> str:
        return refused(billed.ce.get_cost_and_usage, **{**request, "NextPageToken": token, **changes})[0]

    assert code(Metrics=["UnblendedCost"]) == "RequestChangedException"
    assert code(NextPageToken="nonsense") == "InvalidNextTokenException"
    assert code(NextPageToken="bm9uc2Vuc2U=") == "InvalidNextTokenException"
    assert "ResultsByTime" in billed.ce.get_cost_and_usage(**request, NextPageToken=token)
    billed.run("2026-11-19")
    assert code() == "BillExpirationException"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"TimePeriod": {"Start": "2026-11-20", "End": "2026-11-20"}}, "Start date (and hour) should be before end"),
        ({"TimePeriod": {"Start": "2026-11-21", "End": "2026-11-20"}}, "Start date (and hour) should be before end"),
        ({"TimePeriod": {"Start": "2026-13-20", "End": "2026-11-20"}}, "Start date 2026-13-20 is invalid"),
        ({"TimePeriod": {"Start": "2026-11-20", "End": "9999-12-31"}, "Granularity": "MONTHLY"}, "is after 2199"),
        (
            {"TimePeriod": {"Start": "2026-11-21", "End": "2026-11-22"}},
            "2026-11-21 is after the current date 2026-11-20",
        ),
        ({"TimePeriod": {"Start": "2026-11-20", "End": "2026-12-02"}}, "end date past the beginning of next month"),
        ({"TimePeriod": {"Start": "20.11.2026", "End": "2026-11-21"}}, "'TimePeriod.Start' failed to satisfy"),
        ({"TimePeriod": {"Start": "2026-11-20"}}, 'Missing required parameter in TimePeriod: "End"'),
        ({"TimePeriod": {"Start": "2025-09-30", "End": "2025-11-21"}}, "historical data beyond 14 months"),
        ({"Granularity": "WEEKLY"}, "enum value set: [DAILY, MONTHLY, HOURLY]"),
        ({"Granularity": "HOURLY"}, "HOURLY granularity is not enabled"),
        ({"Metrics": []}, "Metrics is required"),
        ({"Metrics": ["UnblendedCosts"]}, "Metric UnblendedCosts is invalid"),
        ({"GroupBy": [{"Type": "TAG", "Key": k} for k in "abc"]}, "over the limit of 2"),
        ({"GroupBy": [{"Type": "DIMENSION", "Key": "CHARGE_TYPE"}]}, "Group Definition dimension is invalid"),
        ({"GroupBy": [{"Type": "DIMENSION", "Key": "REGION"}]}, "Group Definition dimension is invalid"),
        ({"GroupBy": [{"Type": "DIMENSION", "Key": "AZ"}]}, "has no values of AZ"),
        ({"GroupBy": [{"Type": "COST_CATEGORY", "Key": "team"}]}, "Cost category 'team' does not exist"),
        ({"GroupBy": [{"Type": "TAGS", "Key": "a"}]}, "'GroupBy[0].Type' failed to satisfy constraint"),
        ({"Filter": {}}, "zero or more than one roots"),
        ({"Filter": {**USAGE, "Not": USAGE}}, "zero or more than one roots"),
        ({"Filter": {"And": [USAGE]}}, "And expression must have at least 2 operands"),
        ({"Filter": {"Dimensions": {"Key": "CHARGE_TYPE", "Values": ["Usage"]}}}, "'Filter.Dimensions.Key' failed"),
        ({"Filter": {"Dimensions": {"Key": "RESOURCE_ID", "Values": ["a"]}}}, "Dimension RESOURCE_ID is not allowed."),
        ({"Filter": {"Dimensions": {"Key": "SERVICE", "Values": []}}}, "Dimension SERVICE needs Values"),
        ({"Filter": {"Dimensions": {"Key": "SERVICE", "Values": ["a"], "MatchOptions": ["CONTAINS"]}}}, "CONTAINS"),
        ({"Filter": {"Dimensions": {"Key": "SERVICE", "MatchOptions": ["ABSENT"]}}}, "ABSENT"),
        ({"Filter": {"Tags": {"Key": "a", "Values": ["b"], "MatchOptions": ["ABSENT"]}}}, "takes no Values"),
        ({"Filter": {"Tags": {"Key": "a", "Values": ["b"], "MatchOptions": ["ABSENT", "EQUALS"]}}}, "combined"),
        ({"Filter": {"Tags": {"Values": ["b"]}}}, "Tags needs a Key"),
        ({"Filter": {"CostCategories": {"Key": "a", "Values": ["b"]}}}, "Cost category 'a' does not exist"),
        ({"Filter": {"ProductAttributes": {"Key": "model"}}}, "needs Values, or MatchOptions ABSENT"),
        ({"Filter": {"And": [NOVA, {"Not": BEDROCK}]}}, "must apply to the whole request"),
        ({"Filter": {"Or": [NOVA, BEDROCK]}}, "must apply to the whole request"),
        (
            {"Filter": {"And": [NOVA, {"Dimensions": {"Key": "SERVICE", "Values": ["AWS Lambda"]}}]}},
            "not supported for the service AWS Lambda",
        ),
        ({"NextPageToken": "x" * 8193}, "length less than or equal to 8192"),
    ],
)
def test_refusals(bench: Bench, changes: dict[str, Any], message: str) -> None:
    code, said = refusal(bench, **changes)
    assert code == "ValidationException"
    assert message in said


@pytest.mark.parametrize("hours_ahead", [0, 24, 72])
@pytest.mark.parametrize("day", ["2026-11-30", "2026-12-01", "2026-12-31", "2027-01-01", "2027-01-31", "2028-02-29"])
def test_the_usual_window_is_answered_on_every_day(bench: Bench, day: str, hours_ahead: int) -> None:
    """Whether it is asked for by the clock of the bill or by one that stayed behind."""
    bench.clock.now = datetime.fromisoformat(f"{day}T23:59:59Z")
    bench.control(advance_hours=hours_ahead)
    ahead = bench.clock.now + timedelta(hours=hours_ahead)
    for today in (bench.clock.now.date(), ahead.date()):
        window = window_of(today)
        assert total(bench, TimePeriod={"Start": window.start.isoformat(), "End": window.end.isoformat()}) == 0


def test_product_attributes_begin_in_september_2026(billed: Bench) -> None:
    early = {"TimePeriod": {"Start": "2026-08-31", "End": "2026-09-02"}}
    for changes in ({"Filter": NOVA}, {"GroupBy": [{"Type": "PRODUCT_ATTRIBUTE", "Key": "model"}]}):
        assert refusal(billed, **early, **changes)[0] == "DataUnavailableException"
    assert total(billed, **early) == 0


def test_billing_views(billed: Bench) -> None:
    own = f"arn:aws:billing::{ACCOUNT}:billingview/primary"
    assert total(billed, BillingViewArn=own) == total(billed) > 0
    other = own.replace("primary", "custom-1")
    assert refusal(billed, BillingViewArn=other)[0] == "ResourceNotFoundException"


def test_throttling_and_an_account_without_cost_explorer(billed: Bench) -> None:
    billed.control(throttle=2)
    for _ in range(2):
        assert refusal(billed)[0] == "LimitExceededException"
    assert total(billed) > 0
    billed.control(cost_explorer="off")
    assert refusal(billed) == ("AccessDeniedException", "User not enabled for cost explorer access")


def test_an_unknown_operation_and_bodies_that_are_no_request(billed: Bench) -> None:
    unknown = refused(billed.ce.get_reservation_coverage, TimePeriod=ask()["TimePeriod"])
    assert unknown[0] == "UnknownOperationException"
    headers = {"x-amz-target": "AWSInsightsIndexService.GetCostAndUsage"}
    for body, message in (
        (b"{", "SerializationException"),
        (b"[]", "SerializationException"),
        (json.dumps({**ask(), "Colour": "red"}).encode(), 'Unknown parameter in input: "Colour"'),
    ):
        with pytest.raises(AwsError, match=message):
            billed.router.handle("POST", "/", headers, body)


def test_the_report_reads_this_bill(mixed: Bench) -> None:
    """The product's own reader takes every answer, and all its cuts agree."""
    now = mixed.clock.now
    found = read_billing(
        mixed.ce,
        experiment="handbook",
        window=window_of(now.date()),
        today=now.date(),
        catalogue=Catalogue.load(),
        now=now,
    )
    assert [f.request for f in found.failures] == ["forecast"]
    assert found.requests == 4
    cells = {(r.experiment, r.approach) for r in found.rows if r.cut == "usage-type"}
    assert cells == {(None, None), ("handbook", "prompting"), ("handbook", "rag"), ("handbook", "shared"),
                     ("other", "rag$x")}  # fmt: skip
    handbook = [r for r in found.rows if r.cut == "usage-type" and r.experiment == "handbook"]
    assert all(row.unit is not None and row.quantity is not None for row in handbook)
