"""Services that another server answers: ours behind the engines' port, moto's for the few that only it has.

The engines get the request's method, original (still percent-encoded) path, headers and body as they came.
"""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote, unquote, urlencode

from offline.emulator.seams import Headers, Query, Response, ServiceHandler, json_answer, ministack

#: Answered by the engines' process: language model, training and hosting, and what it offers of billing.
ENGINE_SERVICES = ("bedrock-runtime", "sagemaker", "ce", "bcm-data-exports", "pricing")
#: Answered by moto, started at the first such request.
MOTO_SERVICES = ("s3vectors", "servicequotas")

#: The request's path as it was sent. ministack hands handlers the decoded one, in which the slash of an inference
#: profile's ARN cannot be told from a separator.
RAW_PATH: ContextVar[str] = ContextVar("raw_path", default="")

#: Answers of a hosted model to a whole batch on a processor can take minutes.
TIMEOUT_S = 900.0
_NOT_FORWARDED = frozenset(("content-length", "transfer-encoding", "connection", "keep-alive"))
_NOT_RETURNED = _NOT_FORWARDED | {"date", "server"}

# Not the event loop's own pool: Lambda invocations wait in that one while their handlers call back into this server.
_POOL = ThreadPoolExecutor(max_workers=64, thread_name_prefix="forward")


def to(port: Callable[[], int], service: str) -> ServiceHandler:
    """Return a service handler that passes requests to the server on 127.0.0.1 at `port()`."""

    def send(method: str, target: str, headers: Headers, body: bytes) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", port(), timeout=TIMEOUT_S)
        try:
            connection.request(method, target, body=body or None, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        except OSError as error:
            message = f"the engine of {service} does not answer: {error}"
            return json_answer(503, {"__type": "ServiceUnavailableException", "message": message})
        finally:
            connection.close()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _NOT_RETURNED}
        return answer.status, kept, content

    async def forward(method: str, path: str, headers: Headers, body: bytes, query: Query) -> Response:
        sent = {name: value for name, value in headers.items() if name.lower() not in _NOT_FORWARDED}
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_POOL, send, method, target(path, query), sent, body)

    return forward


def target(path: str, query: Query) -> str:
    """Return the request target: the original path where it belongs to this request, else the decoded one, quoted."""
    raw = RAW_PATH.get()
    sent = raw if raw and unquote(raw) == path else quote(path)
    return f"{sent}?{urlencode(query, doseq=True)}" if query else sent


class Moto:
    """moto's server in this process, started when it is first needed: it costs 1.5 s and some 100 MB."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._port = 0

    def port(self) -> int:
        with self._lock:
            if not self._port:
                import logging

                from moto.server import ThreadedMotoServer

                logging.getLogger("werkzeug").setLevel(logging.ERROR)
                server: Any = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
                server.start()
                self._port = int(server.get_host_and_port()[1])
            return self._port


def install(engines_port: int, engine_services: Iterable[str] = ENGINE_SERVICES) -> None:
    handlers = ministack("app").SERVICE_HANDLERS
    for service in engine_services:
        handlers[service] = to(lambda: engines_port, service)
    moto = Moto()
    for service in MOTO_SERVICES:
        handlers[service] = to(moto.port, service)
