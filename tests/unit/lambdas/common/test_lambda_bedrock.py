"""Converse and embeddings through fake clients."""

from __future__ import annotations

import copy
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from contracts.times import Deadline
from lambdas.common import bedrock, prompts, runtime
from lambdas.common.bedrock import Embedded, ModelCallError
from lambdas.common.prompts import Message, Prompt
from lambdas.common.runtime import DeadlineError
from tests.unit.lambdas.lambda_world import INVALID, TASK, THROTTLED, Clock, FakeConverse, client_error

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


def test_throttling_is_waited_out_until_the_deadline_and_no_longer(clock: Clock) -> None:
    client = FakeConverse()
    client.failures["How wide?"] = [client_error(*THROTTLED) for _ in range(40)]
    assert bedrock.converse(client, "arn", PROMPT, deadline=Deadline.after(900)).attempts == 41
    client.failures["How wide?"] = [client_error(*THROTTLED) for _ in range(1000)]
    with pytest.raises(DeadlineError, match="ThrottlingException: Too many requests, please wait") as caught:
        bedrock.converse(client, "arn", PROMPT, deadline=Deadline.after(900))
    # Waits of 15 s on average, after the first eight.
    assert 30 < caught.value.attempts < 120
    assert clock.now < 2 * 900


def test_an_outage_has_few_attempts() -> None:
    client = FakeConverse()
    client.failures["How wide?"] = [client_error("ServiceUnavailableException", 503) for _ in range(6)]
    with pytest.raises(ModelCallError) as caught:
        bedrock.converse(client, "arn", PROMPT)
    assert (caught.value.attempts, caught.value.retryable) == (6, True)


def test_a_quota_of_the_day_is_not_waited_for() -> None:
    client = FakeConverse()
    client.failures["How wide?"] = [client_error("ThrottlingException", 429, "Too many tokens per day, please wait")]
    with pytest.raises(ModelCallError) as caught:
        bedrock.converse(client, "arn", PROMPT)
    assert (caught.value.attempts, caught.value.retryable) == (1, False)


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


class Picky:
    """A model that takes no option of `refuses`, in the words of Bedrock; it answers what it was asked without them."""

    def __init__(self, refuses: dict[str, str]) -> None:
        self.refuses = refuses
        self.requests: list[dict[str, Any]] = []

    def converse(self, **request: Any) -> dict[str, Any]:
        self.requests.append(copy.deepcopy(request))
        for name, message in self.refuses.items():
            if name in request["inferenceConfig"]:
                raise client_error("ValidationException", 400, message)
        usage = {"inputTokens": 3, "outputTokens": 1}
        return {"usage": usage, "output": {"message": {"content": [{"text": "ok"}]}}}

    def options(self) -> list[set[str]]:
        return [set(request["inferenceConfig"]) for request in self.requests]


NO_TEMPERATURE = "The model returned the following errors: `temperature` is deprecated for this model."
NO_STOP = "This model doesn't support the stopSequences field. Remove stopSequences and try again."
FULL = Prompt(system=None, messages=(Message("user", "q"),), max_output_tokens=24, temperature=0.0, stop=("\n",))


@pytest.mark.parametrize(
    ("refuses", "left"),
    [
        ({"temperature": NO_TEMPERATURE}, {"stopSequences"}),
        ({"stopSequences": NO_STOP}, {"temperature"}),
        ({"temperature": NO_TEMPERATURE, "stopSequences": NO_STOP}, set()),
    ],
)
def test_an_option_that_the_model_refuses_is_left_out_from_then_on(refuses: dict[str, str], left: set[str]) -> None:
    client, arn = Picky(refuses), f"arn:picky:{'-'.join(refuses)}"
    for _ in range(2):
        assert bedrock.converse(client, arn, FULL).text == "ok"
    assert client.options()[0] == {"maxTokens", "temperature", "stopSequences"}
    assert client.options()[len(refuses) :] == [{"maxTokens", *left}] * 2
    assert bedrock.refused(arn) == set(refuses)
    assert all(request["inferenceConfig"]["maxTokens"] == 24 for request in client.requests)


def test_options_that_a_probe_found_refused_are_never_sent() -> None:
    client = Picky({"temperature": NO_TEMPERATURE, "stopSequences": NO_STOP})
    bedrock.refuse("arn:probed", ["temperature", "stopSequences"])
    assert bedrock.converse(client, "arn:probed", FULL).text == "ok"
    assert client.options() == [{"maxTokens"}]


def test_a_refusal_for_another_reason_is_the_call_s_own_error() -> None:
    client = Picky({"maxTokens": "The maximum tokens you requested exceeds the model limit of 10."})
    with pytest.raises(ModelCallError, match="exceeds the model limit of 10"):
        bedrock.converse(client, "arn:limited", FULL)
    assert len(client.requests) == 1


def test_no_temperature_is_sent_where_none_is_set() -> None:
    client = Picky({})
    bedrock.converse(client, "arn", replace(FULL, temperature=None, stop=()))
    assert client.options() == [{"maxTokens"}]


class Reporting:
    """A model whose response carries `more`."""

    def __init__(self, usage: dict[str, Any], text: str = "12 mm", **more: Any) -> None:
        content = [{"text": text}] if text else []
        self.response = {"usage": usage, "output": {"message": {"content": content}}, **more}

    def converse(self, **request: Any) -> dict[str, Any]:
        return self.response


@pytest.mark.parametrize(
    ("usage", "five_minutes", "hour"),
    [
        ({}, 0, 0),
        ({"cacheWriteInputTokens": 700}, 700, 0),
        ({"cacheWriteInputTokens": 700, "cacheDetails": [{"ttl": "5m", "inputTokens": 700}]}, 700, 0),
        (
            {
                "cacheWriteInputTokens": 900,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 650}, {"ttl": "5m", "inputTokens": 250}],
            },
            250,
            650,
        ),
        ({"cacheDetails": [{"ttl": "1h", "inputTokens": 80}, {"ttl": "5m", "inputTokens": 20}]}, 20, 80),
    ],
)
def test_cache_writes_come_back_by_how_long_they_last(usage: dict[str, Any], five_minutes: int, hour: int) -> None:
    whole = {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7, "cacheReadInputTokens": 30, **usage}
    generated = bedrock.converse(Reporting(whole), "arn", PROMPT)
    assert (generated.cache_write_5m_tokens, generated.cache_write_1h_tokens) == (five_minutes, hour)
    assert (generated.input_tokens, generated.cached_tokens) == (5, 30)


def test_the_stop_reason_and_the_tier_that_served_come_back() -> None:
    usage = {"inputTokens": 5, "outputTokens": 24, "totalTokens": 29}
    client = Reporting(usage, text="", stopReason="max_tokens", serviceTier={"type": "flex"})
    generated = bedrock.converse(client, "arn", PROMPT)
    assert (generated.text, generated.stop_reason, generated.service_tier) == ("", "max_tokens", "flex")
    assert (generated.device, generated.model_revision) == ("", "")
