"""Errors on demand for the engines: `POST /_faults` makes the next requests that fit fail."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass

from offline.wire import AwsError, Response, json_response

ROUTE = "/_faults"


@dataclass(slots=True)
class Fault:
    """`operation` is a part of `METHOD path X-Amz-Target`; empty fits every request of the service."""

    service: str
    operation: str
    status: int
    code: str
    times: int


class Faults:
    """The faults that wait for a request; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def handle(self, method: str, body: bytes) -> Response:
        """`POST` adds `{"service", "operation", "status", "code", "times"}`, `DELETE` removes all."""
        with self._lock:
            if method == "DELETE":
                self._waiting.clear()
            elif method == "POST":
                asked = json.loads(body)
                self._waiting.append(
                    Fault(
                        service=str(asked["service"]),
                        operation=str(asked.get("operation", "")),
                        status=int(asked["status"]),
                        code=str(asked["code"]),
                        times=int(asked.get("times", 1)),
                    )
                )
            return json_response({"waiting": sum(fault.times for fault in self._waiting)})

    def check(self, service: str, request: str) -> None:
        """Raises the error that waits for this request, if one does."""
        with self._lock:
            for fault in self._waiting:
                if fault.service == service and fault.operation in request:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    raise AwsError(fault.code, "fault injected by POST /_faults", fault.status)
