"""Lambda entry point of the evaluation step, which every pipeline runs on its own answers."""

from __future__ import annotations

from typing import Any

from contracts.experiment import APPROACHES, VARIANTS
from lambdas.common import rounds
from lambdas.common.runtime import LambdaContext
from lambdas.common.step import EventError, field, open_step
from lambdas.evaluation import logic


def evaluate(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Score `{"experiment", "run", "approach"}`; return `{"approach", "variants", "answers", "quality_key"}`.

    With `"round"` and `"left_before"` in the event, see `rounds.settle`: what is left to ask is listed, nothing scored.
    """
    name = field(event, "approach", str)
    approach = next((known for known in APPROACHES if known == name), None)
    if approach is None:
        raise EventError(f"event field 'approach' is {name!r}; known are {', '.join(VARIANTS)}")
    step = open_step(event, context, approach)
    with step.meter:
        if "round" in event:
            number, before = _count(event, "round"), _count(event, "left_before")
            settled = rounds.settle(step.results, step.manifest, approach, round_number=number, left_before=before)
            step.log.info(settled["message"], round=number, again=settled["again"])
            step.write_usage(approach, f"settle-{number:02d}", continued=True)
            return settled
        return logic.evaluate(step, approach)


def _count(event: dict[str, Any], name: str) -> int:
    """Return a whole number of the event, which an intrinsic function of Step Functions may have written as `1.0`."""
    value = event.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise EventError(f"event field {name!r} must be a whole number, not {value!r}")
    return int(value)
