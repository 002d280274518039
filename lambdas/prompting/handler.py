"""Lambda entry points of the prompting approach."""

from __future__ import annotations

from typing import Any

from lambdas.common import answering, runtime, settings
from lambdas.common.runtime import LambdaContext
from lambdas.common.settings import AnswerSettings, GeneratorSettings
from lambdas.common.step import field, open_step
from lambdas.prompting import logic


def prepare(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Probe the model, write the items of the answering Map: `{"bucket", "items_key", "items": n}`."""
    step = open_step(event, context, "prompting")
    with step.meter:
        generator = settings.read(GeneratorSettings)
        logic.probe_generator(step, generator, runtime.client("bedrock-runtime"))
        items = answering.write_items(step.results, step.manifest, "prompting")
        step.write_usage("prompting", "prepare", continued=True)
        return items


def answer(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the batch `{"variant", "batch"}`: `{"variant", "batch", "answered", "errors", "skipped"}`."""
    variant = field(event, "variant", str)
    step = open_step(event, context, "prompting", variant)
    with step.meter:
        return logic.answer(
            step,
            variant,
            field(event, "batch", int),
            settings.read(GeneratorSettings),
            runtime.client("bedrock-runtime"),
            workers=settings.read(AnswerSettings).workers,
        )
