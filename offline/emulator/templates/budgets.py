"""`AWS::Budgets::Budget` over ministack's budgets service."""

from __future__ import annotations

from typing import Any

from offline.emulator.seams import Created, Properties, accepted, ministack
from offline.emulator.templates import registry


def _call(operation: str, request: dict[str, Any]) -> None:
    accepted(ministack("services.budgets")._DISPATCH[operation](request), f"AWS::Budgets::Budget: {operation}")


def request_of(properties: Properties, name: str) -> dict[str, Any]:
    """Return CreateBudget's request: amounts are text on the wire, a threshold is a number."""
    budget = dict(properties["Budget"])
    budget.setdefault("BudgetName", name)
    for limit in [budget.get("BudgetLimit"), *(budget.get("PlannedBudgetLimits") or {}).values()]:
        if limit:
            limit["Amount"] = str(limit["Amount"])
    notifications = properties.get("NotificationsWithSubscribers") or []
    for entry in notifications:
        entry["Notification"]["Threshold"] = float(entry["Notification"]["Threshold"])
    tags = registry.tags_of(properties, "ResourceTags")
    return {"Budget": budget, "NotificationsWithSubscribers": notifications, "ResourceTags": tags}


def _create(logical_id: str, properties: Properties, stack_name: str) -> Created:
    request = request_of(properties, registry.physical_name(stack_name, logical_id, longest=100))
    _call("CreateBudget", request)
    name = str(request["Budget"]["BudgetName"])
    return name, {"Id": name}


def _change(name: str, _old: Properties, new: Properties) -> dict[str, Any]:
    request = request_of(new, name)
    _call("UpdateBudget", {"NewBudget": request["Budget"]})
    budgets = ministack("services.budgets")
    budgets._tags[budgets._budget_arn(name)] = {tag["Key"]: tag["Value"] for tag in request["ResourceTags"]}
    return {"Id": name}


def _delete(name: str, _properties: Properties) -> None:
    if name in ministack("services.budgets")._budgets:
        _call("DeleteBudget", {"BudgetName": name})


def install() -> None:
    registry.register(
        "AWS::Budgets::Budget",
        create=_create,
        delete=_delete,
        change=_change,
        create_only=("NotificationsWithSubscribers",),
        tags="ResourceTags",
    )
