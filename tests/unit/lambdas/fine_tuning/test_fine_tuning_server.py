"""How the server is started and asked, held against what vLLM and its container accept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from contracts.experiment import Document, PromptSettings, Question, Training
from contracts.times import Deadline
from cost_reports.estimate import gpu
from cost_reports.estimate.base_models import PINS
from lambdas.common.prompts import Message, Prompt
from lambdas.fine_tuning import endpoint, server
from tests.unit.lambdas.fine_tuning import vllm_server
from tests.unit.lambdas.lambda_world import TASK, FakeEndpoint, chat_completion

BASE = "Qwen/Qwen3-4B-Instruct-2507"


def environment(
    experiment: Any = TASK,
    base: str = BASE,
    instance: str = "ml.g5.xlarge",
    documents: Iterable[Document] = (),
) -> dict[str, str]:
    return server.environment(
        experiment,
        base=base,
        revision=PINS[BASE].revision,
        instance=instance,
        in_flight=16,
        questions=[Question(id="q", question="How wide is it?", answer="12 mm")],
        documents=documents,
    )


def page(characters: int) -> Document:
    return Document(id="A-1", title="A", text="x" * characters)


def test_the_container_gets_arguments_that_the_server_knows() -> None:
    given = vllm_server.arguments(environment())
    modules = vllm_server.lora_modules(given.pop("lora-modules"))
    assert modules == {"lora": "/opt/ml/model/adapters/lora", "lora+rag": "/opt/ml/model/adapters/lora+rag"}
    assert given == {
        "model": BASE,
        "revision": "cdbee75f17c01a7cc42f958dc650907174af0554",
        "served-model-name": BASE,
        "tokenizer": "/opt/ml/model/tokenizer",
        "default-chat-template-kwargs": {"enable_thinking": False},
        "generation-config": "vllm",
        "dtype": "bfloat16",
        "enable-lora": True,
        "max-loras": 2,
        "max-lora-rank": 16,
        "max-model-len": 256,
        "max-num-seqs": 16,
        "enable-per-request-metrics": True,
    }


def test_every_variant_asks_for_a_model_that_is_served() -> None:
    given = vllm_server.arguments(environment())
    served = {given["served-model-name"], *vllm_server.lora_modules(given["lora-modules"])}
    assert {adapter or BASE for adapter in endpoint.ADAPTERS.values()} == served


def test_a_mistyped_argument_would_be_noticed() -> None:
    with pytest.raises(ValueError, match="no argument --max-lora-ranks"):
        vllm_server.arguments({"SM_VLLM_MAX_LORA_RANKS": "16"})
    with pytest.raises(ValueError, match="must be one of"):
        vllm_server.arguments({"SM_VLLM_MAX_LORA_RANK": "12"})


@pytest.mark.parametrize(("rank", "served"), [(1, 8), (8, 8), (12, 16), (17, 32), (257, 320), (512, 512)])
def test_the_server_holds_the_rank_of_the_experiment(rank: int, served: int) -> None:
    given = vllm_server.arguments(environment(replace(TASK, training=Training(rank=rank))))
    assert given["max-lora-rank"] == served


def test_a_rank_that_the_server_does_not_take_is_refused() -> None:
    with pytest.raises(server.ServerError, match="rank 600 is above 512"):
        environment(replace(TASK, training=Training(rank=600)))


@pytest.mark.parametrize("method", ["dora", "full"])
def test_what_the_server_cannot_serve_is_not_trained(method: Any) -> None:
    with pytest.raises(server.ServerError, match=f"training.method {method}: .* use lora or qlora"):
        environment(replace(TASK, training=Training(method=method)))
    environment(replace(TASK, training=Training(method="qlora")))


def test_the_machine_decides_type_and_share() -> None:
    assert vllm_server.arguments(environment(instance="ml.g4dn.xlarge"))["dtype"] == "float16"
    assert vllm_server.arguments(environment(instance="ml.g5.12xlarge"))["tensor-parallel-size"] == 4


def test_the_longest_prompt_has_room() -> None:
    """Two pages are shown: 1,200 characters at most of each, the id, the title, and the answer."""
    short = int(environment(documents=[page(100)])["SM_VLLM_MAX_MODEL_LEN"])
    two = int(environment(documents=[page(9_000), page(1_000), page(1_100)])["SM_VLLM_MAX_MODEL_LEN"])
    assert (short, two) == (512, 2816)
    longer = replace(TASK, prompt=PromptSettings(answer_tokens=512))
    assert int(environment(longer, documents=[page(9_000)] * 2)["SM_VLLM_MAX_MODEL_LEN"]) == 3328


def test_the_prompt_is_no_longer_than_the_memory_allows() -> None:
    huge = replace(TASK, retrieval=replace(TASK.retrieval, chunk_characters=10**6))
    room = gpu.context_that_fits(gpu.SHAPES[BASE], gpu.INSTANCES["ml.g5.xlarge"])
    # 0.9 x 24e9 - 1,610,612,736 - 2 x 4,022,468,096 = 11,944,451,072 bytes; 4 x 1,024 x 36 = 147,456 a token
    assert room == 81_003
    assert int(environment(huge, documents=[page(10**6)] * 2)["SM_VLLM_MAX_MODEL_LEN"]) == room
    with pytest.raises(server.ServerError, match="leave no memory for prompts"):
        environment(base="meta-llama/Meta-Llama-3-70B-Instruct")


def test_a_base_of_unknown_shape_is_served_as_long_as_needed() -> None:
    assert environment(base="owner/model", documents=[page(9_000)] * 2)["SM_VLLM_MAX_MODEL_LEN"] == "2816"


PROMPT = Prompt(None, (Message("user", "Wie breit?"),), 24, temperature=None, stop=("\n",))


@pytest.mark.parametrize("prompt", [PROMPT, replace(PROMPT, temperature=0.7, stop=())])
def test_the_request_is_a_chat_completion_request(prompt: Prompt) -> None:
    body = endpoint.request_body("lora", prompt)
    vllm_server.ChatCompletionRequest.model_validate(json.loads(json.dumps(body)))
    assert body["temperature"] == (prompt.temperature or 0)
    assert ("stop" in body) == bool(prompt.stop)


def ask(**more: Any) -> tuple[Any, FakeEndpoint]:
    client = FakeEndpoint()
    answer = chat_completion(" 12 mm ", prompt_tokens=30, completion_tokens=6, **more)
    vllm_server.ChatCompletion.model_validate(answer)
    client.body = json.dumps(answer).encode()
    return endpoint.invoke(client, "ep", "lora", PROMPT, deadline=Deadline.after(60)), client


def test_the_answer_is_read() -> None:
    generated, client = ask()
    assert (generated.text, generated.input_tokens, generated.output_tokens) == ("12 mm", 30, 6)
    assert generated.stop_reason == "stop"
    assert client.requests[0]["Body"]["model"] == "lora"
    assert client.requests[0]["ContentType"] == "application/json"


def test_the_latency_is_the_servers_own() -> None:
    """From arrival to the first token, and five gaps between six tokens; what the call took beside it is not in it."""
    generated, _ = ask(metrics={"time_to_first_token_ms": 4000.0, "mean_itl_ms": 200.0, "queue_time_ms": 1.0})
    assert generated.latency_ms == 5000
    assert ask()[0].latency_ms < 4000


@pytest.mark.parametrize(
    ("metrics", "tokens", "expected"),
    [
        ({"time_to_first_token_ms": 40.0, "mean_itl_ms": None}, 1, 40.0),
        ({"time_to_first_token_ms": 40.0, "mean_itl_ms": None}, 2, None),
        ({"time_to_first_token_ms": 40.0, "mean_itl_ms": 10.0}, 0, 40.0),
        ({"mean_itl_ms": 10.0}, 3, None),
        ({}, 3, None),
    ],
)
def test_a_time_that_is_not_told_is_not_made_up(metrics: dict[str, Any], tokens: int, expected: float | None) -> None:
    assert endpoint.server_ms(metrics, tokens) == expected
