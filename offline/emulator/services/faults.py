"""Errors on demand: `POST /_ladder/faults` makes the next matching requests to a service fail.

A fault is `{"service": "s3", "operation": "PutObject", "status": 503, "code": "SlowDown", "times": 2}`. `operation` is
a part of the operation's name or of `METHOD path`; empty matches every request. `GET` lists what is left, `DELETE`
removes all. Step Functions calls Lambda inside ministack, without a request; `states` asks here, too.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, replace
from html import escape

from offline.emulator.seams import Headers, Query, Response, ServiceHandler, json_answer, ministack

ROUTE = "/_ladder/faults"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`times` requests are still to fail."""

    service: str
    operation: str = ""
    status: int = 500
    code: str = "InternalServerError"
    times: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.service, str) or not self.service:
            raise ValueError("service: a service name is needed, for instance s3")
        if not isinstance(self.operation, str) or not isinstance(self.code, str) or not self.code:
            raise ValueError("operation and code must be text")
        if not isinstance(self.status, int) or not 400 <= self.status <= 599:
            raise ValueError(f"status: {self.status!r} is not an error status (400 to 599)")
        if not isinstance(self.times, int) or self.times < 1:
            raise ValueError(f"times: {self.times!r} is not a positive number")


class Faults:
    """The faults that wait for a request; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> tuple[Fault, ...]:
        with self._lock:
            return tuple(self._waiting)

    def take(self, service: str, *operations: str) -> Fault | None:
        """The first fault that matches the service and any of the names of the operation, counted down by one."""
        with self._lock:
            for index, fault in enumerate(self._waiting):
                if fault.service == service and any(fault.operation in name for name in operations):
                    if fault.times > 1:
                        self._waiting[index] = replace(fault, times=fault.times - 1)
                    else:
                        del self._waiting[index]
                    return fault
        return None


FAULTS = Faults()


def parse(body: bytes, aliases: dict[str, str]) -> Fault:
    """Raises `ValueError` with one line for a person."""
    document = json.loads(body or b"null")
    if not isinstance(document, dict):
        raise ValueError("a fault is a JSON object")
    unknown = sorted(set(document) - set(Fault.__dataclass_fields__))
    if unknown or "service" not in document:
        raise ValueError(f"unknown fields: {', '.join(unknown)}" if unknown else "service: missing")
    fault = Fault(**document)
    return replace(fault, service=aliases.get(fault.service, fault.service))


def control(method: str, body: bytes, services: frozenset[str], aliases: dict[str, str]) -> Response:
    """Answer a request to `ROUTE`."""
    if method == "POST":
        try:
            fault = parse(body, aliases)
        except (TypeError, ValueError) as error:
            return json_answer(400, {"message": f"fault: {error}"})
        if fault.service not in services:
            return json_answer(400, {"message": f"fault: service {fault.service!r} is not one of this emulator's"})
        FAULTS.add(fault)
    elif method == "DELETE":
        FAULTS.clear()
    elif method != "GET":
        return json_answer(405, {"message": f"{method} is not supported here"})
    return json_answer(200, {"faults": [asdict(fault) for fault in FAULTS.waiting()]})


def render(fault: Fault, service: str, headers: Headers) -> Response:
    """The error in the wire format of the service's protocol."""
    message = f"injected fault: {fault.code}"
    error = f"<Code>{escape(fault.code)}</Code><Message>{escape(message)}</Message>"
    if service == "s3":
        return fault.status, {"content-type": "application/xml"}, f"<Error>{error}</Error>".encode()
    if "x-www-form-urlencoded" in headers.get("content-type", ""):
        document = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
        return fault.status, {"content-type": "text/xml"}, document.encode()
    body = json.dumps({"__type": fault.code, "message": message}).encode()
    return fault.status, {"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": fault.code}, body


def guard(service: str, handler: ServiceHandler) -> ServiceHandler:
    """The handler, behind the faults."""
    event_name = ministack("app")._ct_event_name

    async def guarded(method: str, path: str, headers: Headers, body: bytes, query: Query) -> Response:
        if FAULTS.waiting():
            action = _form_action(headers, body)
            names = [f"{method} {path}", event_name(service, method, path, headers, query), action]
            fault = FAULTS.take(service, *(name for name in names if name))
            if fault is not None:
                return render(fault, service, headers)
        return await handler(method, path, headers, body, query)

    return guarded


def _form_action(headers: Headers, body: bytes) -> str:
    """The operation of a Query-protocol request, which travels in the body."""
    if "x-www-form-urlencoded" not in headers.get("content-type", ""):
        return ""
    for pair in body.decode("utf-8", "replace").split("&"):
        if pair.startswith("Action="):
            return pair.removeprefix("Action=")
    return ""


def install() -> None:
    """Guard every service; call it after all handlers are in place."""
    handlers = ministack("app").SERVICE_HANDLERS
    for service, handler in list(handlers.items()):
        handlers[service] = guard(service, handler)
