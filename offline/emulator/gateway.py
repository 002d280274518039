"""The ASGI application in front of ministack: our own routes, and the request's path as it was sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from offline.common.faults import ROUTE as FAULTS
from offline.emulator.seams import Response, json_answer, ministack
from offline.emulator.services import faults
from offline.emulator.services.forward import RAW_PATH, to

HEALTH = "/_ladder/health"
#: The engines' own health answer: the models, their hashes and versions.
ENGINES = "/_ladder/engines"
#: The bill's clock and switches (`offline.billing.control`).
BILLING = "/_ladder/billing"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def wrap(application: Application, *, instance: str, engines_port: int, opensearch_port: int) -> Application:
    """Return the application with the routes `/_ladder/health`, `/engines`, `/billing` and `/faults` before it."""
    engines = to(lambda: engines_port, "engines")
    control_faults = faults.control_route(to(lambda: opensearch_port, "opensearch"))

    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        path = scope["path"]
        if path == HEALTH:
            await _answer(send, json_answer(200, {"ready": True, "instance": instance}))
        elif path == ENGINES:
            await _answer(send, await engines("GET", "/_health", {}, b"", {}))
        elif path == BILLING:
            await _answer(send, await engines(scope["method"], "/_billing", {}, await _body(receive), {}))
        elif path == FAULTS:
            await _answer(send, await control_faults(scope["method"], await _body(receive)))
        else:
            RAW_PATH.set((scope.get("raw_path") or b"").decode("latin-1"))
            await application(scope, receive, send)

    return gateway


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(send: Send, response: Response) -> None:
    status, headers, body = response
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    encoded.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def install(*, instance: str, engines_port: int, opensearch_port: int) -> None:
    """Replace the application that ministack's `main` serves."""
    emulator = ministack("app")
    emulator.app = wrap(emulator.app, instance=instance, engines_port=engines_port, opensearch_port=opensearch_port)
