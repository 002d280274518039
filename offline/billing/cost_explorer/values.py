"""GetTags and GetDimensionValues: the values to filter and group by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from offline.billing import pages
from offline.billing.bill import bedrock_names
from offline.billing.bill.account import Account
from offline.billing.bill.line import Line
from offline.billing.cost_explorer.dimensions import CARRIED, FILTERED, value_of
from offline.billing.cost_explorer.filters import Filter, compiled
from offline.billing.cost_explorer.requests import (
    METRICS,
    check_history,
    check_products,
    check_view,
    metric,
    period_of,
    selected_lines,
)
from offline.common.wire import invalid

#: Values of a page; MaxResults counts only together with SortBy.
PAGE, MOST = 1000, 1000


def tags(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer GetTags: the active keys that lines of a period carry, or the values of one key.

    Raises:
        AwsError: as Cost Explorer refuses it.
    """
    lines = _lines(account, request, products=False)
    key = request.get("TagKey")
    if key is None:
        groups = _grouped(lines, lambda line: sorted(line.tags))
    else:
        groups = _grouped(lines, lambda line: [line.tags.get(key, "")])
    answer, token = _page(account, request, groups)
    return {"Tags": answer, "ReturnSize": len(answer), "TotalSize": len(groups), **token}


def dimension_values(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer GetDimensionValues in the context COST_AND_USAGE.

    Raises:
        AwsError: as Cost Explorer refuses it.
    """
    name, key = request["Dimension"], request.get("DimensionKey") or None
    if request.get("Context", "COST_AND_USAGE") != "COST_AND_USAGE":
        raise invalid("the embedded AWS has neither reservations nor savings plans: use the context COST_AND_USAGE")
    if name == "PRODUCT_ATTRIBUTE":
        if key is None and request.get("SortBy"):
            raise invalid("SortBy needs a DimensionKey for the dimension PRODUCT_ATTRIBUTE")
        values = _attributes(key)
    elif name not in FILTERED:
        raise invalid(f"Dimension {name} is not allowed.")
    elif key is not None:
        raise invalid("DimensionKey can be used only with the dimension PRODUCT_ATTRIBUTE")
    else:

        def values(line: Line) -> Sequence[str]:
            return [value_of(line, name, account.id)] if name in CARRIED else ()

    groups = _grouped(_lines(account, request, products=name == "PRODUCT_ATTRIBUTE"), values)
    answer, token = _page(account, request, groups)
    listed = [{"Value": value, "Attributes": {}} for value in answer]
    return {"DimensionValues": listed, "ReturnSize": len(listed), "TotalSize": len(groups), **token}


def _attributes(key: str | None) -> Callable[[Line], Sequence[str]]:
    """Return how to read a product attribute's values, or with None the keys, of a line."""

    def values(line: Line) -> Sequence[str]:
        attributes = line.attributes or {}
        return [name for name in bedrock_names.KEYS if name in attributes] if key is None else [attributes.get(key, "")]

    return values


def _lines(account: Account, request: Mapping[str, Any], *, products: bool) -> list[Line]:
    check_view(request, account)
    period = period_of(request)
    check_history(period, account)
    filter_ = compiled(request.get("Filter"), account=account.id)
    if filter_.products and not filter_.services:
        raise invalid("A filter by ProductAttributes needs a SERVICE filter here")
    condition = Filter(matches=filter_.matches, products=filter_.products or products, services=filter_.services)
    check_products(condition, period)
    return selected_lines(account, period, condition)


def _grouped(lines: Sequence[Line], values: Callable[[Line], Sequence[str]]) -> dict[str, list[Line]]:
    groups: dict[str, list[Line]] = {}
    for line in lines:
        for value in values(line):
            groups.setdefault(value, []).append(line)
    return dict(sorted(groups.items()))


def _page(
    account: Account, request: Mapping[str, Any], groups: dict[str, list[Line]]
) -> tuple[list[str], dict[str, str]]:
    """Return one page of values and its token; with SortBy there is one page only."""
    sort = request.get("SortBy") or ()
    search = request.get("SearchString")
    if not sort:
        matching = [value for value in groups if search is None or search.lower() in value.lower()]
        return pages.page_of(matching, request, size=PAGE, stamp=account.stamp)
    if search is not None or "NextPageToken" in request:
        raise invalid("SortBy supports neither SearchString nor NextPageToken")
    key = sort[0]["Key"]
    if len(sort) > 1 or key not in METRICS:
        raise invalid(f"SortBy takes one of {', '.join(METRICS)}")
    size = request.get("MaxResults", MOST)
    if size > MOST:
        raise invalid(f"MaxResults {size} is over the limit of {MOST}")
    down = sort[0].get("SortOrder", "DESCENDING") == "DESCENDING"
    ordered = sorted(groups, key=lambda value: Fraction(metric(key, groups[value])["Amount"]), reverse=down)
    return ordered[:size], {}
