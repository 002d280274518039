"""Cost Explorer without a client: what to ask it.

Groups of two keys at a time give the same money in several groupings; every row says which one it is of, and no two are
ever added. Days are UTC, ends exclusive.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from contracts.money import Cut
from contracts.times import first_of_month
from cost_reports.compare.reconcile import USAGE_CATEGORIES
from cost_reports.spend_report.records import Window

CELL_TAG = "cost-cell"
#: The same tag on the role that calls Bedrock: a second, independent meter of the same calls.
ROLE_TAG = "iamPrincipal/cost-cell"
#: Keys of the tags that every resource carries, and all that are to be activated.
RESOURCE_TAGS = ("project", "experiment", "approach", CELL_TAG, "owner")
TAG_KEYS = (*RESOURCE_TAGS, ROLE_TAG)
#: Approaches that resources are tagged with; `shared` is what all of them use.
APPROACHES = ("prompting", "rag", "fine-tuning", "shared")
#: Cost Explorer groups by product attributes from this day on; an earlier start is refused.
PRODUCT_ATTRIBUTES_SINCE = date(2026, 9, 1)
INTERVAL_PERCENT = 80
METRICS = ("UnblendedCost", "AmortizedCost", "UsageQuantity")

RequestName = Cut | Literal["forecast"]
Operation = Literal["GetCostAndUsage", "GetCostForecast"]

#: Grouping -> the tag it groups by, and type and key of the second group.
GROUPS: Mapping[Cut, tuple[str, str, str]] = {
    "service": (CELL_TAG, "DIMENSION", "SERVICE"),
    "usage-type": (CELL_TAG, "DIMENSION", "USAGE_TYPE"),
    "record-type": (CELL_TAG, "DIMENSION", "RECORD_TYPE"),
    "model": (CELL_TAG, "PRODUCT_ATTRIBUTE", "model"),
    "role": (ROLE_TAG, "PRODUCT_ATTRIBUTE", "model"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of a report (AWS charges for each of its pages). `name` is its grouping, or `forecast`."""

    name: RequestName
    operation: Operation
    parameters: Mapping[str, Any]

    @property
    def canonical(self) -> str:
        """Return operation and parameters as one text, the same for the same request."""
        return canonical({"operation": self.operation, "parameters": self.parameters})

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.canonical.encode()).hexdigest()


def canonical(value: Any) -> str:
    """Return JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def window_of(today: date) -> Window:
    """Return the usual window: AWS may still change the previous month, and today has its first estimated hours."""
    return Window(start=first_of_month(today, -1), end=today + timedelta(days=1))


def plan(window: Window, *, experiment: str, role_tag_active: bool, today: date) -> tuple[Request, ...]:
    """Return the requests that answer a report: at most five, however many experiments there are.

    Days after today are not asked for. Requests without a day left are left out: those by model before product
    attributes began, and the forecast of a window that does not hold today. Groupings of usage ask for usage alone, to
    agree with the usage by record type.
    """
    end = min(window.end, today + timedelta(days=1))
    groupings: list[Cut] = ["service", "usage-type", "record-type", "model"]
    if role_tag_active:
        groupings.append("role")
    requests = [request for grouping in groupings if (request := _grouping_request(grouping, window.start, end))]
    if not role_tag_active and window.start <= today < end:
        requests.append(_forecast_request(experiment, today))
    return tuple(requests)


def _grouping_request(grouping: Cut, start: date, end: date) -> Request | None:
    tag, kind, key = GROUPS[grouping]
    if kind == "PRODUCT_ATTRIBUTE":
        start = max(start, PRODUCT_ATTRIBUTES_SINCE)
    if end <= start:
        return None
    parameters: dict[str, Any] = {
        "TimePeriod": {"Start": start.isoformat(), "End": end.isoformat()},
        "Granularity": "DAILY",
        "Metrics": list(METRICS),
        "GroupBy": [{"Type": "TAG", "Key": tag}, {"Type": kind, "Key": key}],
    }
    if grouping != "record-type":
        parameters["Filter"] = _usage_only()
    return Request(name=grouping, operation="GetCostAndUsage", parameters=parameters)


def _forecast_request(experiment: str, today: date) -> Request:
    """Return a forecast by day: one by month may begin with the month rather than with the day that was asked for."""
    cells = [f"{experiment}/{approach}" for approach in APPROACHES]
    return Request(
        name="forecast",
        operation="GetCostForecast",
        parameters={
            "TimePeriod": {"Start": today.isoformat(), "End": first_of_month(today, 1).isoformat()},
            "Granularity": "DAILY",
            "Metric": "UNBLENDED_COST",
            "PredictionIntervalLevel": INTERVAL_PERCENT,
            "Filter": {
                "And": [{"Tags": {"Key": CELL_TAG, "Values": cells, "MatchOptions": ["EQUALS"]}}, _usage_only()]
            },
        },
    )


def _usage_only() -> dict[str, Any]:
    """Return a filter that names the record types that are usage, rather than those that are not.

    A type that AWS adds later is then told apart by record type, and cannot be counted twice.
    """
    return {"Dimensions": {"Key": "RECORD_TYPE", "Values": sorted(USAGE_CATEGORIES), "MatchOptions": ["EQUALS"]}}


def results_of(pages: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return `ResultsByTime` of all pages, in their order."""
    return [result for page in pages for result in page.get("ResultsByTime") or ()]
