"""Where a run takes place, written down beside its manifest: reports say which model really answered."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import boto3

from contracts.experiment import Models
from contracts.run import RunEnvironment
from ladder.errors import LadderError

LOOPBACK = ("localhost", "127.0.0.1")
ENGINES = "/_ladder/engines"


def describe(session: boto3.Session, models: Models) -> RunEnvironment:
    """On AWS nothing but that; on the embedded AWS what its engines say of themselves.

    Raises:
        LadderError: the session points at this machine, but not at an embedded AWS whose engines run.
    """
    endpoint = str(session.client("s3").meta.endpoint_url)
    if urlsplit(endpoint).hostname not in LOOPBACK:
        return RunEnvironment(embedded=False)
    identity = _identity(endpoint)
    return RunEnvironment(
        embedded=True,
        stand_ins={
            models.generator: identity["generator"],
            models.embedding: identity["embedder"],
            models.training_instance: "this machine's processor",
            models.hosting_instance: "this machine's processor",
        },
        model_hashes=identity["hashes"],
        versions=identity["versions"],
    )


def _identity(endpoint: str) -> Any:
    try:
        with urllib.request.urlopen(endpoint.rstrip("/") + ENGINES, timeout=30) as answer:  # noqa: S310  (loopback)
            return json.load(answer)["identity"]
    except (OSError, ValueError, KeyError) as error:
        raise LadderError(
            f"{endpoint} is not an embedded AWS of this version ({error}); see `ladder sandbox up`"
        ) from error
