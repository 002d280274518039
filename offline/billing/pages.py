"""Answers page by page. A token belongs to one request and to one state of the bill."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from offline.billing.errors import bill_expired, invalid_token, request_changed

T = TypeVar("T")
TOKENS = ("NextPageToken", "NextToken")


def same() -> str:
    """Return the stamp of a list that does not depend on the bill."""
    return ""


def page_of(
    items: Sequence[T],
    request: Mapping[str, Any],
    *,
    size: int,
    stamp: Callable[[], str] = same,
    token: str = TOKENS[0],
) -> tuple[list[T], dict[str, str]]:
    """Return the page that `request` asks for, and the member with the token of the next page (empty after the last).

    `stamp` tells the state of the bill. Operations that call their token NextToken refuse it in one way only.

    Raises:
        AwsError: the token is malformed or another request's, or the bill changed since.
    """
    digest = _digest(request)
    start, now = 0, ""
    if token in request:
        page = _decoded(request[token])
        if page["request"] != digest:
            raise request_changed() if token == TOKENS[0] else invalid_token()
        now = stamp()
        if page["bill"] != now:
            raise bill_expired()
        start = page["start"]
        if not 0 < start < len(items):
            raise invalid_token()
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
        raise invalid_token() from error
    kinds = {"request": str, "bill": str, "start": int}
    if not isinstance(document, dict) or {k: type(v) for k, v in document.items()} != kinds:
        raise invalid_token()
    return document
