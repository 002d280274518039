"""Calls of an embedded AWS beside the AWS API."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from ladder.errors import LadderError


def is_embedded(endpoint: str) -> bool:
    """Return whether the endpoint of AWS services is on this machine."""
    return urlsplit(endpoint).hostname in ("localhost", "127.0.0.1")


def ask(endpoint: str, route: str, member: str, changes: dict[str, Any] | None = None) -> Any:
    """Return one member of what the embedded AWS answers to `GET route`, or to `POST route` with `changes`.

    Raises:
        LadderError: the embedded AWS does not answer, or not with this member.
    """
    request = urllib.request.Request(endpoint.rstrip("/") + route)  # noqa: S310  (loopback)
    if changes is not None:
        request.data = json.dumps(changes).encode()
        request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)[member]
    except (OSError, ValueError, KeyError) as error:
        raise LadderError(
            f"{endpoint} is not an embedded AWS of this version ({error}); see `ladder sandbox up`"
        ) from error
