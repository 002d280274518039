"""Answers page by page. A token belongs to one request and to one state of the bill."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from offline.common.wire import AwsError

T = TypeVar("T")
TOKENS = ("NextPageToken", "NextToken")


def same() -> str:
    """The stamp of what is listed without regard to the bill."""
    return ""


def cut(
    items: Sequence[T],
    request: Mapping[str, Any],
    *,
    size: int,
    stamp: Callable[[], str] = same,
    token: str = TOKENS[0],
) -> tuple[list[T], dict[str, str]]:
    """The page that `request` asks for, and the member that holds the token of the next page (nothing after the last).

    `stamp` tells the state of the bill. Operations that call their token NextToken know no other refusal of it.

    Raises:
        AwsError: the token is none, is another request's, or the bill changed since.
    """
    digest = _digest(request)
    start, now = 0, ""
    if token in request:
        found = _decoded(request[token])
        if found["request"] != digest:
            raise _changed() if token == TOKENS[0] else _invalid()
        now = stamp()
        if found["bill"] != now:
            raise AwsError(
                "BillExpirationException", "The requested report expired. Update the date interval and try again."
            )
        start = found["start"]
        if not 0 < start < len(items):
            raise _invalid()
    end = start + size
    if end >= len(items):
        return list(items[start:]), {}
    document = {"request": digest, "bill": now or stamp(), "start": end}
    return list(items[start:end]), {token: base64.urlsafe_b64encode(json.dumps(document).encode()).decode()}


def _digest(request: Mapping[str, Any]) -> str:
    plain = {name: value for name, value in request.items() if name not in TOKENS}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _decoded(token: str) -> dict[str, Any]:
    try:
        document = json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError as error:
        raise _invalid() from error
    kinds = {"request": str, "bill": str, "start": int}
    if not isinstance(document, dict) or {k: type(v) for k, v in document.items()} != kinds:
        raise _invalid()
    return document


def _changed() -> AwsError:
    return AwsError(
        "RequestChangedException",
        "Your request parameters changed between pages. Try again with the old parameters or without a pagination"
        " token.",
    )


def _invalid() -> AwsError:
    return AwsError(
        "InvalidNextTokenException", "The pagination token is invalid. Try again without a pagination token."
    )
