"""Types shared by the modules that extend ministack, and the two ways of answering.

ministack has no type hints to import here (it lives in another environment), so its modules are loaded by name and
are `Any`; `contract.PRIVATE_NAMES` lists every attribute that is used.
"""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

Headers = dict[str, str]
Query = dict[str, list[str]]
Response = tuple[int, Headers, bytes]
#: ministack's service handler: (method, path, headers, body, query parameters) -> (status, headers, body).
ServiceHandler = Callable[[str, str, Headers, bytes, Query], Awaitable[Response]]
Properties = dict[str, Any]
#: A CloudFormation create: the value of `Ref` and those of `Fn::GetAtt`.
Created = tuple[str, dict[str, Any]]


def ministack(name: str) -> Any:
    """Return a module of ministack, for instance `ministack("services.s3")`."""
    return importlib.import_module(f"ministack.{name}")


@contextlib.contextmanager
def unless_absent(code: str) -> Iterator[None]:
    """Ignore the refusal `code`: what a deletion names is gone already."""
    try:
        yield
    except ValueError as error:
        if code not in str(error):
            raise


def json_answer(status: int, document: object) -> Response:
    return status, {"content-type": "application/json"}, json.dumps(document).encode()


def accepted(response: Response, what: str) -> dict[str, Any]:
    """Return the document of a successful answer; a refusal becomes a `ValueError` and fails the stack."""
    status, _headers, body = response
    document: dict[str, Any] = json.loads(body) if body else {}
    if status >= 300:
        message = document.get("message") or document.get("Message") or document
        raise ValueError(f"{what}: {document.get('__type', status)}: {message}")
    return document
