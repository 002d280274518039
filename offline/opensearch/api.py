"""The HTTP side: routes of the subset, request bodies, signatures, faults. `serve` starts it in a daemon thread."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from offline.opensearch.errors import ApiError, bad_request, forbidden, missing_api
from offline.opensearch.faults import Faults
from offline.opensearch.mapping import FLAVOURS, Flavour
from offline.opensearch.operations import Engine

LOG = logging.getLogger(__name__)
MAX_BODY = {"managed": 100 << 20, "aoss_classic": 10 << 20, "aoss_nextgen": 10 << 20}
_PARAMETERS = {"refresh", "timeout", "keep_alive", "pretty", "human", "error_trace"}
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[a-z0-9-]+/(?P<service>[a-z]+)/aws4_request")


class OpenSearchServer(ThreadingHTTPServer):
    """`require_signature` refuses unsigned requests; a signature that is there is always looked at."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, engine: Engine, *, require_signature: bool = False) -> None:
        self.engine = engine
        self.faults = Faults()
        self.require_signature = require_signature
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def server_close(self) -> None:
        super().server_close()
        self.engine.close()

    def shutdown(self) -> None:
        """Stop serving, free the port and close the file."""
        super().shutdown()
        self.server_close()


def serve(
    port: int,
    directory: Path | str,
    flavour: Flavour = "aoss_nextgen",
    visibility_delay_s: float = 0.0,
    *,
    require_signature: bool = False,
) -> OpenSearchServer:
    """A server on 127.0.0.1 that already answers, from a daemon thread; `port` 0 picks a free one (`.server_port`).

    `directory` keeps the data. `.shutdown()` stops it.

    Raises:
        ValueError: there is no such flavour.
    """
    if flavour not in FLAVOURS:
        raise ValueError(f"OpenSearch flavour {flavour!r} is unknown; known are {', '.join(FLAVOURS)}")
    server = OpenSearchServer(
        port, Engine(Path(directory), flavour, visibility_delay_s), require_signature=require_signature
    )
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="opensearch", daemon=True
    ).start()
    return server


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write a response and no Nagle delay: with the defaults each answer waits for the client's delayed ACK.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: OpenSearchServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class names it so)
        """No access log: the sandbox keeps one for the gateway."""

    def _handle(self) -> None:
        try:
            raw = self._read_body()
            status, answer = self._answer(raw)
        except ApiError as error:
            status, answer = error.status, error.body()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # A body of another shape than expected. Logged, because a mistake of this server looks the same.
            LOG.exception("%s %s", self.command, self.path)
            answer = bad_request("parse_exception", f"malformed request: {type(error).__name__}: {error}").body()
            status = 400
        body = b"" if answer is None else json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _handle  # noqa: N815

    def _answer(self, raw: bytes) -> tuple[int, Any]:
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.split("/") if part]
        if parts in (["_health"], ["_faults"]):
            return 200, self._control(parts[0], raw)
        operation = f"{self.command} {url.path}"
        self._check_signature(raw)
        fault = self.server.faults.take(operation)
        if fault is not None and fault.when == "before":
            raise fault.error()
        parameters = dict(parse_qsl(url.query, keep_blank_values=True))
        for name in parameters:
            if name not in _PARAMETERS:
                reason = f"request [{url.path}] contains unrecognized parameter: [{name}]"
                raise bad_request("illegal_argument_exception", reason)
        failing = 1 if fault is not None and fault.when == "item" else None
        answer = self._route(parts, raw, self._refresh(parameters), failing)
        if fault is not None and fault.when == "after":
            raise fault.error()
        return answer

    def _route(self, parts: list[str], raw: bytes, refresh: bool, failing: int | None) -> tuple[int, Any]:
        engine, method = self.server.engine, self.command
        name = parts[0] if parts and not parts[0].startswith("_") else None
        rest = parts[1:] if name is not None else parts
        match method, rest:
            case "PUT", [] if name:
                return 200, engine.create_index(name, _object(raw))
            case "HEAD", [] if name:
                return (200 if engine.exists(name) else 404), None
            case "GET", [] if name:
                return 200, engine.describe(name)
            case "DELETE", [] if name:
                return 200, engine.delete_index(name)
            case "GET", ["_mapping"] if name:
                return 200, engine.mapping(name)
            case "PUT", ["_mapping"] if name:
                return 200, engine.add_fields(name, _object(raw))
            case "POST" | "PUT", ["_bulk"]:
                return 200, engine.bulk(_lines(raw), name, refresh, failing)
            case "POST", ["_doc"] if name:
                return engine.put_document(name, None, _object(raw), refresh)
            case "PUT" | "POST", ["_doc", identifier] if name:
                return engine.put_document(name, identifier, _object(raw), refresh)
            case "DELETE", ["_doc", identifier] if name:
                return engine.delete_document(name, identifier, refresh)
            case "GET" | "POST", ["_search"]:
                return 200, engine.search(name, _object(raw))
            case "GET" | "POST", ["_msearch"]:
                return 200, engine.msearch(_lines(raw), name)
            case "GET" | "POST", ["_count"] if name:
                return 200, engine.count(name, _object(raw))
            case "GET" | "POST", ["_mget"]:
                return 200, engine.mget(_object(raw), name)
            case "POST", ["_aliases"] if not name:
                return 200, engine.update_aliases(_object(raw))
            case "POST", ["_search", "point_in_time"] if name:
                return 200, engine.open_point(name)
            case "DELETE", ["_search", "point_in_time"] if not name:
                keys = _object(raw).get("pit_id", [])
                return 200, engine.close_points([keys] if isinstance(keys, str) else keys)
        raise missing_api(method, "/" + "/".join(parts))

    def _control(self, name: str, raw: bytes) -> Any:
        """`/_health` and `/_faults`: the sandbox's own, no part of OpenSearch."""
        faults = self.server.faults
        if name == "_health":
            return {"ready": True, "flavour": self.server.engine.flavour}
        if self.command == "POST":
            return faults.add(_object(raw))
        return faults.clear() if self.command == "DELETE" else {"waiting": faults.waiting()}

    def _refresh(self, parameters: dict[str, str]) -> bool:
        policy = parameters.get("refresh", "false").lower() or "true"
        if policy != "false" and self.server.engine.serverless:
            raise bad_request("illegal_argument_exception", f"{policy} refresh policy is not supported.")
        return policy != "false"

    def _read_body(self) -> bytes:
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise ApiError(411, "illegal_argument_exception", "a request needs a Content-Length")
        length = int(self.headers.get("Content-Length") or 0)
        limit = MAX_BODY[self.server.engine.flavour]
        if length > limit:
            self.close_connection = True
            raise ApiError(413, "content_too_long_exception", f"the body of {length} bytes exceeds {limit} bytes")
        raw = self.rfile.read(length)
        if self.headers.get("Content-Encoding", "identity") == "identity":
            return raw
        if self.server.engine.serverless or self.headers["Content-Encoding"] != "gzip":
            raise ApiError(415, "illegal_argument_exception", "compressed requests are outside the portable subset")
        return gzip.decompress(raw)

    def _check_signature(self, raw: bytes) -> None:
        """Service and body hash of a Signature Version 4 header; the secret is not known here."""
        header = self.headers.get("Authorization", "")
        if not header:
            if self.server.require_signature:
                raise forbidden("403 Forbidden: the request is not signed")
            return
        scope = _SCOPE.search(header)
        expected = "aoss" if self.server.engine.serverless else "es"
        if scope is None or scope["service"] != expected:
            raise forbidden(f"403 Forbidden: the request must be signed for the service {expected}")
        signed = header.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        digest = self.headers.get("x-amz-content-sha256", "")
        if "host" not in signed or digest != hashlib.sha256(raw).hexdigest():
            raise forbidden("403 Forbidden: x-amz-content-sha256 is missing or differs from the body")


def _object(raw: bytes) -> dict[str, Any]:
    value = _json(raw) if raw.strip() else {}
    if not isinstance(value, dict):
        raise bad_request("parse_exception", "the request body must be a JSON object")
    return value


def _lines(raw: bytes) -> list[Any]:
    if not raw.endswith(b"\n"):
        reason = "The bulk request must be terminated by a newline [\\n]"
        raise bad_request("illegal_argument_exception", reason)
    lines = [_json(line) for line in raw.split(b"\n") if line.strip()]
    if not lines:
        raise bad_request("action_request_validation_exception", "Validation Failed: 1: no requests added;")
    return lines


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise bad_request("json_parse_exception", f"the request body is no JSON: {error}") from error
