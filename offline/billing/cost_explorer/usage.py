"""GetCostAndUsage: the bill by day or month, and by up to two keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from offline.billing import pages
from offline.billing.bill import dates
from offline.billing.bill.account import Account
from offline.billing.bill.line import Line
from offline.billing.cost_explorer.dimensions import CARRIED, GROUPED, value_of
from offline.billing.cost_explorer.filters import compiled
from offline.billing.cost_explorer.requests import (
    METRICS,
    Period,
    check_history,
    check_products,
    check_view,
    metric,
    period_of,
    selected_lines,
)
from offline.common.wire import invalid

HOURLY_DAYS = 14
Groups = Sequence[Mapping[str, str]]


def cost_and_usage(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to a request that has the right shape.

    Raises:
        AwsError: as Cost Explorer refuses it.
    """
    groups = _groups(request)
    metrics = _metrics(request)
    check_view(request, account)
    _check_granularity(request)
    period = period_of(request)
    check_history(period, account)
    condition = compiled(request.get("Filter"), by_product=_by_product(groups), account=account.id)
    check_products(condition, period)
    lines = selected_lines(account, period, condition)
    periods = period.days() if request["Granularity"] == "DAILY" else period.months()
    items = [item for part in periods for item in _items(part, lines, groups, account)]
    page, token = pages.page_of(items, request, size=account.setting("page_size"), stamp=account.stamp)
    answer: dict[str, Any] = {"ResultsByTime": _results(page, metrics, grouped=bool(groups), account=account)}
    if groups:
        answer["GroupDefinitions"] = [dict(group) for group in groups]
    return {**answer, "DimensionValueAttributes": [], **token}


Item = tuple[Period, tuple[str, ...] | None, list[Line]]
"""A group of a period with its lines; the keys are None for a period that is not grouped, or is empty."""


def _items(period: Period, lines: Sequence[Line], groups: Groups, account: Account) -> list[Item]:
    selected = [line for line in lines if period.start <= line.day < period.end]
    if not groups:
        return [(period, None, selected)]
    groups_of_lines: dict[tuple[str, ...], list[Line]] = {}
    for line in selected:
        groups_of_lines.setdefault(tuple(_key(group, line, account) for group in groups), []).append(line)
    return [(period, keys, groups_of_lines[keys]) for keys in sorted(groups_of_lines)] or [(period, None, [])]


def _results(page: Sequence[Item], metrics: Sequence[str], *, grouped: bool, account: Account) -> list[dict[str, Any]]:
    """Return the items of a page by period; the groups of a period may go on on the next page."""
    results: dict[Period, dict[str, Any]] = {}
    for period, keys, lines in page:
        if period not in results:
            results[period] = {
                "TimePeriod": period.plain(),
                "Total": {},
                "Groups": [],
                "Estimated": not dates.is_closed(period.start, account.now()),
            }
        values = {name: metric(name, lines) for name in metrics}
        if not grouped:
            results[period]["Total"] = values
        elif keys is not None:
            results[period]["Groups"].append({"Keys": list(keys), "Metrics": values})
    return list(results.values())


def _key(group: Mapping[str, str], line: Line, account: Account) -> str:
    key = group["Key"]
    if group["Type"] == "TAG":
        return f"{key}${line.tags.get(key, '')}"
    if group["Type"] == "PRODUCT_ATTRIBUTE":
        return f"{key}${(line.attributes or {}).get(key, '')}"
    return value_of(line, key, account.id)


def _by_product(groups: Groups) -> bool:
    return any(group["Type"] == "PRODUCT_ATTRIBUTE" for group in groups)


def _groups(request: Mapping[str, Any]) -> Groups:
    groups: Groups = request.get("GroupBy") or ()
    if len(groups) > 2:
        raise invalid(f"Number of GroupDefinitions {len(groups)} is over the limit of 2")
    for group in groups:
        kind, key = group.get("Type"), group.get("Key")
        if not kind or not key:
            raise invalid("Group Definition needs a Type and a Key")
        if kind == "COST_CATEGORY":
            raise invalid(f"Cost category {key!r} does not exist in this account")
        if kind == "DIMENSION" and key not in GROUPED:
            raise invalid(f"Group Definition dimension is invalid. Valid values are {', '.join(GROUPED)}")
        if kind == "DIMENSION" and key not in CARRIED:
            raise invalid(f"the bill of the embedded AWS has no values of {key}; group by another dimension")
    return groups


def _metrics(request: Mapping[str, Any]) -> list[str]:
    metrics = list(dict.fromkeys(request["Metrics"]))
    wrong = [name for name in metrics if name not in METRICS]
    if wrong or not metrics:
        what = f"Metric {wrong[0]} is invalid" if wrong else "Metrics is required"
        raise invalid(f"{what}. Valid values are {', '.join(METRICS)}")
    return metrics


def _check_granularity(request: Mapping[str, Any]) -> None:
    if request["Granularity"] == "HOURLY":
        raise invalid(
            f"HOURLY granularity is not enabled for this account (it would reach back {HOURLY_DAYS} days); use DAILY"
        )
