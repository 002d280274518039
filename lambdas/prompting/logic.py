"""Prompting: the house style, examples or a line of reasoning, and nothing else. The first rung of the ladder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.experiment import SHOT_VARIANTS, Question
from lambdas.common import bedrock, prompts
from lambdas.common.answering import Answered, Batch, answer_batch
from lambdas.common.prompts import Shot
from lambdas.common.settings import GeneratorSettings
from lambdas.common.step import Step


def answerer(step: Step, batch: Batch, generator: GeneratorSettings, client: Any) -> Callable[[Question], Answered]:
    """Return the function that answers one question of `batch`; shots are chosen once."""
    experiment = step.results.experiment(step.manifest)
    shots: tuple[Shot, ...] = ()
    if batch.variant in SHOT_VARIANTS:
        train = step.results.questions(step.manifest, "train")
        shots = prompts.choose_shots(train, step.manifest.seed, experiment.prompt.shots)
    metadata = {
        "experiment": step.manifest.experiment,
        "run": step.manifest.run,
        "approach": batch.approach,
        "variant": batch.variant,
    }

    def answer(question: Question) -> Answered:
        prompt = prompts.render(batch.variant, question.question, experiment, shots=shots)
        return Answered(
            generated=bedrock.converse(client, generator.profile_arn, prompt, deadline=step.deadline, metadata=metadata)
        )

    return answer


def answer(
    step: Step, variant: str, number: int, generator: GeneratorSettings, client: Any, *, workers: int
) -> dict[str, Any]:
    """Answer batch `number` with `variant`; the summary of `answer_batch`."""
    batch = Batch(
        manifest=step.manifest, approach="prompting", variant=variant, number=number, model_id=generator.model_id
    )
    return answer_batch(
        step.results,
        batch,
        answerer(step, batch, generator, client),
        meter=step.meter,
        deadline=step.deadline,
        log=step.log,
        workers=workers,
    )
