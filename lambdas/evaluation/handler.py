"""Lambda entry point of the evaluation step, which every pipeline runs on its own answers."""

from __future__ import annotations

from typing import Any

from contracts.experiment import APPROACHES, VARIANTS
from lambdas.common.runtime import LambdaContext
from lambdas.common.step import EventError, field, open_step
from lambdas.evaluation import logic


def evaluate(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Score `{"experiment", "run", "approach"}`; return `{"approach", "variants", "answers", "quality_key"}`."""
    name = field(event, "approach", str)
    approach = next((known for known in APPROACHES if known == name), None)
    if approach is None:
        raise EventError(f"event field 'approach' is {name!r}; known are {', '.join(VARIANTS)}")
    step = open_step(event, context, approach)
    with step.meter:
        return logic.evaluate(step, approach)
