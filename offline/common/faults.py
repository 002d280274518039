"""Faults on demand: `POST /_ladder/faults` on the gateway makes the next matching requests fail.

A fault is `{"service": "s3", "operation": "PutObject", "status": 503, "code": "SlowDown", "times": 2}`. `service` is a
service of the gateway, or `opensearch-data` for the calls that functions send to the OpenSearch server. `operation` is
a part of the operation's name or of `METHOD path`; an empty one matches every request. With `"skip": 2` two matching
requests pass before the first one fails. With `"per_minute": 10` in place of `times` it is a quota: ten matching
requests of each minute pass and all others fail, until it is removed. `when` exists for `opensearch-data` only:
`before` the request is carried out (the default), `after` it, or `item`: the first item of a bulk request is refused
and the rest is carried out. `GET` lists the faults that are left, `DELETE` removes all.

The emulator and the OpenSearch server run in two processes, each with a store of this module. The gateway passes the
faults of `opensearch-data` on. Standard library only: the emulator has an environment of its own.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

ROUTE = "/_ladder/faults"
OPENSEARCH_DATA = "opensearch-data"


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault; `times` requests are still to fail, or all beyond `per_minute` of each minute."""

    service: str
    operation: str = ""
    status: int = 500
    code: str = "InternalServerError"
    times: int = 1
    when: str = "before"
    per_minute: int | None = None
    skip: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.service, str) or not self.service:
            raise ValueError("service: expected the name of a service, for instance s3")
        if not isinstance(self.operation, str) or not isinstance(self.code, str) or not self.code:
            raise ValueError("operation and code must be text")
        if not isinstance(self.status, int) or not 400 <= self.status <= 599:
            raise ValueError(f"status: {self.status!r} is not an error status (400 to 599)")
        if not isinstance(self.times, int) or self.times < 1:
            raise ValueError(f"times: {self.times!r} is not a positive number")
        if not isinstance(self.skip, int) or self.skip < 0:
            raise ValueError(f"skip: {self.skip!r} is not a number from 0")
        if self.per_minute is not None and (not isinstance(self.per_minute, int) or self.per_minute < 1):
            raise ValueError(f"per_minute: {self.per_minute!r} is not a positive number")

    @property
    def message(self) -> str:
        return f"injected fault: {self.code}"


class Faults:
    """The faults that wait for a request, oldest first. Thread-safe. `clock` gives seconds; it decides the minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._waiting: list[Fault] = []
        self._passed: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, service: str, *operations: str, when: Collection[str] = ("before",)) -> Fault | None:
        """Return the first fault that matches the service and any name of the operation, and count it down by one."""
        with self._lock:
            for fault in self._waiting:
                fits = any(fault.operation in name for name in operations)
                if not (fits and fault.service == service and fault.when in when):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.per_minute is None:
                    fault.times -= 1
                    if not fault.times:
                        self._waiting.remove(fault)
                    return fault
                if not self._passes(fault, fault.per_minute):
                    return fault
        return None

    def _passes(self, fault: Fault, quota: int) -> bool:
        """Count a request against the quota of this minute, and return whether it is within it."""
        minute = int(self._clock() // 60)
        known, used = self._passed.get(id(fault), (minute, 0))
        used = used if known == minute else 0
        if used < quota:
            self._passed[id(fault)] = (minute, used + 1)
        return used < quota

    def control(
        self,
        method: str,
        body: bytes,
        *,
        services: Collection[str],
        aliases: Mapping[str, str] | None = None,
        when: Collection[str] = ("before",),
    ) -> tuple[int, dict[str, Any]]:
        """Answer a request to `ROUTE`: (status, document). `aliases`: other names of services."""
        if method not in ("GET", "POST", "DELETE"):
            return 405, {"message": f"{method} is not supported here"}
        if method == "POST":
            try:
                fault = parse(body)
                fault.service = (aliases or {}).get(fault.service, fault.service)
                if fault.service not in services:
                    raise ValueError(f"service {fault.service!r} does not answer here")
                if fault.when not in when:
                    raise ValueError(f"when: {fault.when!r} is not one of {', '.join(when)}")
            except (TypeError, ValueError) as error:
                return 400, {"message": f"fault: {error}"}
        with self._lock:
            if method == "POST":
                self._waiting.append(fault)
            elif method == "DELETE":
                self._waiting.clear()
                self._passed.clear()
            return 200, {"faults": [asdict(waiting) for waiting in self._waiting]}


def parse(body: bytes) -> Fault:
    """Return the fault of a request's body.

    Raises:
        ValueError: one line for a person.
    """
    document = json.loads(body or b"null")
    if not isinstance(document, dict):
        raise ValueError("a fault is a JSON object")
    unknown = sorted(set(document) - {field.name for field in fields(Fault)})
    if unknown:
        raise ValueError(f"unknown fields: {', '.join(unknown)}")
    if "service" not in document:
        raise ValueError("service: missing")
    return Fault(**document)
