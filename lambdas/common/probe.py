"""One paid call before the many, made by the step that prepares an approach, with the longest prompt of the run.

A wrong model id, missing access, a refused parameter or a prompt that is too long costs that call, and the run fails
with one line that names the model and what to do. Options that the model refuses are written down, so that no function
of the fan-out pays for finding out again. A continued run is not probed twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from contracts import json_codec, keys
from contracts.experiment import Approach
from contracts.run import Manifest
from lambdas.common import bedrock
from lambdas.common.bedrock import ModelCallError
from lambdas.common.prompts import Prompt
from lambdas.common.runtime import error_code
from lambdas.common.settings import GeneratorSettings
from lambdas.common.step import Step
from lambdas.common.store import MissingObjectError, Results

#: Part of what a service says -> what to do. The first that fits counts; `{}` is the setting that names the model.
REMEDIES = (
    ("accessdenied", "ask for access to the model in the Amazon Bedrock console, or set another one at {}"),
    ("resourcenotfound", "correct {} in experiment.yaml and deploy again"),
    ("model identifier", "correct {} in experiment.yaml and deploy again"),
    ("end of its life", "set a current model at {} in experiment.yaml and deploy again"),
    ("maximum tokens", "lower prompt.answer_tokens or prompt.reasoning_tokens in experiment.yaml"),
    ("too long", "shorten the prompt in experiment.yaml: prompt.shots, prompt.page_shots, retrieval.chunk_characters"),
    ("too many input tokens", "lower retrieval.chunk_characters in experiment.yaml"),
    ("per day", "wait until tomorrow or ask AWS for a higher quota"),
)
OTHERWISE = "correct {} or prompt in experiment.yaml"


class ProbeError(RuntimeError):
    """A model refused its probe. The message is one line: the model, what it said, what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """The models of an approach that have answered, by the setting that names them, and options that were refused."""

    models: dict[str, str]
    refused: tuple[str, ...] = ()


def generator(step: Step, approach: Approach, model: GeneratorSettings, prompts: Iterable[Prompt], client: Any) -> None:
    """Make one Converse call with the longest of `prompts` and the most output tokens that any of them may use.

    Raises:
        ProbeError: the model refused it.
        DeadlineError, ModelCallError: the service was out, or throttled the call all the time.
    """
    manifest = step.manifest
    metadata = {"experiment": manifest.experiment, "run": manifest.run, "approach": approach, "variant": "probe"}

    def ask() -> frozenset[str]:
        prompt = longest(prompts)
        generated = bedrock.converse(client, model.profile_arn, prompt, deadline=step.deadline, metadata=metadata)
        step.meter.generated(model.model_id, **generated.usage())
        return bedrock.refused(model.profile_arn)

    _once(step, approach, "models.generator", model.model_id, ask)


def embedding(
    step: Step, approach: Approach, model_id: str, embed: Callable[[str], object], texts: Iterable[str]
) -> None:
    """Embed the longest of `texts`; `embed` meters itself. Errors as `generator`."""

    def ask() -> frozenset[str]:
        embed(max(texts, key=len))
        return frozenset()

    _once(step, approach, "models.embedding", model_id, ask)


def _once(step: Step, approach: Approach, setting: str, model_id: str, ask: Callable[[], frozenset[str]]) -> None:
    """Make the call `ask` of a model, which returns the options that it refused, unless the run has made it before."""
    known = read(step.results, step.manifest, approach)
    if known.models.get(setting) == model_id:
        return
    try:
        refused = ask()
    except ModelCallError as error:
        step.write_usage(approach, "probe", continued=True)  # what was paid until here is not lost
        if error.retryable:
            raise ModelCallError(
                f"{model_id} did not answer the call before the run: {error}; go on with `ladder run --resume "
                f"{step.manifest.run}`",
                attempts=error.attempts,
                retryable=True,
            ) from error
        raise ProbeError(f"{model_id} refused the call before the run: {error}; {remedy(error, setting)}") from error
    found = Probed(models={**known.models, setting: model_id}, refused=tuple(sorted({*known.refused, *refused})))
    key = keys.probe(step.manifest.experiment, step.manifest.run, approach)
    step.results.write_text(key, json.dumps(json_codec.to_jsonable(found)))


def remember(step: Step, approach: Approach, model: GeneratorSettings) -> None:
    """Leave out of this process's calls what the probe found the model to refuse."""
    bedrock.refuse(model.profile_arn, read(step.results, step.manifest, approach).refused)


def read(results: Results, manifest: Manifest, approach: Approach) -> Probed:
    """Return what the run's probes found; nothing before the first one."""
    try:
        text = results.read_text(keys.probe(manifest.experiment, manifest.run, approach))
    except MissingObjectError:
        return Probed(models={})
    return json_codec.from_jsonable(Probed, json.loads(text))


def longest(prompts: Iterable[Prompt]) -> Prompt:
    """Return the prompt with the most characters, with the largest limit of output tokens of all."""
    known = list(prompts)
    most = max(prompt.max_output_tokens for prompt in known)
    return replace(max(known, key=_characters), max_output_tokens=most)


def remedy(error: ModelCallError, setting: str) -> str:
    """Return what to do about a refusal."""
    said = f"{error_code(error.__cause__ or error)} {error}".lower()
    return next((todo for part, todo in REMEDIES if part in said), OTHERWISE).format(setting)


def _characters(prompt: Prompt) -> int:
    return len(prompt.system or "") + sum(len(message.content) for message in prompt.messages)
