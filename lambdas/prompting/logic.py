"""Prompting: the house style, examples or a line of reasoning, and nothing else. The first rung of the ladder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from contracts.experiment import HouseStyle, Question
from lambdas.common import bedrock, prompts
from lambdas.common.answering import Answered, Batch, answer_batch
from lambdas.common.prompts import Prompt, Shot
from lambdas.common.settings import GeneratorSettings
from lambdas.common.step import Step


def prompt_for(variant: str, question: str, style: HouseStyle, shots: Sequence[Shot]) -> Prompt:
    """The prompt of a variant of the prompting approach.

    Raises:
        ValueError: the variant is not one of it.
    """
    if variant == "zero-shot":
        return prompts.zero_shot(question, style)
    if variant == "few-shot":
        return prompts.few_shot(question, style, shots)
    if variant == "chain-of-thought":
        return prompts.chain_of_thought(question, style)
    raise ValueError(f"variant {variant!r} has no prompt in prompting")


def answerer(step: Step, batch: Batch, generator: GeneratorSettings, client: Any) -> Callable[[Question], Answered]:
    """Return the function that answers one question of `batch`; shots are chosen once."""
    style = step.results.experiment(step.manifest).house_style
    shots: tuple[Shot, ...] = ()
    if batch.variant == "few-shot":
        shots = prompts.choose_shots(step.results.questions(step.manifest, "train"), step.manifest.seed)
    metadata = {
        "experiment": step.manifest.experiment,
        "run": step.manifest.run,
        "approach": batch.approach,
        "variant": batch.variant,
    }

    def answer(question: Question) -> Answered:
        prompt = prompt_for(batch.variant, question.question, style, shots)
        return Answered(
            generated=bedrock.converse(client, generator.profile_arn, prompt, deadline=step.deadline, metadata=metadata)
        )

    return answer


def answer(step: Step, variant: str, number: int, generator: GeneratorSettings, client: Any) -> dict[str, Any]:
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
    )
