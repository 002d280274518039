"""One-shot faults: the next requests that fit are refused, before or after they have had their effect."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from offline.opensearch.errors import ApiError, bad_request


@dataclass(slots=True)
class Fault:
    """`operation`: a part of `METHOD /path`, empty = any request. `when` says what has happened when the client is
    told: `before` = nothing, `after` = the request was carried out, `item` = a bulk request was carried out except
    for its first item, which is refused."""

    operation: str
    status: int
    code: str
    times: int
    when: str

    def error(self) -> ApiError:
        return ApiError(self.status, self.code, "fault injected by POST /_faults")


class Faults:
    """The faults that are still to happen, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, body: Any) -> dict[str, Any]:
        """Take `{"operation", "status", "code", "times", "when"}`; all but `status` may be missing.

        Raises:
            ApiError: a field has no such value, or the fault is for another service.
        """
        service = body.get("service", "opensearch")
        when = body.get("when", "before")
        if service != "opensearch" or set(body) - {"service", "operation", "status", "code", "times", "when"}:
            raise bad_request("illegal_argument_exception", f"not a fault of this server: {body}")
        if when not in ("before", "after", "item"):
            raise bad_request("illegal_argument_exception", f"when must be before, after or item, not {when!r}")
        fault = Fault(
            operation=str(body.get("operation", "")),
            status=int(body["status"]),
            code=str(body.get("code") or "rejected_execution_exception"),
            times=int(body.get("times", 1)),
            when=when,
        )
        with self._lock:
            self._waiting.append(fault)
        return {"acknowledged": True}

    def take(self, operation: str) -> Fault | None:
        """The fault that hits this request, if any; it is used up by one."""
        with self._lock:
            for fault in self._waiting:
                if fault.operation in operation and (fault.when != "item" or "_bulk" in operation):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None

    def waiting(self) -> int:
        with self._lock:
            return sum(fault.times for fault in self._waiting)

    def clear(self) -> dict[str, Any]:
        with self._lock:
            self._waiting.clear()
        return {"acknowledged": True}
