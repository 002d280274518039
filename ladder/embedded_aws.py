"""What an embedded AWS answers beside the AWS API: what does its work, and the clock of its simulated bill."""

from __future__ import annotations

import json
import os
import urllib.request
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from contracts.experiment import Models
from contracts.run import RunEnvironment
from ladder.errors import LadderError

ENGINES = "/_ladder/engines"
BILLING = "/_ladder/billing"
PROCESSOR = "this machine's processor"


def describe(endpoint: str, models: Models) -> RunEnvironment:
    """Return what does the work at the endpoint of AWS: reports say which model really answered.

    Raises:
        LadderError: the endpoint is on this machine, but no embedded AWS answers there.
    """
    if not is_embedded(endpoint):
        return RunEnvironment(embedded=False)
    identity = _ask(endpoint, ENGINES, "identity")
    return RunEnvironment(
        embedded=True,
        stand_ins={
            models.generator: identity["generator"],
            models.embedding: identity["embedder"],
            models.training_instance: PROCESSOR,
            models.hosting_instance: PROCESSOR,
        },
        model_hashes=identity["hashes"],
        versions=identity["versions"],
    )


def bill_time() -> datetime | None:
    """Return the time of the bill of the embedded AWS that the environment names; None on AWS."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    return datetime.fromisoformat(_ask(endpoint, BILLING, "now")) if is_embedded(endpoint) else None


def advance_bill(endpoint: str, hours: int) -> str:
    """Put the bill's clock forward, and return its time, ISO 8601: the bill is what AWS would show `hours` later."""
    return str(_ask(endpoint, BILLING, "now", {"advance_hours": hours}))


def is_embedded(endpoint: str) -> bool:
    """Return whether an endpoint is on this machine."""
    return urlsplit(endpoint).hostname in ("localhost", "127.0.0.1")


def _ask(endpoint: str, route: str, member: str, changes: dict[str, Any] | None = None) -> Any:
    """Return one member of the answer to `GET route`, or to `POST route` with `changes`."""
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
