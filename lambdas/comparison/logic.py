"""Compares the approaches of a run on the same questions and adds the usage that belongs to no single step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from contracts import keys
from contracts.experiment import APPROACHES
from contracts.money import UsageRow
from contracts.run import ScoreRow
from cost_reports.metering import meters
from cost_reports.metering.meters import UsageRowFactory
from lambdas.common.step import Step
from lambdas.common.store import MissingObjectError
from lambdas.comparison import orchestration, paired

STORAGE_SOURCE = "s3:ListObjectsV2, size of each object x time since it was written"
CHILDREN_SOURCE = "states:DescribeMapRun, child executions x states of the item processor"


def summarise(
    step: Step, executions: Mapping[str, str | None], errors: Mapping[str, str | None], states: Any
) -> dict[str, Any]:
    """Return `{"paired_key", "usage_rows", "failed"}`. An approach without scores is left out of the pairs and named.

    `states` is a boto3 Step Functions client.
    """
    experiment, run = step.manifest.experiment, step.manifest.run
    scores = {approach: _scores(step, approach) for approach in APPROACHES}
    failed = [approach for approach in APPROACHES if errors.get(approach) or not scores[approach]]
    rows = paired.compare(
        [row for found in scores.values() for row in found],
        experiment=experiment,
        run=run,
        seed=step.manifest.seed,
        gate=step.results.experiment(step.manifest).gate,
    )
    paired_key = keys.paired(experiment, run)
    step.results.write(paired_key, rows)
    usage = _usage(step, executions, states)
    for (approach, part), found in usage.items():
        step.results.write(keys.usage(experiment, run, approach, part), found)
    step.log.info("compared", paired_rows=len(rows), failed=failed)
    step.write_usage(keys.SHARED, "summarise", continued=True)
    return {"paired_key": paired_key, "usage_rows": sum(map(len, usage.values())), "failed": failed}


def _scores(step: Step, approach: str) -> list[ScoreRow]:
    try:
        return step.results.read(keys.scores(step.manifest.experiment, step.manifest.run, approach), ScoreRow)
    except MissingObjectError:
        return []


def _usage(step: Step, executions: Mapping[str, str | None], states: Any) -> dict[tuple[str, str], list[UsageRow]]:
    """Return (approach, part) -> rows.

    Transitions have a part for each execution: a continued run keeps those of its earlier attempts. Storage has one
    part, which every attempt computes anew.
    """
    rows_of = replace(step.meter.context(), start=step.manifest.created)
    usage: dict[tuple[str, str], list[UsageRow]] = {}
    for approach, arn in executions.items():
        if arn is not None:
            part = f"orchestration-{arn.rpartition(':')[2]}"
            usage[approach, part] = _transitions(replace(rows_of, approach=approach), arn, states)
    now = datetime.now(UTC)
    for approach, objects in _objects(step).items():
        if found := _storage(replace(rows_of, approach=approach), objects, now):
            usage[approach, "storage"] = found
    return usage


def _objects(step: Step) -> dict[str, list[dict[str, Any]]]:
    """Return the run's objects by approach; its own files and its input belong to `shared`.

    Runs of the same input share it: each counts it from its own beginning.
    """
    manifest, results = step.manifest, step.results
    prefix = keys.run_prefix(manifest.experiment, manifest.run)
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in results.objects(prefix):
        folder = entry["Key"].removeprefix(prefix).partition("/")[0]
        kind, _, approach = folder.partition("=")
        found.setdefault(approach if kind == "approach" else keys.SHARED, []).append(entry)
    began = datetime.fromisoformat(manifest.created)
    for entry in results.objects(manifest.input_prefix):
        since = {**entry, "LastModified": max(entry["LastModified"], began)}
        found.setdefault(keys.SHARED, []).append(since)
    return found


def _transitions(rows_of: UsageRowFactory, execution_arn: str, states: Any) -> list[UsageRow]:
    count = orchestration.transitions(states, execution_arn)
    rows = [rows_of.row(meters.TRANSITIONS, count.reported, basis="reported")]
    if count.children:
        rows.append(rows_of.row(meters.TRANSITIONS, count.children, source=CHILDREN_SOURCE))
    return rows


def _storage(rows_of: UsageRowFactory, objects: list[dict[str, Any]], now: datetime) -> list[UsageRow]:
    """One row for all objects; ages differ, so that bytes x seconds come summed up, as seconds of one byte."""
    byte_seconds = orchestration.stored_byte_seconds(objects, now)
    return [rows_of.row(meters.S3_STORAGE, byte_seconds, source=STORAGE_SOURCE)] if byte_seconds else []
