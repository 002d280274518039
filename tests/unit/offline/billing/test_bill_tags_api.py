"""Cost-allocation tags: seen, activated, not retroactive, filled in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from bill_bench import Bench, ask, cuts, groups, refused

from cost_reports.cost_explorer.requests import RESOURCE_TAGS
from ladder.billing import cost_tags as tag_commands

ROLE = "iamPrincipal/cost-cell"


def listed(bench: Bench, **more: Any) -> dict[str, dict[str, Any]]:
    found, token = {}, {}
    while True:
        page = bench.ce.list_cost_allocation_tags(**more, **token)
        found.update({tag["TagKey"]: tag for tag in page["CostAllocationTags"]})
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}


def cells(bench: Bench, day: str, key: str = "cost-cell") -> set[str]:
    request = ask(day, f"{day[:-2]}{int(day[-2:]) + 1:02}", GroupBy=cuts(key, "DIMENSION", "RECORD_TYPE"))
    return {keys[0] for keys in groups(bench.ce.get_cost_and_usage(**request))}


def activate(bench: Bench, *keys: str, status: str = "Active") -> list[dict[str, str]]:
    entries = [{"TagKey": key, "Status": status} for key in keys]
    errors: list[dict[str, str]] = bench.ce.update_cost_allocation_tags_status(CostAllocationTagsStatus=entries)[
        "Errors"
    ]
    return errors


def test_a_key_appears_once_the_bill_shows_it(bench: Bench) -> None:
    bench.run()
    assert listed(bench) == {}
    (error,) = activate(bench, "cost-cell")
    assert error == {
        "TagKey": "cost-cell",
        "Code": "TagKeysNotFoundException",
        "Message": "Tag keys not found: cost-cell",
    }
    bench.control(now="2026-11-22T00:00:00Z")
    found = listed(bench)
    assert set(RESOURCE_TAGS) < set(found)
    assert found["cost-cell"] == {
        "TagKey": "cost-cell",
        "Type": "UserDefined",
        "Status": "Active",
        "LastUsedDate": "2026-11-01T00:00:00Z",
    }
    assert found[ROLE]["Status"] == "Inactive"


def test_listing_filters_and_pages(billed: Bench) -> None:
    assert set(listed(billed, TagKeys=["cost-cell", "unused"])) == {"cost-cell"}
    assert set(listed(billed, Status="Inactive")) == {f"iamPrincipal/{key}" for key in RESOURCE_TAGS}
    assert listed(billed, Type="AWSGenerated") == {}
    assert listed(billed, MaxResults=3) == listed(billed)
    first = billed.ce.list_cost_allocation_tags(MaxResults=3)
    assert len(first["CostAllocationTags"]) == 3
    code, _ = refused(billed.loose.list_cost_allocation_tags, MaxResults=4, NextToken=first["NextToken"])
    assert code == "InvalidNextTokenException"
    assert refused(billed.loose.list_cost_allocation_tags, TagKeys=["k"] * 101)[0] == "ValidationException"


def test_activation_groups_usage_from_then_on_only(billed: Bench) -> None:
    billed.control(tags="inactive")
    assert cells(billed, "2026-11-20") == {"cost-cell$"}
    assert activate(billed, "cost-cell", "unused")[0]["TagKey"] == "unused"
    assert listed(billed)["cost-cell"]["LastUpdatedDate"] == "2026-11-23T12:00:00Z"
    billed.write([], approach="rag")
    billed.run("2026-11-24")
    billed.control(now="2026-11-27T00:00:00Z")
    assert cells(billed, "2026-11-24") == {f"cost-cell$handbook/{a}" for a in ("prompting", "rag", "shared")}


def test_deactivation_ends_grouping(billed: Bench) -> None:
    activate(billed, "cost-cell", status="Inactive")
    assert cells(billed, "2026-11-20") == {f"cost-cell$handbook/{a}" for a in ("prompting", "rag", "shared")}
    billed.run("2026-11-24")
    billed.control(now="2026-11-27T00:00:00Z")
    assert cells(billed, "2026-11-24") == {"cost-cell$"}


def test_a_backfill_carries_the_state_into_the_past_an_hour_later(billed: Bench) -> None:
    billed.control(tags="inactive")
    activate(billed, "cost-cell")
    request = billed.ce.start_cost_allocation_tag_backfill(BackfillFrom="2026-11-01T00:00:00Z")["BackfillRequest"]
    assert request == {
        "BackfillFrom": "2026-11-01T00:00:00Z",
        "RequestedAt": "2026-11-23T12:00:00Z",
        "BackfillStatus": "PROCESSING",
        "LastUpdatedAt": "2026-11-23T12:00:00Z",
    }
    billed.control(now="2026-11-23T12:59:59Z")
    assert cells(billed, "2026-11-20") == {"cost-cell$"}
    billed.control(now="2026-11-23T13:00:00Z")
    assert cells(billed, "2026-11-20") == {f"cost-cell$handbook/{a}" for a in ("prompting", "rag", "shared")}
    assert cells(billed, "2026-11-20", "experiment") == {"experiment$"}
    (found,) = billed.ce.list_cost_allocation_tag_backfill_history()["BackfillRequests"]
    assert (found["BackfillStatus"], found["CompletedAt"]) == ("SUCCEEDED", "2026-11-23T13:00:00Z")


def test_a_backfill_of_an_inactive_key_takes_its_groups_away(billed: Bench) -> None:
    activate(billed, "cost-cell", status="Inactive")
    billed.ce.start_cost_allocation_tag_backfill(BackfillFrom="2026-11-01T00:00:00Z")
    billed.control(advance_hours=1)
    assert cells(billed, "2026-11-20") == {"cost-cell$"}


@pytest.mark.parametrize(
    "start", ["2026-11-02T00:00:00Z", "2025-10-01T00:00:00Z", "2026-12-01T00:00:00Z", "2026-13-01T00:00:00Z", "soon"]
)
def test_a_backfill_begins_with_one_of_the_last_months(billed: Bench, start: str) -> None:
    assert refused(billed.loose.start_cost_allocation_tag_backfill, BackfillFrom=start)[0] == "ValidationException"


def test_there_is_one_backfill_in_a_day(billed: Bench) -> None:
    billed.ce.start_cost_allocation_tag_backfill(BackfillFrom="2025-11-01T00:00:00Z")
    billed.control(advance_hours=23.99)
    code, _ = refused(billed.loose.start_cost_allocation_tag_backfill, BackfillFrom="2026-11-01T00:00:00Z")
    assert code == "BackfillLimitExceededException"
    billed.control(advance_hours=0.02)
    billed.ce.start_cost_allocation_tag_backfill(BackfillFrom="2026-11-01T00:00:00Z")
    history = billed.ce.list_cost_allocation_tag_backfill_history()["BackfillRequests"]
    assert [entry["BackfillFrom"][:7] for entry in history] == ["2026-11", "2025-11"]


def test_the_role_is_a_second_meter_of_bedrock(billed: Bench) -> None:
    by_role = cuts(ROLE, "PRODUCT_ATTRIBUTE", "model")
    assert {k[0] for k in groups(billed.ce.get_cost_and_usage(**ask(GroupBy=by_role)))} == {f"{ROLE}$"}
    billed.control(tags={ROLE: "active"})
    found = groups(billed.ce.get_cost_and_usage(**ask(GroupBy=by_role)))
    profiles = groups(billed.ce.get_cost_and_usage(**ask(GroupBy=cuts("cost-cell", "PRODUCT_ATTRIBUTE", "model"))))
    assert {(k.removeprefix("iamPrincipal/"), m): usd for (k, m), usd in found.items()} == profiles
    whole = groups(billed.ce.get_cost_and_usage(**ask(GroupBy=cuts(ROLE, "DIMENSION", "SERVICE"))))
    assert (f"{ROLE}$", "AWS Lambda") in whole


def test_a_member_account_has_no_tags_to_manage(billed: Bench) -> None:
    billed.control(role="member")
    entries = [{"TagKey": "cost-cell", "Status": "Active"}]
    for operation, request in (
        ("list_cost_allocation_tags", {}),
        ("update_cost_allocation_tags_status", {"CostAllocationTagsStatus": entries}),
        ("start_cost_allocation_tag_backfill", {"BackfillFrom": "2026-11-01T00:00:00Z"}),
        ("list_cost_allocation_tag_backfill_history", {}),
    ):
        code, message = refused(getattr(billed.loose, operation), **request)
        assert code == "AccessDeniedException"
        assert "Linked account doesn't have access to cost allocation tags" in message
    assert cells(billed, "2026-11-20")


def test_updates_are_one_to_twenty_different_keys(billed: Bench) -> None:
    for keys in ([], ["a", "a"], [f"k{n}" for n in range(21)]):
        entries = [{"TagKey": key, "Status": "Active"} for key in keys]
        code, _ = refused(billed.loose.update_cost_allocation_tags_status, CostAllocationTagsStatus=entries)
        assert code == "ValidationException"
    assert activate(billed, "cost-cell") == []
    assert "LastUpdatedDate" not in listed(billed)["cost-cell"]


def test_states_outlive_the_process(billed: Bench) -> None:
    billed.control(tags="inactive")
    activate(billed, "cost-cell")
    billed.restart()
    found = listed(billed)
    assert (found["cost-cell"]["Status"], found["experiment"]["Status"]) == ("Active", "Inactive")


def test_the_products_own_commands_work(billed: Bench) -> None:
    billed.control(tags="inactive")
    assert {a.key: a.done for a in tag_commands.activate(billed.ce)} == dict.fromkeys((*RESOURCE_TAGS, ROLE), True)
    assert all(a.text == "already active" for a in tag_commands.activate(billed.ce))
    assert tag_commands.backfills(billed.ce) == []


def test_tag_keys_and_values_of_a_period(billed: Bench) -> None:
    period = ask()["TimePeriod"]
    assert billed.ce.get_tags(TimePeriod=period)["Tags"] == sorted(RESOURCE_TAGS)
    found = billed.ce.get_tags(TimePeriod=period, TagKey="cost-cell")
    assert (found["Tags"], found["TotalSize"]) == (
        ["handbook/prompting", "handbook/rag", "handbook/shared"],
        3,
    )
    assert billed.ce.get_tags(TimePeriod=period, TagKey="cost-cell", SearchString="RAG")["Tags"] == ["handbook/rag"]
    by_cost = {"SortBy": [{"Key": "UnblendedCost", "SortOrder": "DESCENDING"}], "MaxResults": 2}
    assert billed.ce.get_tags(TimePeriod=period, TagKey="approach", **by_cost)["Tags"] == ["rag", "shared"]
    assert billed.ce.get_tags(TimePeriod={"Start": "2026-11-01", "End": "2026-11-20"})["Tags"] == []
    nova = {"ProductAttributes": {"Key": "model", "Values": ["Titan Text Embeddings V2"]}}
    assert refused(billed.loose.get_tags, TimePeriod=period, Filter=nova)[0] == "ValidationException"
    service = {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon Bedrock"]}}
    both = {"And": [nova, service]}
    assert billed.ce.get_tags(TimePeriod=period, TagKey="approach", Filter=both)["Tags"] == ["rag"]


def test_dimension_values(billed: Bench) -> None:
    period = ask()["TimePeriod"]

    def values(dimension: str, **more: Any) -> list[str]:
        answer = billed.ce.get_dimension_values(TimePeriod=period, Dimension=dimension, **more)
        assert answer["ReturnSize"] == len(answer["DimensionValues"])
        return [entry["Value"] for entry in answer["DimensionValues"]]

    assert values("RECORD_TYPE") == ["Usage"]
    assert values("AZ") == []
    assert "USE1-SearchOCU" in values("USAGE_TYPE")
    assert values("SERVICE", SearchString="bedrock") == [
        "Amazon Bedrock",
        "Claude Haiku 5.5 (Amazon Bedrock Edition)",
    ]
    assert values("PRODUCT_ATTRIBUTE") == ["feature", "inferenceType", "model", "provider"]
    assert values("PRODUCT_ATTRIBUTE", DimensionKey="model") == [
        "Claude Haiku 5.5",
        "Nova Micro",
        "Titan Text Embeddings V2",
    ]
    assert values("PRODUCT_ATTRIBUTE", DimensionKey="Model") == [""]
    for request in (
        {"Dimension": "SERVICE_CODE"},
        {"Dimension": "SERVICE", "DimensionKey": "model"},
        {"Dimension": "PRODUCT_ATTRIBUTE", "SortBy": [{"Key": "UnblendedCost"}]},
        {"Dimension": "SERVICE", "SortBy": [{"Key": "Cost"}]},
        {"Dimension": "SERVICE", "SortBy": [{"Key": "UnblendedCost"}], "SearchString": "a"},
        {"Dimension": "SERVICE", "SortBy": [{"Key": "UnblendedCost"}], "MaxResults": 1001},
        {"Dimension": "SERVICE", "Context": "RESERVATIONS"},
    ):
        assert refused(billed.loose.get_dimension_values, TimePeriod=period, **request)[0] == "ValidationException"
    assert Decimal(billed.control()["requests"]) == 7
