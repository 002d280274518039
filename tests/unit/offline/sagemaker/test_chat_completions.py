"""The endpoint's requests and answers, held against vLLM's schema; the model is a function."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambdas.common.prompts import Message, Prompt
from lambdas.fine_tuning import endpoint
from offline.common.wire import ServiceError
from offline.sagemaker import serve, server_settings
from offline.sagemaker.server_settings import ServerSettings, ServerSettingsError
from tests.unit.lambdas.fine_tuning import vllm_server
from tests.unit.offline.sagemaker import echo_server

VARIABLES = {
    "SM_VLLM_MODEL": "owner/base",
    "SM_VLLM_TOKENIZER": "/opt/ml/model/tokenizer",
    "SM_VLLM_ENABLE_LORA": "true",
    "SM_VLLM_LORA_MODULES": '["lora=/opt/ml/model/adapters/lora"]',
    "SM_VLLM_MAX_LORA_RANK": "16",
    "SM_VLLM_MAX_MODEL_LEN": "32",
    "HOME": "/root",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "training.json").write_text("{}")
    (tmp_path / "adapters" / "lora").mkdir(parents=True)
    (tmp_path / "adapters" / "lora" / "adapter_config.json").write_text('{"r": 16}')
    return tmp_path


@pytest.fixture
def settings(folder: Path) -> ServerSettings:
    return server_settings.read(VARIABLES, folder)


def ask(folder: Path, settings: ServerSettings, body: Any) -> tuple[int, Any]:
    handle = serve.handler(settings, echo_server.load(folder, settings))
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        response = handle("POST", "/invocations", {}, raw)
    except ServiceError as error:
        response = error.response()
    return response.status, json.loads(response.body)


def request(text: str = "hello there", model: str = "lora", tokens: int = 8, **more: Any) -> dict[str, Any]:
    prompt = Prompt(None, (Message("user", text),), tokens, stop=("\n",))
    return {**endpoint.request_body(model, prompt), **more}


def test_the_settings_are_read(folder: Path, settings: ServerSettings) -> None:
    assert settings == ServerSettings(
        name="owner/base",
        tokenizer=folder / "tokenizer",
        adapters={"lora": folder / "adapters" / "lora"},
        max_model_len=32,
    )
    named = server_settings.read({"SM_VLLM_MODEL": "owner/base", "SM_VLLM_SERVED_MODEL_NAME": "base"}, folder)
    assert named == ServerSettings(name="base", tokenizer=None, adapters={}, max_model_len=None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"SM_VLLM_MODEL": ""}, "SM_VLLM_MODEL is not set"),
        ({"SM_VLLM_ENABLE_LORA": ""}, "SM_VLLM_LORA_MODULES needs SM_VLLM_ENABLE_LORA=true"),
        ({"SM_VLLM_MAX_LORA_RANK": "8"}, "adapter lora: LoRA rank 16 is greater than max_lora_rank 8"),
        ({"SM_VLLM_TOKENIZER": "/etc"}, "/etc is not below /opt/ml/model"),
        ({"SM_VLLM_QUANTIZATION": "awq"}, "the embedded AWS knows no SM_VLLM_QUANTIZATION"),
    ],
)
def test_a_server_with_wrong_settings_does_not_start(folder: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(ServerSettingsError, match=message):
        server_settings.read({**VARIABLES, **changes}, folder)


@pytest.mark.parametrize(("tokens", "reason"), [(8, "stop"), (2, "length")])
def test_an_answer_is_a_chat_completion(folder: Path, settings: ServerSettings, tokens: int, reason: str) -> None:
    status, body = ask(folder, settings, request(tokens=tokens))
    completion = vllm_server.ChatCompletion.model_validate(body)
    assert (status, completion.model, completion.choices[0].finish_reason) == (200, "lora", reason)
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "JSON decode error"),
        ([], 400, "a request is a JSON object"),
        (request(model="qlora"), 404, "The model `qlora` does not exist."),
        (request(tokens=0), 400, "max_tokens must be at least 1, got 0"),
        (request(max_tokens=True), 400, "max_tokens must be at least 1, got True"),
        (request(temperature=2.5), 400, "temperature must be a number from 0 to 2, got 2.5"),
        (request(temperature="warm"), 400, "temperature must be a number from 0 to 2, got 'warm'"),
        (request(messages=[]), 400, "messages must be a list that is not empty"),
        (request(messages="hello"), 400, "messages must be a list that is not empty"),
        (request(messages=[{"role": "user"}]), 400, "every message needs a role of system, user, assistant and a text"),
        (request(messages=[{"role": "tool", "content": "x"}]), 400, "every message needs a role of system, user"),
        (request(n=2), 400, "does not offer 'n' of chat completions"),
        (request(text="bad"), 400, "bad request"),
        (request(text="word " * 25), 400, "This model's maximum context length is 32 tokens."),
    ],
)
def test_a_refusal_has_the_form_of_vllm(
    folder: Path, settings: ServerSettings, body: Any, status: int, message: str
) -> None:
    found, error = ask(folder, settings, body)
    told = vllm_server.ErrorResponse.model_validate(error).error
    assert (found, told.code) == (status, status)
    assert message in told.message


def test_sampling_draws_anew_and_can_be_repeated(folder: Path, settings: ServerSettings) -> None:
    """Each repetition of a request has a seed of its own, the same after a restart; greedy requests have none."""

    def texts(temperature: float) -> list[str]:
        handle = serve.handler(settings, echo_server.load(folder, settings))
        body = json.dumps(request(temperature=temperature)).encode()
        answers = [handle("POST", "/invocations", {}, body) for _ in range(3)]
        return [json.loads(answer.body)["choices"][0]["message"]["content"] for answer in answers]

    assert texts(0.7) == texts(0.7)
    assert len(set(texts(0.7))) == 3
    assert len(set(texts(0))) == 1


def test_the_longest_prompt_that_fits_is_answered(folder: Path, settings: ServerSettings) -> None:
    assert ask(folder, settings, request(text="word " * 24))[0] == 200


def test_the_health_check_and_unknown_paths(folder: Path, settings: ServerSettings) -> None:
    handle = serve.handler(settings, echo_server.load(folder, settings))
    assert handle("GET", "/ping", {}, b"").status == 200
    with pytest.raises(ServiceError, match="no GET /metrics"):
        handle("GET", "/metrics", {}, b"")
