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
    """The month of `today`; null where billing has not reached it, or the window does not hold all of it so far."""
    period = today.isoformat()[:7]
    own = [d for d in days if d.day.startswith(period)]
    whole = bool(own) and own[0].day.endswith("-01") and own[-1].day >= today.isoformat()
    if not whole or all(d.billed_usd is None for d in own):
        return None
    to_date = exact_sum(d.billed_usd for d in own if d.billed_usd is not None)
    if forecast is not None:
        method = "AWS: the month to date plus Cost Explorer's forecast from today on"
        unbilled = [d.day for d in own if d.state == "not yet billed" and d.day < today.isoformat()]
        if unbilled:
            several = f"{unbilled[0]} to {unbilled[-1]}, not yet billed, are in neither"
            method += f"; {several}" if len(unbilled) > 1 else f"; {unbilled[0]}, not yet billed, is in neither"
        ends = [WIDE.add(to_date, part) for part in (forecast.usd, forecast.low_usd, forecast.high_usd)]
        return _month(period, to_date, ends, forecast.interval_percent, method, budget_usd)
    history = _history(days, bill)
    if len(history) < LEAST_DAYS:
        method = f"none: whole billed days with cost so far are {len(history)}, and {LEAST_DAYS} are needed"
        return _month(period, to_date, [], INTERVAL_PERCENT, method, budget_usd)
    left = _days_left(bill.through or period, today)
    method = (
        f"our own: the mean of the last {len(history)} whole billed days for each of the {left} days left, with the"
        f" interval of their spread ({_no_forecast(bill)})"
    )
    return _month(period, to_date, _ends(to_date, history, left), INTERVAL_PERCENT, method, budget_usd)


def _history(days: Sequence[Day], bill: Bill) -> list[Decimal]:
    """Billed usage of each of the last days that are billed, since the first on which anything cost."""
    sums = sum_by(bill.usage, lambda row: row.day)
    whole = [sums.get(d.day, Decimal(0)) for d in days if d.billed_usd is not None]
    first = next((n for n, amount in enumerate(whole) if amount), len(whole))
    return whole[first:][-MOST_DAYS:]


def _days_left(through: str, today: date) -> int:
    """Days of the month of `today` that come after the last billed day."""
    first = today.replace(day=1)
    last = first_of_month(today, 1) - timedelta(days=1)
    return max(0, (last - max(date.fromisoformat(through), first - timedelta(days=1))).days)


def _ends(to_date: Decimal, history: Sequence[Decimal], left: int) -> list[Decimal]:
    """(forecast, low, high) of the month's end: the prediction interval of a sum of `left` independent, equal days,
    mean x left ± t x s x sqrt(left + left² / n). Never below what is billed already.
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
    """Why there is none of AWS."""
    if "forecast" in bill.refused:
        return "AWS gave no forecast"
    if bill.base == "whole":
        return "exports hold no forecast"
    return "AWS was not asked for a forecast: the role tag is active, and the bill by it took the place of that request"


def _month(
    period: str,
    to_date: Decimal,
    ends: Sequence[Decimal],
    percent: int,
    method: str,
    budget_usd: Decimal | None,
) -> Month:
    middle, low, high = ends or (None, None, None)
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
