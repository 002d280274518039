"""Compares the approaches of a run on the same questions and adds the usage that belongs to no single step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cost_reports import meters
from cost_reports.contracts import UsageRow
from cost_reports.meters import MeterContext
from lambdas.common import keys
from lambdas.common.contracts import APPROACHES, ScoreRow
from lambdas.common.step import Step
from lambdas.common.store import MissingObjectError
from lambdas.comparison import orchestration, paired

STORAGE_SOURCE = "s3:ListObjectsV2, size of each object x time since it was written"
CHILDREN_SOURCE = "states:DescribeMapRun, child executions x states of the item processor"


def summarise(
    step: Step, executions: Mapping[str, str | None], errors: Mapping[str, str | None], states: Any
) -> dict[str, Any]:
    """Gives `{"paired_key", "usage_rows", "failed"}`. An approach without scores is left out of the pairs and named.

    `states` is a boto3 Step Functions client.
    """
    experiment, run = step.manifest.experiment, step.manifest.run
    scores = {approach: _scores(step, approach) for approach in APPROACHES}
    failed = [approach for approach in APPROACHES if errors.get(approach) or not scores[approach]]
    rows = paired.compare(
        [row for found in scores.values() for row in found], experiment=experiment, run=run, seed=step.manifest.seed
    )
    paired_key = keys.paired(experiment, run)
    step.results.write(paired_key, rows)
    usage = _usage(step, executions, states)
    step.log.info("compared", paired_rows=len(rows), failed=failed)
    own = usage.pop(keys.SHARED, [])
    for approach, found in usage.items():
        step.results.write(keys.usage(experiment, run, approach, "orchestration"), found)
    step.meter.add(own)
    step.write_usage(keys.SHARED, "summarise")
    written = len(own) + sum(len(found) for found in usage.values())
    return {"paired_key": paired_key, "usage_rows": written, "failed": failed}


def _scores(step: Step, approach: str) -> list[ScoreRow]:
    try:
        return step.results.read(keys.scores(step.manifest.experiment, step.manifest.run, approach), ScoreRow)
    except MissingObjectError:
        return []


def _usage(step: Step, executions: Mapping[str, str | None], states: Any) -> dict[str, list[UsageRow]]:
    """Orchestration and storage by approach, `shared` included."""
    manifest = step.manifest
    now = datetime.now(UTC)
    since_start = replace(step.meter.context(), start=manifest.created)
    usage: dict[str, list[UsageRow]] = {}
    for approach in dict.fromkeys((*APPROACHES, keys.SHARED, *executions)):
        ctx = replace(since_start, approach=approach)
        found = _transitions(ctx, executions.get(approach), states)
        objects = orchestration.list_objects(
            step.results.s3, step.results.bucket, keys.approach_prefix(manifest.experiment, manifest.run, approach)
        )
        found += _storage(ctx, objects, now)
        if found:
            usage[approach] = found
    return usage


def _transitions(ctx: MeterContext, execution_arn: str | None, states: Any) -> list[UsageRow]:
    if execution_arn is None:
        return []
    count = orchestration.transitions(states, execution_arn)
    rows = [meters.state_transitions(ctx, count.reported, basis="reported")]
    if count.children:
        rows.append(meters.state_transitions(ctx, count.children, basis="derived", source=CHILDREN_SOURCE))
    return rows


def _storage(ctx: MeterContext, objects: list[dict[str, Any]], now: datetime) -> list[UsageRow]:
    """One row for the whole prefix; ages differ, so that bytes x seconds come summed up, as seconds of one byte."""
    byte_seconds = orchestration.stored_byte_seconds(objects, now)
    return [meters.s3_stored_bytes(ctx, 1, byte_seconds, source=STORAGE_SOURCE)] if byte_seconds else []
