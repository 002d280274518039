"""Lambda entry points of the fine-tuning approach."""

from __future__ import annotations

from typing import Any

from lambdas.common import runtime, settings
from lambdas.common.runtime import LambdaContext
from lambdas.common.settings import AnswerSettings, BaseModelSettings, ServerSettings, TagSettings
from lambdas.common.step import field, open_step
from lambdas.fine_tuning import logic
from lambdas.fine_tuning.contexts import PageRetriever


def prepare(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Items, training data, code, names and tags for the state machine; see `preparation.prepare`."""
    from lambdas.fine_tuning import preparation  # the training data: no other entry point needs it

    step = open_step(event, context, "fine-tuning")
    with step.meter:
        given = preparation.prepare(
            step,
            field(event, "execution", str),
            settings.read(BaseModelSettings),
            settings.read(ServerSettings),
            settings.read(TagSettings),
            PageRetriever.open,
        )
        # One part an execution: a later one, which finds the model trained, must not write over what this one used.
        step.write_usage("fine-tuning", f"prepare-{given['names']['endpoint'][-8:]}")
        return given


def answer(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the batch `{"variant", "batch", "endpoint"}`: `{"variant", "batch", "answered", "errors", "skipped"}`."""
    variant = field(event, "variant", str)
    step = open_step(event, context, "fine-tuning", variant)
    with step.meter:
        return logic.answer(
            step,
            variant,
            field(event, "batch", int),
            endpoint_name=field(event, "endpoint", str),
            client=runtime.client("sagemaker-runtime"),
            base=settings.read(BaseModelSettings),
            workers=settings.read(AnswerSettings).workers,
            open_pages=PageRetriever.open,
        )


def record_usage(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Record what the training job and the endpoint used: `{"usage_rows": n}`."""
    step = open_step(event, context, "fine-tuning")
    with step.meter:
        return logic.record_usage(step, event)
