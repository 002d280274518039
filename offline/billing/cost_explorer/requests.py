"""The members that Cost Explorer's operations share: periods, metrics, billing views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from contracts import times
from contracts.units import exact_total, to_decimal
from cost_reports.cost_explorer.requests import PRODUCT_ATTRIBUTES_SINCE
from cost_reports.metering.charges import exact_sum
from cost_reports.prices.bill_names import CE_PRECISION
from offline.billing.bill import dates
from offline.billing.bill.account import Account
from offline.billing.bill.line import Line
from offline.billing.cost_explorer.filters import Filter
from offline.billing.errors import data_unavailable, not_found
from offline.common.wire import invalid

COSTS = ("AmortizedCost", "BlendedCost", "NetAmortizedCost", "NetUnblendedCost", "UnblendedCost")
QUANTITIES = ("NormalizedUsageAmount", "UsageQuantity")
METRICS = (*COSTS, *QUANTITIES)
#: Months before the current one that Cost Explorer keeps.
HISTORY_MONTHS = 13
CURRENCY = "USD"
NO_UNIT = "N/A"


@dataclass(frozen=True, slots=True)
class Period:
    """UTC days, `end` exclusive."""

    start: date
    end: date

    def plain(self) -> dict[str, str]:
        return {"Start": self.start.isoformat(), "End": self.end.isoformat()}

    def days(self) -> list[Period]:
        count = (self.end - self.start).days
        return [Period(self.start + timedelta(days=n), self.start + timedelta(days=n + 1)) for n in range(count)]

    def months(self) -> list[Period]:
        """Return the period by calendar months; the first and the last may be parts of one."""
        parts, start = [], self.start
        while start < self.end:
            end = min(times.first_of_month(start, 1), self.end)
            parts.append(Period(start, end))
            start = end
        return parts


def period_of(request: Mapping[str, Any]) -> Period:
    """Return the `TimePeriod` of a request.

    Raises:
        AwsError: a date is malformed, or the end does not follow the start.
    """
    days = []
    for name in ("Start", "End"):
        text = request["TimePeriod"][name]
        try:
            days.append(date.fromisoformat(text))
        except ValueError as error:
            raise invalid(f"{name} date {text} is invalid. Valid format is: yyyy-MM-dd") from error
    if days[0] >= days[1]:
        raise invalid("Start date (and hour) should be before end date (and hour)")
    if days[1].year > dates.LAST_YEAR:
        raise invalid(f"End date {days[1]} is after {dates.LAST_YEAR}, the last year of this account")
    return Period(*days)


def check_history(period: Period, account: Account) -> None:
    """Refuse periods beyond the months that are kept and the end of the current one.

    Raises:
        AwsError: the period begins before or after that, or ends after it.
    """
    # Callers follow their own clock or the bill's, and either may be the later one.
    today = max(account.now(), account.real_now()).date()
    if period.start < times.first_of_month(account.now().date(), -HISTORY_MONTHS):
        raise invalid("You haven't enabled historical data beyond 14 months")
    if period.start > today:
        raise invalid(f"Start date {period.start} is after the current date {today}")
    if period.end > times.first_of_month(today, 1):
        raise invalid("end date past the beginning of next month")


def check_products(condition: Filter, period: Period) -> None:
    """Refuse product attributes before their first day."""
    if condition.products and period.start < PRODUCT_ATTRIBUTES_SINCE:
        raise data_unavailable(f"Product attributes are available from {PRODUCT_ATTRIBUTES_SINCE} on.")


def check_view(request: Mapping[str, Any], account: Account) -> None:
    arn = request.get("BillingViewArn")
    if arn is not None and arn != f"arn:aws:billing::{account.id}:billingview/primary":
        raise not_found(f"Billing view {arn} was not found.")


def selected_lines(account: Account, period: Period, condition: Filter) -> list[Line]:
    """Return the lines of the bill that a request asks for; with product attributes, of services that have them."""
    return [
        line
        for line in account.shown()
        if period.start <= line.day < period.end
        and (line.attributes is not None or not condition.products)
        and condition.matches(line)
    ]


def metric(name: str, lines: Iterable[Line]) -> dict[str, str]:
    """Return the sum of a metric, rounded half-even to 10 decimals.

    Every cost metric is the same: this bill knows neither reservations nor discounts. Quantities in several units are
    added, too, without a unit.
    """
    lines = list(lines)
    if name in COSTS:
        return {"Amount": text(Fraction(exact_sum(line.usd for line in lines))), "Unit": CURRENCY}
    if name == "NormalizedUsageAmount":
        return {"Amount": "0", "Unit": NO_UNIT}
    units = {line.unit or NO_UNIT for line in lines}
    unit = units.pop() if len(units) == 1 else NO_UNIT
    return {"Amount": text(exact_total(line.quantity for line in lines)), "Unit": unit}


def text(amount: Fraction) -> str:
    """Return decimal text with up to 10 decimals."""
    digits = format(to_decimal(amount, CE_PRECISION), "f")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if Decimal(digits) == 0 else digits
