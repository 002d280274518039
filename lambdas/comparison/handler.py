"""Lambda entry point of the comparison, which runs after the pipelines."""

from __future__ import annotations

from typing import Any

from contracts import keys
from lambdas.common.runtime import LambdaContext, client
from lambdas.common.step import field, open_step
from lambdas.comparison import logic


def summarise(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Compare the approaches of a run and meter its orchestration.

    Event: `{"experiment", "run", "executions": {approach: ARN or null}, "errors": {approach: text}}`.

    Returns:
        `{"paired_key", "usage_rows", "failed": [approach, ...]}`.
    """
    executions, errors = field(event, "executions", dict), field(event, "errors", dict)
    step = open_step(event, context, keys.SHARED)
    with step.meter:
        return logic.summarise(step, executions, errors, client("stepfunctions"))
