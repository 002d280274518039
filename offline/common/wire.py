"""The wire format: a response, errors in AWS's JSON form, a request's JSON body. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP response."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Handle = Callable[[str, str, Mapping[str, str], bytes], Response]
"""Method, path with query, headers (names in lower case), body -> response."""


class ServiceError(Exception):
    """A refused request; each service has its own form of it."""

    def response(self) -> Response:
        """Return the error in the service's wire format, which each subclass knows."""
        raise NotImplementedError


class AwsError(ServiceError):
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


def invalid(message: str) -> AwsError:
    """Return the error for a request that has the wrong content."""
    return AwsError("ValidationException", message)


def unknown_operation(service: str, operation: str, status: int = 400) -> AwsError:
    """Return the error for an operation that the embedded AWS does not offer."""
    return AwsError(
        "UnknownOperationException", f"the embedded AWS has no {service} operation {operation or '(none)'}", status
    )


def json_response(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        status=status,
        body=json.dumps(body).encode("utf-8"),
        headers={"content-type": "application/json", **(headers or {})},
    )


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a request's body; an empty body is an empty object.

    Raises:
        AwsError: the body is not a JSON object.
    """
    try:
        value = json.loads(body or b"{}")
    except ValueError as error:
        raise AwsError("SerializationException", f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise AwsError("SerializationException", "the body is not a JSON object")
    return value
