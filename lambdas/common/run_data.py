"""What a run left in the bucket that both reports read: its usage, and where it took place."""

from __future__ import annotations

import json

from contracts import json_codec, keys
from contracts.money import UsageRow
from contracts.run import Manifest, RunEnvironment
from lambdas.common.runtime import map_bounded, on_embedded_aws
from lambdas.common.store import Results

USAGE = "/usage/part-"


def read_usage(results: Results, manifest: Manifest) -> list[tuple[str, UsageRow]]:
    """Return (step, usage row) of everything that the run metered."""
    run_keys = results.list_keys(keys.run_prefix(manifest.experiment, manifest.run))
    parts = [key for key in run_keys if USAGE in key and key.endswith(".jsonl")]
    read = map_bounded(lambda key: results.read(key, UsageRow), parts)
    steps = [key.rpartition(USAGE)[2].removesuffix(".jsonl") for key in parts]
    return [(step, row) for step, rows in zip(steps, read, strict=True) for row in rows]


def environment(results: Results, manifest: Manifest) -> RunEnvironment:
    """Return where the run took place, as its starter wrote it beside the manifest.

    Raises:
        ValueError: that cannot be read; the message names the object.
    """
    key = keys.environment(manifest.experiment, manifest.run)
    if not results.exists(key):
        return RunEnvironment(embedded=on_embedded_aws())
    try:
        return json_codec.from_jsonable(RunEnvironment, json.loads(results.read_text(key)))
    except ValueError as error:
        raise ValueError(f"{results.uri(key)}: {error}") from error
