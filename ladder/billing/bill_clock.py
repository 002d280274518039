"""The clock of an embedded AWS's bill. On AWS a bill takes a day; here it is put forward."""

from __future__ import annotations

import os
from datetime import datetime

from ladder.embedded_aws import ask, is_embedded
from offline.sandbox import Sandbox

ROUTE = "/_ladder/billing"


def now() -> datetime | None:
    """Return the time of the bill of the embedded AWS that the environment names; None on AWS.

    Raises:
        LadderError: the embedded AWS does not answer.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    return datetime.fromisoformat(ask(endpoint, ROUTE, "now")) if is_embedded(endpoint) else None


def advance(box: Sandbox, hours: int) -> str:
    """Put the bill's clock forward: the bill shows what AWS would show `hours` later.

    Returns:
        The bill's time after that, ISO 8601.

    Raises:
        LadderError: the embedded AWS does not answer.
    """
    return str(ask(box.endpoint, ROUTE, "now", {"advance_hours": hours}))
