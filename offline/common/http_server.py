"""The HTTP server of the engines: it passes each request on 127.0.0.1 to a function, in a thread of its own."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from offline.common.wire import HOST, AwsError, Handle, Response, ServiceError, json_response


class Server(ThreadingHTTPServer):
    """A server that is bound to its port; `start` or `serve_forever` runs it. Port 0 takes a free one."""

    daemon_threads = True
    # A batch of questions connects at once. The default queue of five would drop most, to be retried seconds later.
    request_queue_size = 256

    def __init__(self, handle: Handle, port: int) -> None:
        self.handle = handle
        super().__init__((HOST, port), _Handler)

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.server_port}"

    def start(self) -> None:
        """Answer requests from a daemon thread."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def shutdown(self) -> None:
        """Stop answering and free the port."""
        super().shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    # Headers and body leave in one write. With the defaults each answer waits for the client's delayed ACK.
    disable_nagle_algorithm = True
    wbufsize = -1

    def _answer(self) -> None:
        response = self._response()
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def _response(self) -> Response:
        headers = {name.lower(): value for name, value in self.headers.items()}
        if "transfer-encoding" in headers:
            self.close_connection = True
            return json_response({"message": "a request needs a Content-Length"}, status=411)
        body = self.rfile.read(int(headers.get("content-length") or 0))
        try:
            return self.server.handle(self.command, self.path, headers, body)
        except ServiceError as error:
            return error.response()
        except Exception as error:  # noqa: BLE001  (the client is told, the log keeps the line)
            self.log_error("%s %s: %r", self.command, self.path, error)
            return AwsError("InternalServerException", repr(error), 500).response()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815  (the base class names them)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep quiet: only errors are worth a line."""
