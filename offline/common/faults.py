"""Errors on demand for the engines: `POST /_faults` makes the next matching requests fail before they are carried out.

A fault is `{"service": "bedrock", "operation": "Converse", "status": 429, "code": "ThrottlingException", "times": 2}`.
`operation` is a part of the operation's name or path; empty matches every request. `GET` lists what is left,
`DELETE` removes all.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass

from offline.common.wire import AwsError, Response, json_response

ROUTE = "/_faults"


@dataclass(slots=True)
class Fault:
    """`times` requests are still to fail."""

    service: str
    operation: str = ""
    status: int = 500
    code: str = "InternalServerException"
    times: int = 1

    def __post_init__(self) -> None:
        texts = (self.service, self.operation, self.code)
        if not all(isinstance(text, str) for text in texts) or not self.service or not self.code:
            raise ValueError("service, operation and code must be text")
        if not isinstance(self.status, int) or not 400 <= self.status <= 599:
            raise ValueError(f"status: {self.status!r} is not an error status (400 to 599)")
        if not isinstance(self.times, int) or self.times < 1:
            raise ValueError(f"times: {self.times!r} is not a positive number")


class Faults:
    """The faults that wait for a request, oldest first; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def handle(self, method: str, body: bytes) -> Response:
        """The route `/_faults`."""
        if method == "POST":
            try:
                fault = Fault(**json.loads(body))
            except (TypeError, ValueError) as error:
                raise AwsError("ValidationException", f"not a fault: {error}") from error
            with self._lock:
                self._waiting.append(fault)
        elif method == "DELETE":
            with self._lock:
                self._waiting.clear()
        with self._lock:
            return json_response({"faults": [asdict(fault) for fault in self._waiting]})

    def check(self, service: str, *operations: str) -> None:
        """Raises the AwsError of the first fault that fits the request, and uses it up by one."""
        with self._lock:
            for fault in self._waiting:
                if fault.service == service and any(fault.operation in name for name in operations):
                    fault.times -= 1
                    if fault.times == 0:
                        self._waiting.remove(fault)
                    raise AwsError(fault.code, "fault injected by POST /_faults", fault.status)
