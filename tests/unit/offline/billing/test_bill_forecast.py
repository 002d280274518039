"""GetCostForecast: the mean of complete days, its interval, and refusals for lack of history."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from statistics import NormalDist, stdev
from typing import Any

import pytest
from bill_bench import Bench, refused

COSTS = [Decimal(n % 3 + 1) for n in range(20)]
FIRST = date(2026, 10, 29)
#: The days 2026-10-29 to 2026-11-17 are complete at noon of 2026-11-20.
LAST = date(2026, 11, 17)


@pytest.fixture
def history(bench: Bench) -> Bench:
    days = [(FIRST + timedelta(days=n)).isoformat() for n in range(20)]
    rows = [
        {"day": day, "service": "AWS Lambda", "usd": str(usd), "tags": {"cost-cell": "e/rag"}}
        for day, usd in zip(days, COSTS, strict=True)
    ]
    later = {"day": "2026-11-18", "service": "AWS Lambda", "usd": "1000"}
    bench.control(rows=[*rows, later])
    return bench


def ask(start: str = "2026-11-20", end: str = "2026-12-01", **more: Any) -> dict[str, Any]:
    period = {"TimePeriod": {"Start": start, "End": end}}
    return {**period, "Granularity": "DAILY", "Metric": "UNBLENDED_COST", **more}


def test_mean_and_interval_of_complete_days(history: Bench) -> None:
    assert FIRST + timedelta(days=len(COSTS) - 1) == LAST
    answer = history.ce.get_cost_forecast(**ask(PredictionIntervalLevel=90))
    mean = sum(COSTS) / len(COSTS)
    assert answer["Total"] == {"Amount": str(mean * 11), "Unit": "USD"}
    days = answer["ForecastResultsByTime"]
    assert [d["TimePeriod"]["Start"] for d in days] == [f"2026-11-{n}" for n in range(20, 31)]
    width = NormalDist().inv_cdf(0.95) * stdev(float(usd) for usd in COSTS)
    assert {d["MeanValue"] for d in days} == {str(mean)}
    assert float(days[0]["PredictionIntervalUpperBound"]) == pytest.approx(float(mean) + width)
    assert float(days[0]["PredictionIntervalLowerBound"]) == pytest.approx(max(float(mean) - width, 0))


def test_months_and_filters(history: Bench) -> None:
    own = {"Tags": {"Key": "cost-cell", "Values": ["e/rag"]}}
    answer = history.ce.get_cost_forecast(**{**ask("2026-11-20", "2027-01-01"), "Granularity": "MONTHLY"}, Filter=own)
    found = {d["TimePeriod"]["Start"]: Decimal(d["MeanValue"]) for d in answer["ForecastResultsByTime"]}
    mean = sum(COSTS) / len(COSTS)
    assert found == {"2026-11-20": mean * 11, "2026-12-01": mean * 31}


def test_too_little_history_is_no_zero(history: Bench) -> None:
    unused = {"Tags": {"Key": "cost-cell", "Values": ["unused/rag"]}}
    code, message = refused(history.loose.get_cost_forecast, **ask(Filter=unused))
    assert code == "DataUnavailableException"
    assert message == "Insufficient amount of historical data to generate forecast"
    history.control(now="2026-11-13T23:59:59Z")
    assert refused(history.loose.get_cost_forecast, **ask("2026-11-20"))[0] == "DataUnavailableException"
    history.control(now="2026-11-14T00:00:00Z")
    assert history.ce.get_cost_forecast(**ask("2026-11-20"))["Total"]["Unit"] == "USD"


def test_the_callers_today_counts_where_the_bill_was_put_forward(history: Bench) -> None:
    history.control(advance_hours=72)
    assert history.ce.get_cost_forecast(**ask("2026-11-20"))["ForecastResultsByTime"]
    assert refused(history.loose.get_cost_forecast, **ask("2026-11-19"))[0] == "ValidationException"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (ask("2026-11-19"), "must not be before the current date 2026-11-20"),
        (ask("2026-11-21", "2026-11-21"), "should be before end date"),
        (ask(end="2027-03-01"), "at most 3 months"),
        (ask("9999-11-24", "9999-12-01"), "is after 2199"),
        ({**ask(end="2028-07-01"), "Granularity": "MONTHLY"}, "at most 18 months"),
        ({**ask(), "Granularity": "HOURLY"}, "only DAILY and MONTHLY"),
        (ask(Metric="USAGE_QUANTITY"), "Metric USAGE_QUANTITY is invalid"),
        (ask(PredictionIntervalLevel=100), "less than or equal to 99"),
        (ask(PredictionIntervalLevel=50), "valid min value: 51"),
        (ask(Filter={"ProductAttributes": {"Key": "model", "Values": ["x"]}}), "does not support ProductAttributes"),
    ],
)
def test_refusals(history: Bench, changes: dict[str, Any], message: str) -> None:
    code, said = refused(history.loose.get_cost_forecast, **changes)
    assert code == "ValidationException"
    assert message in said
