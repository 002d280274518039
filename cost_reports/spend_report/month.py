"""The month to date, against a forecast and the budget."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from contracts.times import first_of_month
from contracts.units import MONEY, WIDE
from cost_reports.metering.charges import exact_sum, sum_by
from cost_reports.spend_report.bill import Bill
from cost_reports.spend_report.records import Forecast
from cost_reports.spend_report.report import Day, Month

LEAST_DAYS = 3
MOST_DAYS = 14
#: Our own interval holds the month's end in 8 of 10 cases, if the days are alike and independent.
INTERVAL_PERCENT = 80
#: 1,000 x the 0.9 quantile of Student's t for 2, 3, ... 13 degrees of freedom (any table of the distribution).
_T90 = (1886, 1638, 1533, 1476, 1440, 1415, 1397, 1383, 1372, 1363, 1356, 1350)


def month_of(
    days: Sequence[Day],
    bill: Bill,
    today: date,
    forecast: Forecast | None,
    budget_usd: Decimal | None,
) -> Month | None:
    """Return the month of `today`.

    None where billing has not reached it, or the window does not hold all of it so far.
    """
    period = today.isoformat()[:7]
    of_month = [d for d in days if d.day.startswith(period)]
    whole = bool(of_month) and of_month[0].day.endswith("-01") and of_month[-1].day >= today.isoformat()
    if not whole or all(d.billed_usd is None for d in of_month):
        return None
    to_date = exact_sum(d.billed_usd for d in of_month if d.billed_usd is not None)
    ends: Sequence[Decimal | None] = (None, None, None)
    percent = INTERVAL_PERCENT
    if forecast is not None:
        ends = [WIDE.add(to_date, part) for part in (forecast.usd, forecast.low_usd, forecast.high_usd)]
        percent, method = forecast.interval_percent, _method_of_aws(of_month, today)
    elif len(history := _history(days, bill)) < LEAST_DAYS:
        method = f"none: whole billed days with cost so far are {len(history)}, and {LEAST_DAYS} are needed"
    else:
        left = _days_left(bill.through or period, today)
        ends = _ends(to_date, history, left)
        method = (
            f"our own: the mean of the last {len(history)} whole billed days for each of the {left} days left, with the"
            f" interval of their spread ({_no_forecast(bill)})"
        )
    middle, low, high = ends
    return Month(
        period=period,
        to_date_usd=to_date,
        forecast_usd=middle,
        forecast_low_usd=low,
        forecast_high_usd=high,
        interval_percent=percent,
        method=method,
        budget_usd=budget_usd,
    )


def _method_of_aws(days: Sequence[Day], today: date) -> str:
    """Return what AWS's forecast is made of, and the days that are in neither part of it."""
    method = "AWS: the month to date plus Cost Explorer's forecast from today on"
    unbilled = [d.day for d in days if d.state == "not yet billed" and d.day < today.isoformat()]
    if len(unbilled) > 1:
        return f"{method}; {unbilled[0]} to {unbilled[-1]}, not yet billed, are in neither"
    return f"{method}; {unbilled[0]}, not yet billed, is in neither" if unbilled else method


def _history(days: Sequence[Day], bill: Bill) -> list[Decimal]:
    """Return billed usage of each of the last days that are billed, since the first on which anything cost."""
    sums = sum_by(bill.usage, lambda row: row.day)
    whole = [sums.get(d.day, Decimal(0)) for d in days if d.billed_usd is not None]
    first = next((n for n, amount in enumerate(whole) if amount), len(whole))
    return whole[first:][-MOST_DAYS:]


def _days_left(through: str, today: date) -> int:
    """Return the days of the month of `today` that come after the last billed day."""
    first = today.replace(day=1)
    last = first_of_month(today, 1) - timedelta(days=1)
    return max(0, (last - max(date.fromisoformat(through), first - timedelta(days=1))).days)


def _ends(to_date: Decimal, history: Sequence[Decimal], left: int) -> list[Decimal]:
    """Return (forecast, low, high) of the month's end, never below what is billed already.

    The prediction interval of a sum of `left` independent, equal days: mean x left ± t x s x sqrt(left + left² / n).
    """
    n = Decimal(len(history))
    mean = WIDE.divide(exact_sum(history), n)
    variance = WIDE.divide(exact_sum(WIDE.power(WIDE.subtract(v, mean), 2) for v in history), n - 1)
    spread = WIDE.sqrt(WIDE.multiply(variance, WIDE.add(Decimal(left), WIDE.divide(Decimal(left * left), n))))
    middle = WIDE.add(to_date, WIDE.multiply(mean, Decimal(left)))
    half = WIDE.multiply(Decimal(_T90[len(history) - LEAST_DAYS]).scaleb(-3), spread)
    low = max(WIDE.subtract(middle, half), min(to_date, middle))
    return [WIDE.quantize(v, MONEY) for v in (middle, low, WIDE.add(middle, half))]


def _no_forecast(bill: Bill) -> str:
    """Return why there is no forecast of AWS."""
    if "forecast" in bill.refused:
        return "AWS gave no forecast"
    if bill.base == "whole":
        return "exports hold no forecast"
    return "AWS was not asked for a forecast: the role tag is active, and the bill by it took the place of that request"
