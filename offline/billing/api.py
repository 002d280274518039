"""The billing engine behind the gateway: Cost Explorer, Data Exports, and the control route.

Everything is loaded with the first request: most sandboxes never ask for a bill, and all of them start.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offline.common.wire import Response, json_response

if TYPE_CHECKING:
    from offline.billing.control import Control
    from offline.billing.cost_explorer.api import CostExplorer
    from offline.billing.data_exports.api import DataExports
    from offline.billing.state import Store

ROUTE = "/_billing"
CE_TARGET = "AWSInsightsIndexService"
EXPORTS_TARGET = "AWSBillingAndCostManagementDataExports"


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Loaded:
    store: Store
    cost_explorer: CostExplorer
    exports: DataExports
    control: Control


class Billing:
    """Billing of one account and region, with its state in `directory`. Requests are answered one after the other.

    `clock` tells the real time; `s3` gives the client that reads usage and writes exports, by default the gateway's.
    """

    def __init__(
        self,
        *,
        directory: Path,
        gateway: str,
        account: str,
        region: str,
        clock: Callable[[], datetime] = utc_now,
        s3: Callable[[], Any] | None = None,
    ) -> None:
        self._directory = directory
        self._gateway = gateway
        self._account = account
        self._region = region
        self._clock = clock
        self._s3 = s3
        self._lock = threading.Lock()
        self._parts: _Loaded | None = None

    def cost_explorer(self, _method: str, _path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answer a request to the service `ce`."""
        with self._lock:
            return json_response(self._load().cost_explorer.call(_operation(headers, CE_TARGET), body))

    def exports(self, _method: str, _path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answer a request to the service `bcm-data-exports`."""
        with self._lock:
            return json_response(self._load().exports.call(_operation(headers, EXPORTS_TARGET), body))

    def control(self, method: str, _path: str, _headers: Mapping[str, str], body: bytes) -> Response:
        """Answer the route `/_billing`."""
        with self._lock:
            return json_response(self._load().control.handle(method, body))

    def close(self) -> None:
        with self._lock:
            if self._parts is not None:
                self._parts.store.close()
                self._parts = None

    def _load(self) -> _Loaded:
        if self._parts is None:
            from offline.billing.bill.account import Account
            from offline.billing.bill.buckets import Buckets
            from offline.billing.control import Control
            from offline.billing.cost_explorer.api import CostExplorer
            from offline.billing.data_exports.api import DataExports
            from offline.billing.state import Store
            from offline.common import clients

            store = Store(self._directory)
            account = Account(
                store=store,
                buckets=Buckets(self._s3 or partial(clients.s3, self._gateway, self._region)),
                account=self._account,
                region=self._region,
                clock=self._clock,
            )
            exports = DataExports(account)
            self._parts = _Loaded(store, CostExplorer(account), exports, Control(account, exports))
        return self._parts


def _operation(headers: Mapping[str, str], service: str) -> str:
    target, _, operation = headers.get("x-amz-target", "").rpartition(".")
    return operation if target == service else ""
