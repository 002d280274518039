"""Prompting: the house style, examples or a line of reasoning, and nothing else. The first rung of the ladder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.experiment import SHOT_VARIANTS, VARIANTS, Approach, Experiment, Question
from lambdas.common import bedrock, probe, prompts
from lambdas.common.answering import Answered, Batch, answer_batch
from lambdas.common.prompts import Shot
from lambdas.common.settings import GeneratorSettings
from lambdas.common.step import Step

APPROACH: Approach = "prompting"


def probe_generator(step: Step, generator: GeneratorSettings, client: Any) -> None:
    """Ask the model once, by the longest prompt of any variant and question of the run. Errors as `probe.generator`."""
    experiment, asked = step.results.experiment(step.manifest), set(step.manifest.test_question_ids)
    questions = [q.question for q in step.results.questions(step.manifest, "test") if q.id in asked]
    rendered = [
        prompts.render(variant, question, experiment, shots=shots)
        for variant in VARIANTS[APPROACH]
        for shots in [shots_of(step, experiment, variant)]
        for question in questions
    ]
    probe.generator(step, APPROACH, generator, rendered, client)


def shots_of(step: Step, experiment: Experiment, variant: str) -> tuple[Shot, ...]:
    """Return the worked examples that a variant shows with every question."""
    if variant not in SHOT_VARIANTS:
        return ()
    train = step.results.questions(step.manifest, "train")
    return prompts.choose_shots(train, step.manifest.seed, experiment.prompt.shots)


def answerer(step: Step, batch: Batch, generator: GeneratorSettings, client: Any) -> Callable[[Question], Answered]:
    """Return the function that answers one question of `batch`; shots are chosen once."""
    experiment = step.results.experiment(step.manifest)
    shots = shots_of(step, experiment, batch.variant)
    probe.remember(step, APPROACH, generator)
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
        manifest=step.manifest, approach=APPROACH, variant=variant, number=number, model_id=generator.model_id
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
