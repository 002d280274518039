"""The ASGI application in front of ministack: our own routes, and the request's path as it was sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from offline.emulator.seams import Response, json_answer, ministack
from offline.emulator.services import faults
from offline.emulator.services.forward import RAW_PATH, to

HEALTH = "/_ladder/health"
#: What the engines say of themselves: which models answer, their hashes and versions.
ENGINES = "/_ladder/engines"
#: The bill's clock and switches (`offline.billing.control`).
BILLING = "/_ladder/billing"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def wrap(application: Application, instance: str, engines_port: int) -> Application:
    """`GET /_ladder/health`, `GET /_ladder/engines`, `/_ladder/billing` and `/_ladder/faults` beside what the
    application answers.
    """
    emulator = ministack("app")
    engines = to(lambda: engines_port, "engines")

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
        elif path == faults.ROUTE:
            services = frozenset(emulator.SERVICE_HANDLERS)
            body = await _body(receive)
            await _answer(send, faults.control(scope["method"], body, services, emulator.SERVICE_NAME_ALIASES))
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


def install(instance: str, engines_port: int) -> None:
    """Replace the application that ministack's `main` serves."""
    emulator = ministack("app")
    emulator.app = wrap(emulator.app, instance, engines_port)
