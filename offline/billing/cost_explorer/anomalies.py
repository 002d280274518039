"""Cost Anomaly Detection's monitors and subscriptions: kept, listed, tagged, deleted. They detect nothing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from contracts import times
from offline.billing import pages
from offline.billing.bill.account import Account
from offline.billing.cost_explorer.filters import compiled
from offline.billing.errors import not_found
from offline.billing.resource_tags import ResourceTags, tags_of
from offline.billing.state import Kind
from offline.common.wire import AwsError, invalid

PAGE = 100
MEMBER = "Monitors of linked accounts, tags and cost categories can be created in the management account only"


class Anomalies:
    """The operations of Cost Explorer on monitors and subscriptions."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._store = account.store
        self.tags = ResourceTags(account.store, self._tagged)

    def create_monitor(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Create a monitor.

        Raises:
            AwsError: Cost Explorer does not take such a monitor.
        """
        monitor = request["AnomalyMonitor"]
        if self._account.setting("role") == "member" and monitor.get("MonitorDimension") != "SERVICE":
            raise invalid(MEMBER)
        if monitor["MonitorType"] == "CUSTOM":
            if "MonitorSpecification" not in monitor or "MonitorDimension" in monitor:
                raise invalid("A CUSTOM monitor needs a MonitorSpecification and takes no MonitorDimension")
            compiled(monitor["MonitorSpecification"], account=self._account.id)
        elif "MonitorDimension" not in monitor:
            raise invalid("A DIMENSIONAL monitor needs a MonitorDimension")
        now = times.stamp(self._account.now())
        arn = self._keep("monitor", monitor, "Monitor", request, CreationDate=now, LastUpdatedDate=now)
        return {"MonitorArn": arn}

    def get_monitors(self, request: Mapping[str, Any]) -> dict[str, Any]:
        monitors = self._listed("monitor", request.get("MonitorArnList"))
        page, token = self._page(monitors, request)
        return {"AnomalyMonitors": page, **token}

    def update_monitor(self, request: Mapping[str, Any]) -> dict[str, Any]:
        arn = request["MonitorArn"]
        document = self._found("monitor", arn)
        if "MonitorName" in request:
            document["entry"]["MonitorName"] = request["MonitorName"]
        document["entry"]["LastUpdatedDate"] = times.stamp(self._account.now())
        self._store.put("monitor", {arn: document})
        return {"MonitorArn": arn}

    def delete_monitor(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._found("monitor", request["MonitorArn"])
        self._store.delete("monitor", request["MonitorArn"])
        return {}

    def create_subscription(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Create a subscription.

        Raises:
            AwsError: Cost Explorer does not take it, or a monitor does not exist.
        """
        subscription = request["AnomalySubscription"]
        self._check_subscription(subscription)
        return {"SubscriptionArn": self._keep("subscription", subscription, "Subscription", request)}

    def get_subscriptions(self, request: Mapping[str, Any]) -> dict[str, Any]:
        monitor = request.get("MonitorArn")
        subscriptions = [
            entry
            for entry in self._listed("subscription", request.get("SubscriptionArnList"))
            if monitor is None or monitor in entry["MonitorArnList"]
        ]
        page, token = self._page(subscriptions, request)
        return {"AnomalySubscriptions": page, **token}

    def update_subscription(self, request: Mapping[str, Any]) -> dict[str, Any]:
        arn = request["SubscriptionArn"]
        document = self._found("subscription", arn)
        changes = {name: value for name, value in request.items() if name != "SubscriptionArn"}
        if "Threshold" in changes or "ThresholdExpression" in changes:
            document["entry"] = {k: v for k, v in document["entry"].items() if not k.startswith("Threshold")}
        document["entry"].update(changes)
        self._check_subscription(document["entry"])
        self._store.put("subscription", {arn: document})
        return {"SubscriptionArn": arn}

    def delete_subscription(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._found("subscription", request["SubscriptionArn"])
        self._store.delete("subscription", request["SubscriptionArn"])
        return {}

    # -- what they share

    def _check_subscription(self, subscription: Mapping[str, Any]) -> None:
        for arn in subscription["MonitorArnList"]:
            self._found("monitor", arn)
        if ("Threshold" in subscription) == ("ThresholdExpression" in subscription):
            raise invalid("A subscription needs either a Threshold or a ThresholdExpression")
        kinds = {subscriber.get("Type") for subscriber in subscription["Subscribers"]}
        if "SNS" in kinds and subscription["Frequency"] != "IMMEDIATE":
            raise invalid("Subscribers of type SNS need the frequency IMMEDIATE")
        if "EMAIL" in kinds and subscription["Frequency"] == "IMMEDIATE":
            raise invalid("Subscribers of type EMAIL need the frequency DAILY or WEEKLY")

    def _keep(self, kind: Kind, given: Mapping[str, Any], name: str, request: Mapping[str, Any], **more: Any) -> str:
        arn = f"arn:aws:ce::{self._account.id}:anomaly{kind}/{uuid.uuid4()}"
        entry = {**given, f"{name}Arn": arn, **more}
        if kind == "subscription":
            entry["AccountId"] = self._account.id
        self._store.put(kind, {arn: {"entry": entry, "tags": tags_of(request)}})
        return arn

    def _listed(self, kind: Kind, arns: list[str] | None) -> list[dict[str, Any]]:
        if arns is not None:
            return [self._found(kind, arn)["entry"] for arn in arns]
        return [document["entry"] for document in self._store.all(kind).values()]

    def _found(self, kind: Kind, arn: str) -> dict[str, Any]:
        document: dict[str, Any] | None = self._store.get(kind, arn)
        if document is None:
            raise AwsError(f"Unknown{kind.capitalize()}Exception", f"The {kind} {arn} does not exist.")
        return document

    def _tagged(self, arn: str) -> tuple[Kind, dict[str, Any]]:
        kinds: tuple[Kind, ...] = ("monitor", "subscription")
        for kind in kinds:
            document: dict[str, Any] | None = self._store.get(kind, arn)
            if document is not None:
                return kind, document
        raise not_found(f"The resource {arn} does not exist.", ResourceName=arn)

    def _page(self, entries: list[Any], request: Mapping[str, Any]) -> tuple[list[Any], dict[str, str]]:
        return pages.page_of(entries, request, size=request.get("MaxResults", PAGE))
