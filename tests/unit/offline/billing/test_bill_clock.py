"""When usage shows on the bill, when a day is restated, when a month is closed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from bill_bench import Bench, ask, cuts, groups

from offline.billing.bill import dates


def cost(bench: Bench, **more: Any) -> Decimal:
    answer = bench.ce.get_cost_and_usage(**ask(**more))
    return Decimal(answer["ResultsByTime"][0]["Total"]["UnblendedCost"]["Amount"])


def services(bench: Bench) -> set[str]:
    return {k[1] for k in groups(bench.ce.get_cost_and_usage(**ask(GroupBy=cuts("cost-cell", "DIMENSION", "SERVICE"))))}


@pytest.mark.parametrize(
    ("now", "shown", "late"),
    [
        ("2026-11-20T23:59:59Z", False, False),
        ("2026-11-21T12:00:00Z", False, False),
        ("2026-11-21T23:59:59Z", False, False),
        ("2026-11-22T00:00:00Z", True, False),
        ("2026-11-22T23:59:59Z", True, False),
        ("2026-11-23T00:00:00Z", True, True),
    ],
)
def test_a_day_shows_a_day_after_its_end_and_is_whole_another_day_later(
    bench: Bench, now: str, shown: bool, late: bool
) -> None:
    bench.run()
    state = bench.control(now=now)
    assert (state["shown_through"] >= "2026-11-20", state["complete_through"] >= "2026-11-20") == (shown, late)
    found = services(bench)
    assert ("AWS Lambda" in found) is shown
    assert ("AWS Step Functions" in found) is late
    usage_types = groups(bench.ce.get_cost_and_usage(**ask(GroupBy=cuts("cost-cell", "DIMENSION", "USAGE_TYPE"))))
    assert ("cost-cell$handbook/shared", "Requests-Tier1") in usage_types or not shown
    assert (("cost-cell$handbook/shared", "TimedStorage-ByteHrs") in usage_types) is late


def test_restatements_change_lines_from_their_time_on(billed: Bench) -> None:
    before, lambdas = cost(billed), {"Dimensions": {"Key": "SERVICE", "Values": ["AWS Lambda"]}}
    was = cost(billed, Filter=lambdas)
    billed.control(
        restatements=[{"at": "2026-11-25T00:00:00Z", "factor": "1.5", "service": "AWS Lambda", "day": "2026-11-20"}]
    )
    assert cost(billed) == before
    billed.control(now="2026-11-25T00:00:00Z")
    assert cost(billed, Filter=lambdas) == pytest.approx(was * Decimal("1.5"), abs=Decimal("1e-10"))
    quantity = billed.ce.get_cost_and_usage(**ask(Filter=lambdas))["ResultsByTime"][0]["Total"]["UsageQuantity"]
    assert quantity == {"Amount": "14.25825", "Unit": "Lambda-GB-Second"}
    billed.control(restatements=[])
    assert cost(billed) == before


def test_a_credit_can_arrive_later_than_its_day(billed: Bench) -> None:
    before = cost(billed)
    credit = {"day": "2026-11-20", "service": "Amazon Bedrock", "record_type": "Credit", "usd": "-0.1"}
    billed.control(rows=[{**credit, "shown_from": "2026-11-24T06:00:00Z"}])
    assert cost(billed) == before
    billed.control(now="2026-11-24T06:00:00Z")
    assert cost(billed) == before - Decimal("0.1")


def test_a_month_is_estimated_until_it_is_closed(billed: Bench) -> None:
    for now, estimated in (("2026-12-05T23:59:59Z", True), ("2026-12-06T00:00:00Z", False)):
        billed.control(now=now)
        result = billed.ce.get_cost_and_usage(**ask("2026-11-20", "2026-12-02"))["ResultsByTime"]
        assert [r["Estimated"] for r in result] == [estimated] * 11 + [True]


def test_a_month_is_closed_on_the_sixth() -> None:
    assert dates.is_closed(date(2026, 12, 31), datetime(2027, 1, 6, tzinfo=UTC))
    assert not dates.is_closed(date(2026, 12, 31), datetime(2027, 1, 5, 23, tzinfo=UTC))
