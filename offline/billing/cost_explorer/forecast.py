"""GetCostForecast, by the simplest method with an interval.

The forecast of a day is the mean of the complete days from the first one with cost (at most 90), the interval is that
of a normal distribution with their standard deviation, not below zero. AWS uses an undocumented method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from statistics import NormalDist
from typing import Any

from contracts import times
from contracts.units import WIDE
from cost_reports.metering.charges import exact_sum
from offline.billing.bill import dates
from offline.billing.bill.account import Account
from offline.billing.cost_explorer.filters import compiled
from offline.billing.cost_explorer.requests import CURRENCY, Period, check_view, period_of, selected_lines, text
from offline.billing.errors import data_unavailable
from offline.common.wire import invalid

METRICS = ("AMORTIZED_COST", "BLENDED_COST", "NET_AMORTIZED_COST", "NET_UNBLENDED_COST", "UNBLENDED_COST")
#: Complete days with a cost history below which nothing is forecast, and those that count at most.
LEAST_DAYS, MOST_DAYS = 14, 90
DAILY_MONTHS, MONTHLY_MONTHS = 3, 18
INTERVAL_PERCENT = 80


def cost_forecast(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to a request that has the right shape.

    A forecast begins today or later. The day is that of the caller, whose clock stays behind where the bill was put
    forward.

    Raises:
        AwsError: as Cost Explorer refuses it, or there is too little history.
    """
    check_view(request, account)
    period = period_of(request)
    if request["Metric"] not in METRICS:
        raise invalid(f"Metric {request['Metric']} is invalid. Valid values are {', '.join(METRICS)}")
    today = min(account.now(), account.real_now()).date()
    if period.start < today:
        raise invalid(f"The start date {period.start} must not be before the current date {today}")
    _check_length(request["Granularity"], period)
    condition = compiled(request.get("Filter"), account=account.id)
    if condition.products:
        raise invalid("GetCostForecast does not support ProductAttributes")
    last = dates.last_complete(account.now())
    costs: dict[date, list[Decimal]] = {}
    for line in selected_lines(account, Period(date.min, last + dates.DAY), condition):
        costs.setdefault(line.day, []).append(line.usd)
    mean, spread = _mean_and_spread(costs, last)
    level = request.get("PredictionIntervalLevel", INTERVAL_PERCENT)
    width = WIDE.multiply(Decimal(str(NormalDist().inv_cdf(0.5 + level / 200))), spread)
    parts = period.days() if request["Granularity"] == "DAILY" else period.months()
    results = [_result(part, mean, width) for part in parts]
    total = Fraction(mean) * (period.end - period.start).days
    return {"Total": {"Amount": text(total), "Unit": CURRENCY}, "ForecastResultsByTime": results}


def _mean_and_spread(costs: Mapping[date, Sequence[Decimal]], last: date) -> tuple[Decimal, Decimal]:
    """Return mean and standard deviation of the days' costs; a day without any counts as zero."""
    count = 0 if not costs else min((last - min(costs)).days + 1, MOST_DAYS)
    if count < LEAST_DAYS:
        raise data_unavailable("Insufficient amount of historical data to generate forecast")
    days = [exact_sum(costs.get(last - timedelta(days=n), ())) for n in range(count)]
    mean = WIDE.divide(exact_sum(days), Decimal(count))
    squares = exact_sum(WIDE.power(WIDE.subtract(day, mean), 2) for day in days)
    return mean, WIDE.sqrt(WIDE.divide(squares, Decimal(count - 1)))


def _result(part: Period, mean: Decimal, width: Decimal) -> dict[str, Any]:
    days = Decimal((part.end - part.start).days)
    middle = WIDE.multiply(mean, days)
    # Days are independent of each other: their variances add up.
    off = WIDE.multiply(width, WIDE.sqrt(days))
    return {
        "TimePeriod": part.plain(),
        "MeanValue": text(Fraction(middle)),
        "PredictionIntervalLowerBound": text(Fraction(max(WIDE.subtract(middle, off), Decimal(0)))),
        "PredictionIntervalUpperBound": text(Fraction(WIDE.add(middle, off))),
    }


def _check_length(granularity: str, period: Period) -> None:
    if granularity == "HOURLY":
        raise invalid("GetCostForecast supports only DAILY and MONTHLY granularities")
    months = DAILY_MONTHS if granularity == "DAILY" else MONTHLY_MONTHS
    latest = times.first_of_month(period.start, months)
    if period.end > latest.replace(day=min(period.start.day, 28)) + timedelta(days=3):
        raise invalid(f"A {granularity} forecast covers at most {months} months")
