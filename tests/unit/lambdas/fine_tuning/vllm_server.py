"""What vLLM 0.30.0 and AWS's container for SageMaker (v2.5) accept, written down from their sources.

The server is a GPU package of gigabytes, so that tests hold what is sent against these shapes: `ChatCompletionRequest`
and `ChatCompletionResponse` (vllm-project/vllm, vllm/entrypoints/openai/chat_completion/protocol.py), the server's
arguments (vllm/entrypoints/openai/cli_args.py, vllm/engine/arg_utils.py, vllm/config/lora.py) and the translation of
variables (aws/deep-learning-containers, scripts/docker/vllm/sagemaker_args.py), read 2026-12-01. Unlike the server,
they refuse fields that they do not know: it ignores a mistyped one in silence.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pydantic

PREFIX = "SM_VLLM_"
FLAG = object()
#: Argument -> what its value must be: a type, a set of choices, or FLAG.
ARGUMENTS: dict[str, Any] = {
    "model": str,
    "revision": str,
    "served-model-name": str,
    "tokenizer": str,
    "default-chat-template-kwargs": dict,
    "generation-config": str,
    "dtype": {"auto", "half", "float16", "bfloat16", "float", "float32"},
    "enable-lora": FLAG,
    "lora-modules": list,
    "max-loras": int,
    "max-lora-rank": {1, 8, 16, 32, 64, 128, 256, 320, 512},
    "max-model-len": int,
    "max-num-seqs": int,
    "enable-per-request-metrics": FLAG,
    "tensor-parallel-size": int,
}
#: Arguments with `nargs="+"`: each value is a token of its own.
SEVERAL = ("served-model-name", "lora-modules")


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True)


class Message(Strict):
    role: Literal["system", "user", "assistant"]
    content: str


class ChatCompletionRequest(Strict):
    model: str
    messages: Annotated[list[Message], pydantic.Field(min_length=1)]
    max_tokens: Annotated[int, pydantic.Field(ge=1)]
    temperature: Annotated[float, pydantic.Field(ge=0, le=2)]
    stop: Annotated[list[str], pydantic.Field(max_length=16)] | None = None


class Answered(Strict):
    role: Literal["assistant"]
    content: str | None


class Choice(Strict):
    index: int
    message: Answered
    finish_reason: Literal["stop", "length"]
    stop_reason: int | str | None = None


class Usage(Strict):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Metrics(Strict):
    time_to_first_token_ms: float | None = None
    generation_time_ms: float | None = None
    queue_time_ms: float | None = None
    mean_itl_ms: float | None = None
    tokens_per_second: float | None = None


class ChatCompletion(Strict):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: Annotated[list[Choice], pydantic.Field(min_length=1)]
    usage: Usage
    metrics: Metrics | None = None


class ErrorInfo(Strict):
    message: str
    type: str
    param: str | None = None
    code: int


class ErrorResponse(Strict):
    error: ErrorInfo


def arguments(environment: dict[str, str]) -> dict[str, Any]:
    """Return argument -> value as the container's entry point hands them to the server.

    Raises:
        ValueError: an argument is unknown, or its value is not of its kind.
    """
    found: dict[str, Any] = {}
    for key, value in environment.items():
        if not key.startswith(PREFIX):
            continue
        name = key.removeprefix(PREFIX).lower().replace("_", "-")
        if name not in ARGUMENTS:
            raise ValueError(f"vLLM has no argument --{name}")
        found[name] = _value(name, ARGUMENTS[name], value)
    return found


def lora_modules(values: list[str]) -> dict[str, str]:
    """Return adapter -> path, by the rule of vLLM's `LoRAParserAction` for `name=path`."""
    return dict(value.split("=") for value in values if "," not in value)


def _value(name: str, kind: Any, text: str) -> Any:
    if kind is FLAG:
        if text.lower() != "true":
            raise ValueError(f"--{name} is a bare flag, written true (got {text!r})")
        return True
    tokens = [str(token) for token in json.loads(text)] if text.startswith("[") else [text]
    if len(tokens) > 1 and name not in SEVERAL:
        raise ValueError(f"--{name} takes one value (got {tokens})")
    if kind is list:
        return tokens
    if kind is dict:
        return json.loads(text)
    value = int(text) if kind is int or (isinstance(kind, set) and text.isdigit()) else text
    if isinstance(kind, set) and value not in kind:
        raise ValueError(f"--{name} must be one of {sorted(kind)} (got {value!r})")
    return value
