"""Faults of the gateway's services: `offline.common.faults` in the wire format of each protocol.

Step Functions calls Lambda inside ministack, without a request; `functions` asks here, too.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

from offline.common.faults import OPENSEARCH_DATA, ROUTE, Fault, Faults
from offline.emulator.seams import Headers, Query, Response, ServiceHandler, json_answer, ministack

FAULTS = Faults()


def control_route(opensearch: ServiceHandler) -> Callable[[str, bytes], Awaitable[Response]]:
    """Return the handler of `ROUTE`. Faults of OpenSearch's data plane are kept by its own server."""
    emulator = ministack("app")

    async def answer(method: str, body: bytes) -> Response:
        if method == "POST" and _service_of(body) == OPENSEARCH_DATA:
            return await opensearch(method, ROUTE, {}, body, {})
        services, aliases = emulator.SERVICE_HANDLERS, emulator.SERVICE_NAME_ALIASES
        status, document = FAULTS.control(method, body, services=services, aliases=aliases)
        if method in ("GET", "DELETE"):
            _status, _headers, rest = await opensearch(method, ROUTE, {}, b"", {})
            document["faults"] += json.loads(rest).get("faults", [])
        return json_answer(status, document)

    return answer


def _service_of(body: bytes) -> Any:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document.get("service") if isinstance(document, dict) else None


def render(fault: Fault, service: str, headers: Headers) -> Response:
    """Return the error in the wire format of the service's protocol."""
    error = f"<Code>{escape(fault.code)}</Code><Message>{escape(fault.message)}</Message>"
    if service == "s3":
        return fault.status, {"content-type": "application/xml"}, f"<Error>{error}</Error>".encode()
    if "x-www-form-urlencoded" in headers.get("content-type", ""):
        document = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
        return fault.status, {"content-type": "text/xml"}, document.encode()
    body = json.dumps({"__type": fault.code, "message": fault.message}).encode()
    return fault.status, {"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": fault.code}, body


def guard(service: str, handler: ServiceHandler) -> ServiceHandler:
    """Return the handler, behind the faults."""
    event_name = ministack("app")._ct_event_name

    async def guarded(method: str, path: str, headers: Headers, body: bytes, query: Query) -> Response:
        if len(FAULTS):
            action = _form_action(headers, body)
            names = [f"{method} {path}", event_name(service, method, path, headers, query), action]
            fault = FAULTS.take(service, *(name for name in names if name))
            if fault is not None:
                return render(fault, service, headers)
        return await handler(method, path, headers, body, query)

    return guarded


def _form_action(headers: Headers, body: bytes) -> str:
    """Return the operation of a Query-protocol request: it travels in the body."""
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
