"""Converse and embeddings through fake clients."""

from __future__ import annotations

import copy
import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts.times import Deadline
from lambdas.common import bedrock, prompts, runtime
from lambdas.common.bedrock import Embedded, ModelCallError
from lambdas.common.prompts import Message, Prompt
from lambdas.common.runtime import DeadlineError
from tests.unit.lambdas.lambda_world import INVALID, TASK, THROTTLED, FakeConverse, client_error

PROMPT = prompts.render("zero-shot", "How wide?", TASK)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_sleep", lambda seconds: None)


def test_the_request_is_the_prompt(world: Any) -> None:
    client = FakeConverse()
    bedrock.converse(client, "arn:profile", PROMPT, metadata={"run": "r1"})
    assert client.requests == [
        {
            "modelId": "arn:profile",
            "messages": [{"role": "user", "content": [{"text": "How wide?"}]}],
            "system": [{"text": PROMPT.system}],
            "inferenceConfig": {"maxTokens": 24, "temperature": 0.0},
            "requestMetadata": {"run": "r1"},
        }
    ]


def test_a_prompt_without_system_sends_none() -> None:
    client = FakeConverse()
    bedrock.converse(client, "arn", prompts.render("lora", "q", TASK))
    assert set(client.requests[0]) == {"modelId", "messages", "inferenceConfig"}


def test_text_tokens_and_attempts_come_back() -> None:
    client = FakeConverse(lambda _: " 7 mm [PRD-01]\n")
    client.failures["How wide?"] = [client_error(*THROTTLED), client_error("InternalServerException", 500)]
    generated = bedrock.converse(client, "arn", PROMPT)
    assert (generated.text, generated.input_tokens, generated.output_tokens) == ("7 mm [PRD-01]", 50, 7)
    assert (generated.attempts, generated.cached_tokens) == (3, 0)
    assert generated.latency_ms >= 0


def test_blocks_that_are_no_text_are_left_out() -> None:
    class Reasoning(FakeConverse):
        def converse(self, **request: Any) -> dict[str, Any]:
            response = super().converse(**request)
            response["output"]["message"]["content"].insert(0, {"reasoningContent": {"reasoningText": {"text": "hm"}}})
            response["usage"]["cacheReadInputTokens"] = 40
            return response

    generated = bedrock.converse(Reasoning(), "arn", PROMPT)
    assert (generated.text, generated.cached_tokens) == ("answer to How wide?", 40)


def test_a_refused_request_says_so_at_once() -> None:
    client = FakeConverse()
    client.failures["How wide?"] = [client_error(*INVALID)]
    with pytest.raises(
        ModelCallError, match=r"^ValidationException: Input is too long for requested model\.$"
    ) as caught:
        bedrock.converse(client, "arn", PROMPT)
    assert (caught.value.attempts, caught.value.retryable) == (1, False)


def test_throttling_without_end_is_a_retryable_error_with_its_attempts() -> None:
    client = FakeConverse()
    client.failures["How wide?"] = [client_error(*THROTTLED)] * 6
    with pytest.raises(ModelCallError) as caught:
        bedrock.converse(client, "arn", PROMPT)
    assert (caught.value.attempts, caught.value.retryable) == (6, True)


def test_no_time_is_a_deadline_error() -> None:
    with pytest.raises(DeadlineError):
        bedrock.converse(FakeConverse(), "arn", PROMPT, deadline=Deadline.after(0))


class FakeTitan:
    def __init__(self, numbers: int) -> None:
        self.numbers = numbers
        self.requests: list[dict[str, Any]] = []

    def invoke_model(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        answer = {"embedding": [0.5] * self.numbers, "inputTextTokenCount": 3}
        return {"body": io.BytesIO(json.dumps(answer).encode())}


def test_embedding_uses_the_titan_format() -> None:
    client = FakeTitan(4)
    assert bedrock.embed(client, "arn", "two words", 4) == Embedded(vector=(0.5,) * 4, input_tokens=3)
    assert json.loads(client.requests[0]["body"]) == {"inputText": "two words", "dimensions": 4, "normalize": True}
    assert client.requests[0]["modelId"] == "arn"


def test_a_vector_of_another_length_is_an_error() -> None:
    with pytest.raises(ModelCallError, match="gave a vector of 3 numbers, 4 were asked for"):
        bedrock.embed(FakeTitan(3), "arn", "x", 4)


class WithoutTemperature:
    """A model that takes no temperature, as newer ones; it answers what it was asked with."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def converse(self, **request: Any) -> dict[str, Any]:
        self.requests.append(copy.deepcopy(request))
        if "temperature" in request["inferenceConfig"]:
            message = "The model returned the following errors: `temperature` is deprecated for this model."
            raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "Converse")
        usage = {"inputTokens": 3, "outputTokens": 1}
        return {"usage": usage, "output": {"message": {"content": [{"text": "ok"}]}}}


def test_a_model_that_takes_no_temperature_is_asked_without_it_from_then_on() -> None:
    client = WithoutTemperature()
    prompt = Prompt(system=None, messages=(Message("user", "q"),), max_output_tokens=24)
    for _ in range(2):
        assert bedrock.converse(client, "arn:a-model-without-temperature", prompt).text == "ok"
    assert ["temperature" in request["inferenceConfig"] for request in client.requests] == [True, False, False]
    assert all(request["inferenceConfig"]["maxTokens"] == 24 for request in client.requests)
