"""The operations of the service `ce`, and which of them cost money."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from offline.billing.bill.account import Account
from offline.billing.cost_explorer import allocation
from offline.billing.cost_explorer.anomalies import Anomalies
from offline.billing.cost_explorer.forecast import cost_forecast
from offline.billing.cost_explorer.usage import cost_and_usage
from offline.billing.cost_explorer.values import dimension_values, tags
from offline.billing.errors import access_denied, throttled
from offline.common.request_validation import RequestValidation
from offline.common.wire import unknown_operation

Operation = Callable[[Mapping[str, Any]], dict[str, Any]]


class CostExplorer:
    """Cost Explorer of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._requests = RequestValidation("ce", constraints=True)
        anomalies = Anomalies(account)
        #: A page of one of these costs money; one that is refused does not.
        self._paid: dict[str, Operation] = {
            "GetCostAndUsage": self._asks(cost_and_usage),
            "GetCostForecast": self._asks(cost_forecast),
            "GetDimensionValues": self._asks(dimension_values),
            "GetTags": self._asks(tags),
        }
        self._free: dict[str, Operation] = {
            "ListCostAllocationTags": self._asks(allocation.list_tags),
            "UpdateCostAllocationTagsStatus": self._asks(allocation.update_tags),
            "StartCostAllocationTagBackfill": self._asks(allocation.start_backfill),
            "ListCostAllocationTagBackfillHistory": self._asks(allocation.list_backfills),
            "CreateAnomalyMonitor": anomalies.create_monitor,
            "GetAnomalyMonitors": anomalies.get_monitors,
            "UpdateAnomalyMonitor": anomalies.update_monitor,
            "DeleteAnomalyMonitor": anomalies.delete_monitor,
            "CreateAnomalySubscription": anomalies.create_subscription,
            "GetAnomalySubscriptions": anomalies.get_subscriptions,
            "UpdateAnomalySubscription": anomalies.update_subscription,
            "DeleteAnomalySubscription": anomalies.delete_subscription,
            "ListTagsForResource": anomalies.tags.list,
            "TagResource": anomalies.tags.add,
            "UntagResource": anomalies.tags.remove,
        }

    def call(self, operation: str, body: bytes) -> dict[str, Any]:
        """Answer one request.

        Raises:
            AwsError: in the words of AWS where they are known.
        """
        run = self._paid.get(operation) or self._free.get(operation)
        if run is None:
            raise unknown_operation("Cost Explorer", operation)
        request = self._requests.parse(operation, body)
        self._throttle()
        answer = run(request)
        if operation in self._paid:
            self._account.count_request(operation)
        return answer

    def _asks(self, operation: Callable[[Account, Mapping[str, Any]], dict[str, Any]]) -> Operation:
        """Return an operation on the bill that brings the bill up to date first."""

        def run(request: Mapping[str, Any]) -> dict[str, Any]:
            if self._account.setting("cost_explorer") == "off":
                raise access_denied("User not enabled for cost explorer access")
            self._account.refresh()
            return operation(self._account, request)

        return run

    def _throttle(self) -> None:
        left = self._account.setting("throttle")
        if left > 0:
            self._account.set(throttle=left - 1)
            raise throttled()
