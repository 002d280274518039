"""What the engines share on the wire: a response, errors in AWS's JSON form, one small HTTP server."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class AwsError(Exception):
    """An error that the AWS client turns into a ClientError with this code and message."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members

    def response(self) -> Response:
        body = {"__type": self.code, "message": self.message, "Message": self.message, **self.members}
        return json_response(body, status=self.status, headers={"x-amzn-errortype": self.code})


def json_response(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        status=status,
        body=json.dumps(body).encode("utf-8"),
        headers={"content-type": "application/json", **(headers or {})},
    )


class Server(ThreadingHTTPServer):
    """A batch of questions connects at once; the default queue of five would drop most, to be retried seconds later."""

    daemon_threads = True
    request_queue_size = 256


Handle = Callable[[str, str, Mapping[str, str], bytes], Response]
"""Method, path with query, headers (names in lower case), body -> response."""


def serve(handle: Handle, port: int) -> ThreadingHTTPServer:
    """A server on 127.0.0.1 that gives every request to `handle` in a thread of its own; `serve_forever` runs it.

    An AwsError becomes its response; anything else that is raised becomes an InternalServerException that says what.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # headers and body leave in one write

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                response = handle(self.command, self.path, headers, body)
            except AwsError as error:
                response = error.response()
            except Exception as error:  # noqa: BLE001  (the client is told, the log keeps the traceback)
                self.log_error("%s %s: %r", self.command, self.path, error)
                response = AwsError("InternalServerException", repr(error), 500).response()
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815  (the base class names them)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Quiet: only errors are worth a line."""

    return Server((HOST, port), Handler)
