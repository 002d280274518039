"""The HTTP side: routes of the subset, request bodies, signatures, faults. `serve` starts it in a daemon thread."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from offline.common import faults
from offline.common.http_server import Server
from offline.common.wire import Response, json_response
from offline.opensearch.errors import ApiError, bad_request, forbidden, missing_api
from offline.opensearch.mapping import FLAVOURS, Flavour
from offline.opensearch.operations import Engine

LOG = logging.getLogger(__name__)
MAX_BODY = {"managed": 100 << 20, "aoss_classic": 10 << 20, "aoss_nextgen": 10 << 20}
_MOMENTS = ("before", "after", "item")
_PARAMETERS = {"timeout", "pretty", "human", "error_trace"}
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[a-z0-9-]+/(?P<service>[a-z]+)/aws4_request")


class OpenSearchServer(Server):
    """`require_signature` refuses unsigned requests; a signature that is there is always checked."""

    def __init__(self, port: int, engine: Engine, *, require_signature: bool = False) -> None:
        self.engine = engine
        self._faults = faults.Faults()
        self._require_signature = require_signature
        super().__init__(self._handle, port)

    def shutdown(self) -> None:
        """Stop answering, free the port and close the file."""
        super().shutdown()
        self.engine.close()

    def _handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        url = urlsplit(path)
        if url.path == faults.ROUTE:
            services = (faults.OPENSEARCH_DATA,)
            status, document = self._faults.control(method, body, services=services, when=_MOMENTS)
            return json_response(document, status=status)
        self._check(headers, body)
        moments = _MOMENTS if url.path.endswith("/_bulk") else _MOMENTS[:2]
        fault = self._faults.take(faults.OPENSEARCH_DATA, f"{method} {url.path}", when=moments)
        refusal = ApiError(fault.status, fault.code, fault.message) if fault else None
        if refusal and fault and fault.when == "before":
            raise refusal
        _check_parameters(url.path, dict(parse_qsl(url.query, keep_blank_values=True)))
        try:
            response = self._route(method, url.path, body, refuse_first=bool(fault and fault.when == "item"))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # A body of another shape than expected. Logged, because a mistake of this server looks the same.
            LOG.exception("%s %s", method, path)
            raise bad_request("parse_exception", f"malformed request: {type(error).__name__}: {error}") from error
        if refusal and fault and fault.when == "after":
            raise refusal
        return response

    def _route(self, method: str, path: str, body: bytes, *, refuse_first: bool) -> Response:
        engine = self.engine
        parts = [unquote(part) for part in path.split("/") if part]
        name = parts.pop(0) if parts and not parts[0].startswith("_") else ""
        match method, parts:
            case "PUT", [] if name:
                return json_response(engine.create_index(name, _object(body)))
            case "HEAD", [] if name:
                return Response(status=200 if engine.exists(name) else 404)
            case "DELETE", [] if name:
                return json_response(engine.delete_index(name))
            case "POST" | "PUT", ["_bulk"]:
                return json_response(engine.bulk(_lines(body), name or None, refuse_first=refuse_first))
            case "GET" | "POST", ["_search"] if name:
                return json_response(engine.search(name, _object(body)))
            case "GET" | "POST", ["_msearch"] if not name:
                return json_response(engine.msearch(_lines(body)))
            case "GET" | "POST", ["_count"] if name:
                return json_response(engine.count(name, _object(body)))
        raise missing_api(method, path)

    def _check(self, headers: Mapping[str, str], body: bytes) -> None:
        """Refuse bodies that are too large or compressed, and signatures of another service or another body."""
        limit = MAX_BODY[self.engine.flavour]
        if len(body) > limit:
            raise ApiError(413, "content_too_long_exception", f"the body of {len(body)} bytes exceeds {limit} bytes")
        if headers.get("content-encoding", "identity") != "identity":
            raise ApiError(415, "illegal_argument_exception", "compressed requests are outside the portable subset")
        header = headers.get("authorization", "")
        if not header:
            if self._require_signature:
                raise forbidden("the request is not signed")
            return
        # The secret is not known here: only the service and the hash of the body can be checked.
        scope = _SCOPE.search(header)
        expected = "aoss" if self.engine.serverless else "es"
        if scope is None or scope["service"] != expected:
            raise forbidden(f"the request must be signed for the service {expected}")
        signed = header.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        if "host" not in signed or headers.get("x-amz-content-sha256", "") != hashlib.sha256(body).hexdigest():
            raise forbidden("x-amz-content-sha256 is missing or differs from the body")


def serve(
    port: int,
    directory: Path | str,
    flavour: Flavour = "aoss_nextgen",
    visibility_delay_s: float = 0.0,
    *,
    require_signature: bool = False,
) -> OpenSearchServer:
    """Return a server on 127.0.0.1 that already answers; `port` 0 picks a free one, `directory` keeps the sources.

    Raises:
        ValueError: the flavour is unknown.
    """
    if flavour not in FLAVOURS:
        raise ValueError(f"OpenSearch flavour {flavour!r} is unknown; use one of {', '.join(FLAVOURS)}")
    engine = Engine(Path(directory), flavour, visibility_delay_s)
    server = OpenSearchServer(port, engine, require_signature=require_signature)
    server.start()
    return server


def _check_parameters(path: str, parameters: Mapping[str, str]) -> None:
    for name, value in parameters.items():
        if name == "refresh" and value != "false":
            raise bad_request("illegal_argument_exception", f"{value or 'true'} refresh policy is not supported.")
        if name not in (*_PARAMETERS, "refresh"):
            reason = f"request [{path}] contains unrecognized parameter: [{name}]"
            raise bad_request("illegal_argument_exception", reason)


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
        raise bad_request("json_parse_exception", f"the request body is not JSON: {error}") from error
