"""What a report asks Cost Explorer for: few requests, no day that cannot be asked for, always the same text."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cost_reports.compare.reconcile import USAGE_CATEGORIES
from cost_reports.cost_explorer.requests import ROLE_TAG, Request, plan, window_of
from cost_reports.spend_report.records import Window
from tests.unit.lambdas.spend_report.bill_pages import TODAY, WINDOW, validate

DAYS = st.dates(date(2026, 9, 1), date(2040, 12, 31))


def planned(window: Window = WINDOW, *, today: date = TODAY, role: bool = False) -> dict[str, Request]:
    found = plan(window, experiment="handbook", role_tag_active=role, today=today)
    return {request.name: request for request in found}


def asked(request: Request) -> tuple[str, str]:
    period = request.parameters["TimePeriod"]
    return period["Start"], period["End"]


@pytest.mark.parametrize(
    ("today", "start", "end"),
    [
        (date(2026, 11, 27), date(2026, 10, 1), date(2026, 11, 28)),
        (date(2026, 12, 1), date(2026, 11, 1), date(2026, 12, 2)),
        (date(2026, 12, 31), date(2026, 11, 1), date(2027, 1, 1)),
        (date(2027, 1, 1), date(2026, 12, 1), date(2027, 1, 2)),
        (date(2028, 2, 29), date(2028, 1, 1), date(2028, 3, 1)),
        (date(2028, 3, 31), date(2028, 2, 1), date(2028, 4, 1)),
    ],
)
def test_the_window_begins_with_the_previous_month_and_holds_today(today: date, start: date, end: date) -> None:
    assert window_of(today) == Window(start=start, end=end)


def test_around_midnight_the_day_is_that_of_utc() -> None:
    honolulu = timezone(timedelta(hours=-10))
    late = datetime(2026, 11, 30, 13, 59, 59, tzinfo=honolulu)
    assert window_of(late.astimezone(UTC).date()).start == date(2026, 10, 1)
    after = late + timedelta(seconds=1)
    assert window_of(after.astimezone(UTC).date()) == Window(start=date(2026, 11, 1), end=date(2026, 12, 2))


def test_five_requests_whatever_is_active() -> None:
    assert list(planned()) == ["service", "usage-type", "record-type", "model", "forecast"]
    assert list(planned(role=True)) == ["service", "usage-type", "record-type", "model", "role"]


@pytest.mark.parametrize("role", [False, True])
def test_awss_service_model_accepts_every_request(role: bool) -> None:
    for request in planned(role=role).values():
        validate(request.operation, request.parameters)


def test_usage_cuts_ask_for_usage_and_the_record_types_for_everything() -> None:
    found = planned(role=True)
    assert "Filter" not in found["record-type"].parameters
    for cut in ("service", "usage-type", "model", "role"):
        dimensions = found[cut].parameters["Filter"]["Dimensions"]
        assert (dimensions["Key"], set(dimensions["Values"])) == ("RECORD_TYPE", USAGE_CATEGORIES)


def test_no_request_filters_by_service() -> None:
    assert not any('"SERVICE","Values"' in request.canonical for request in planned(role=True).values())
    assert planned()["model"].parameters["GroupBy"][1] == {"Type": "PRODUCT_ATTRIBUTE", "Key": "model"}
    assert planned(role=True)["role"].parameters["GroupBy"][0] == {"Type": "TAG", "Key": ROLE_TAG}


def test_models_are_not_asked_for_before_cost_explorer_knows_them() -> None:
    over_the_start = planned(Window(start=date(2026, 8, 1), end=date(2026, 9, 11)), today=date(2026, 9, 10), role=True)
    assert asked(over_the_start["service"]) == ("2026-08-01", "2026-09-11")
    assert asked(over_the_start["model"]) == asked(over_the_start["role"]) == ("2026-09-01", "2026-09-11")
    before = planned(Window(start=date(2026, 7, 1), end=date(2026, 9, 1)), role=True)
    assert list(before) == ["service", "usage-type", "record-type"]


def test_days_to_come_are_not_asked_for() -> None:
    found = planned(Window(start=date(2026, 11, 1), end=date(2027, 1, 1)))
    assert asked(found["service"]) == ("2026-11-01", "2026-11-28")
    assert planned(Window(start=date(2026, 11, 28), end=date(2026, 12, 1))) == {}


@pytest.mark.parametrize(
    ("today", "end"),
    [
        (date(2026, 11, 1), "2026-12-01"),
        (date(2026, 11, 30), "2026-12-01"),
        (date(2026, 12, 31), "2027-01-01"),
        (date(2027, 1, 31), "2027-02-01"),
        (date(2028, 2, 29), "2028-03-01"),
    ],
)
def test_the_forecast_is_from_today_to_the_end_of_the_month(today: date, end: str) -> None:
    request = planned(window_of(today), today=today)["forecast"]
    assert asked(request) == (today.isoformat(), end)
    tag = request.parameters["Filter"]["And"][0]["Tags"]
    assert tag["Values"] == ["handbook/prompting", "handbook/rag", "handbook/fine-tuning", "handbook/shared"]


def test_a_window_of_the_past_has_no_forecast() -> None:
    assert "forecast" not in planned(Window(start=date(2026, 10, 1), end=TODAY))


@settings(deadline=None)
@given(DAYS, st.booleans())
def test_on_every_day_the_usual_window_can_be_asked_for(today: date, role: bool) -> None:
    found = planned(window_of(today), today=today, role=role)
    assert len(found) == 5
    for request in found.values():
        start, end = asked(request)
        assert start < end
        assert start <= today.isoformat()
        assert request.name == "forecast" or end == (today + timedelta(days=1)).isoformat()


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(list(value))}
    return [shuffled(part) for part in value] if isinstance(value, list) else value


def test_the_same_request_is_the_same_text_and_another_one_is_not() -> None:
    found = planned(role=True)
    for request in found.values():
        again = Request(
            name=request.name,
            operation=request.operation,
            parameters=shuffled(json.loads(json.dumps(request.parameters))),
        )
        assert (again.canonical, again.digest) == (request.canonical, request.digest)
    assert len({request.digest for request in found.values()}) == 5
    tomorrow = planned(window_of(TODAY + timedelta(days=1)), today=TODAY + timedelta(days=1))
    assert tomorrow["service"].digest != found["service"].digest
