"""Where a run takes place, written down beside its manifest: reports say which model really answered."""

from __future__ import annotations

from typing import Any

from contracts.experiment import Models
from contracts.run import RunEnvironment
from ladder.embedded_aws import ask, is_embedded

ENGINES = "/_ladder/engines"
PROCESSOR = "this machine's processor"


def describe(endpoint: str, models: Models) -> RunEnvironment:
    """Return what works at `endpoint`: on the embedded AWS, what its engines say of themselves.

    Raises:
        LadderError: the endpoint is on this machine, but is not that of an embedded AWS whose engines run.
    """
    if not is_embedded(endpoint):
        return RunEnvironment(embedded=False)
    identity: Any = ask(endpoint, ENGINES, "identity")
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
