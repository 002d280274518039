"""One paid call before the many: what it finds out, what it says, and that it is made once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contracts import keys
from contracts.money import UsageRow
from lambdas.common import bedrock, probe, prompts
from lambdas.common.bedrock import ModelCallError
from lambdas.common.probe import ProbeError
from lambdas.prompting import handler
from tests.unit.lambdas.lambda_world import (
    EXPERIMENT,
    INVALID,
    RUN,
    TASK,
    Context,
    FakeConverse,
    World,
    client_error,
)


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is a new process: nothing is known of the models."""
    monkeypatch.setattr(bedrock, "_refused", {})


class Refusing(FakeConverse):
    """A model that refuses the options named, as Bedrock says it."""

    def __init__(self, *options: str) -> None:
        super().__init__()
        self.options = options
        self.refused = 0

    def converse(self, **request: Any) -> dict[str, Any]:
        for option in self.options:
            if option in request["inferenceConfig"]:
                self.refused += 1
                message = f"This model doesn't support the {option} field. Remove {option} and try again."
                raise client_error("ValidationException", 400, message)
        return super().converse(**request)


def serve(monkeypatch: pytest.MonkeyPatch, client: FakeConverse) -> FakeConverse:
    from lambdas.common import runtime

    monkeypatch.setitem(runtime._clients, "bedrock-runtime", client)
    monkeypatch.setattr(runtime, "_sleep", lambda seconds: None)
    return client


def probe_usage(world: World, step: str) -> dict[str, int]:
    rows = world.results.read(keys.usage(EXPERIMENT, RUN, "prompting", step), UsageRow)
    return {row.usage_type: int(row.amount) for row in rows if row.unit == "tokens"}


def test_the_longest_prompt_is_asked_once_with_room_for_the_longest_answer(
    world: World, context: Context, bedrock_client: FakeConverse
) -> None:
    handler.prepare(world.event(), context)
    (request,) = bedrock_client.requests
    assert len(request["messages"]) == 9  # few-shot is the longest
    assert request["inferenceConfig"]["maxTokens"] == 24 + 56  # chain-of-thought may write most
    longest = max(len(text) for text in (f"What is the width of {k} {n}?" for k in ("PRD", "SIT") for n in range(9)))
    assert len(request["messages"][-1]["content"][0]["text"]) == longest
    assert request["requestMetadata"] == {
        "experiment": EXPERIMENT,
        "run": RUN,
        "approach": "prompting",
        "variant": "probe",
    }
    assert probe_usage(world, "prepare") == {"USE1-NovaMicro-input-tokens": 50, "USE1-NovaMicro-output-tokens": 7}


def test_a_continued_run_is_not_probed_again_and_another_model_is(
    world: World, context: Context, bedrock_client: FakeConverse, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler.prepare(world.event(), context)
    handler.prepare(world.event(), context)
    assert len(bedrock_client.requests) == 1
    monkeypatch.setenv("GENERATOR_MODEL_ID", "us.amazon.nova-lite-v1:0")
    handler.prepare(world.event(), context)
    assert len(bedrock_client.requests) == 2


@pytest.mark.parametrize("options", [("temperature",), ("stopSequences",), ("temperature", "stopSequences")])
def test_what_the_model_refuses_is_found_out_once_for_all_functions(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    text = world.results.read_text(f"{world.manifest.input_prefix}experiment.json")
    experiment = json.loads(text)
    experiment["prompt"]["stop"] = ["\n"]
    world.results.write_text(f"{world.manifest.input_prefix}experiment.json", json.dumps(experiment))
    client = serve(monkeypatch, Refusing(*options))
    handler.prepare(world.event(), context)
    assert client.refused == len(options)  # type: ignore[attr-defined]
    for number in range(3):
        monkeypatch.setattr(bedrock, "_refused", {})  # a function's process of its own
        given = handler.answer(world.event(variant="zero-shot", batch=number), context)
        assert (given["answered"], given["errors"]) == (5, 0)
    assert client.refused == len(options)  # type: ignore[attr-defined]
    sent = {"temperature", "stopSequences"} - set(options)
    assert all(set(request["inferenceConfig"]) == {"maxTokens", *sent} for request in client.requests)


@pytest.mark.parametrize(
    ("code", "status", "message", "todo"),
    [
        (
            "AccessDeniedException",
            403,
            "You don't have access to the model with the specified model ID.",
            "ask for access to the model in the Amazon Bedrock console, or set another one at models.generator",
        ),
        (
            "ValidationException",
            400,
            "The provided model identifier is invalid.",
            "correct models.generator in experiment.yaml and deploy again",
        ),
        (
            "ResourceNotFoundException",
            404,
            "This model version has reached the end of its life.",
            "correct models.generator in experiment.yaml and deploy again",
        ),
        (
            *INVALID,
            "shorten the prompt in experiment.yaml: prompt.shots, prompt.page_shots, retrieval.chunk_characters",
        ),
        (
            "ValidationException",
            400,
            "The maximum tokens you requested exceeds the model limit of 10. Try again with a maximum tokens value "
            "that is lower than 10.",
            "lower prompt.answer_tokens or prompt.reasoning_tokens in experiment.yaml",
        ),
        (
            "ThrottlingException",
            429,
            "Too many tokens per day, please wait before trying again.",
            "wait until tomorrow or ask AWS for a higher quota",
        ),
        ("ValidationException", 400, "no", "correct models.generator or prompt in experiment.yaml"),
    ],
)
def test_a_refusal_costs_one_call_and_says_what_to_do(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch, code: str, status: int, message: str, todo: str
) -> None:
    class Broken(FakeConverse):
        def converse(self, **request: Any) -> dict[str, Any]:
            self.requests.append(request)
            raise client_error(code, status, message)

    client = serve(monkeypatch, Broken())
    with pytest.raises(ProbeError) as caught:
        handler.prepare(world.event(), context)
    line = str(caught.value)
    assert line.startswith(f"us.amazon.nova-micro-v1:0 refused the call before the run: {code}: ")
    assert line.endswith(f"; {todo}")
    assert "\n" not in line
    assert len(client.requests) == 1
    assert not world.results.exists(keys.answer_items(EXPERIMENT, RUN, "prompting"))
    # The step itself was paid for.
    assert world.results.exists(keys.usage(EXPERIMENT, RUN, "prompting", "probe"))


def test_an_outage_is_no_refusal(world: World, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    class Out(FakeConverse):
        def converse(self, **request: Any) -> dict[str, Any]:
            raise client_error("ServiceUnavailableException", 503, "Try your request again.")

    serve(monkeypatch, Out())
    with pytest.raises(ModelCallError, match=r"did not answer the call before the run: .*go on with `ladder run") as e:
        handler.prepare(world.event(), context)
    assert e.value.retryable


def test_the_longest_prompt_is_told_by_all_of_its_text() -> None:
    short = prompts.render("zero-shot", "Why?", TASK)
    long = prompts.render("zero-shot", "Why is that so?", TASK)
    thinking = prompts.render("chain-of-thought", "?", TASK)
    assert probe.longest([short, long]).messages == long.messages
    chosen = probe.longest([long, thinking])
    assert len(thinking.system or "") > len(long.system or "")
    assert (chosen.messages, chosen.max_output_tokens) == (thinking.messages, thinking.max_output_tokens)
