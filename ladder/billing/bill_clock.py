"""The clock of an embedded AWS's bill. On AWS one waits for a day; here the bill is put forward."""

from __future__ import annotations

import json
import os
import urllib.request
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ladder.errors import LadderError
from ladder.runs.environment import LOOPBACK
from offline.sandbox import Sandbox

ROUTE = "/_ladder/billing"


def clock() -> datetime | None:
    """The time of the bill of the embedded AWS that the environment points at; null on AWS, which has the usual time.

    Raises:
        LadderError: the embedded AWS does not answer.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if urlsplit(endpoint).hostname not in LOOPBACK:
        return None
    return datetime.fromisoformat(_call(endpoint, None)["now"])


def advance(box: Sandbox, hours: int) -> str:
    """Put the bill's clock forward, so that it shows what AWS would show `hours` later.

    Returns:
        The bill's time after that, ISO 8601.

    Raises:
        LadderError: the embedded AWS does not answer.
    """
    return str(_call(box.endpoint, {"advance_hours": hours})["now"])


def _call(endpoint: str, changes: dict[str, Any] | None) -> dict[str, Any]:
    request = urllib.request.Request(endpoint.rstrip("/") + ROUTE)  # noqa: S310  (loopback)
    if changes is not None:
        request.data = json.dumps(changes).encode()
        request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            state: dict[str, Any] = json.load(answer)
    except (OSError, ValueError) as error:
        raise LadderError(f"the bill of the embedded AWS at {endpoint} cannot be asked: {error}") from error
    return state
