"""What a run left in the bucket, read as records: its usage, answers, quality, where it took place."""

from __future__ import annotations

import json
from datetime import date
from typing import TypeVar

from contracts import json_codec, keys
from contracts.experiment import GateRule
from contracts.money import UsageRow
from contracts.run import AnswerRow, Manifest, RunEnvironment
from lambdas.common.runtime import map_bounded, on_embedded_aws
from lambdas.common.store import Results
from lambdas.evaluation.metrics import CORRECTNESS

T = TypeVar("T")
USAGE = "/usage/part-"


def runs(results: Results, experiment: str) -> list[str]:
    """Ids of all runs of the experiment, oldest first (ids begin with the time at which the run began)."""
    return results.list_folders(keys.runs_prefix(experiment))


def metered_since(results: Results, experiment: str, day: date) -> set[str]:
    """Ids of the runs that wrote usage on `day` or later, by what S3 lists: nothing is read."""
    prefix = keys.runs_prefix(experiment)
    written = (str(o["Key"]) for o in results.objects(prefix) if o["LastModified"].date() >= day)
    return {key.removeprefix(prefix).partition("/")[0] for key in written if USAGE in key}


def read_usage(results: Results, manifest: Manifest) -> list[tuple[str, UsageRow]]:
    """(step, usage row) of everything that the run metered."""
    every = results.list_keys(keys.run_prefix(manifest.experiment, manifest.run))
    parts = [key for key in every if USAGE in key and key.endswith(".jsonl")]
    read = map_bounded(lambda key: results.read(key, UsageRow), parts)
    steps = [key.rpartition(USAGE)[2].removesuffix(".jsonl") for key in parts]
    return [(step, row) for step, rows in zip(steps, read, strict=True) for row in rows]


def answers(results: Results, manifest: Manifest, approach: str) -> list[AnswerRow]:
    """Every answer that a run has of an approach, in the order of its batches."""
    prefix = f"{keys.approach_prefix(manifest.experiment, manifest.run, approach)}answers/"
    return results.read_prefix(prefix, AnswerRow)


def optional(results: Results, key: str, cls: type[T]) -> list[T]:
    """Records of a step that may have failed; what is missing then shows as not measured, and as failed by name."""
    return results.read(key, cls) if results.exists(key) else []


def environment(results: Results, manifest: Manifest) -> RunEnvironment:
    """Where the run took place; what its starter wrote beside the manifest.

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


def accepted_metric(rules: tuple[GateRule, ...]) -> str:
    """The metric that counts an answer as accepted: the gate's first one of correctness over answerable questions."""
    found = [r.metric for r in rules if r.metric in CORRECTNESS and r.split != "unanswerable"]
    return found[0] if found else CORRECTNESS[0]
