"""Bedrock Runtime of the embedded AWS: Converse by the small language model, Titan embeddings by MiniLM.

Every text model id is answered by the one model on this machine, with its true token counts. Decoding is greedy, so
`topP` has no effect and a temperature above 0 is refused. What is not built is refused, never imitated.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import unquote

import botocore.session
from botocore.validate import ParamValidator

from offline.bedrock.state import TEXT_MODELS, Profiles
from offline.bedrock.titan import TITAN, Embedder, invoke_titan
from offline.common.wire import AwsError, Response, json_response
from offline.models.batching import Batcher
from offline.models.generator import RefusedError

_ROUTE = re.compile(r"^/model/(?P<model>.+)/(?P<action>[a-z-]+)$")
_STOP_REASONS = {"end_turn", "stop_sequence", "max_tokens"}

OUTPUT_LIMIT = 4096
"""The largest `maxTokens`."""
DEFAULT_OUTPUT = 512
"""Tokens answered at most when `maxTokens` is not given; AWS takes the model's maximum, which is minutes here."""


class Model(Protocol):
    """What answers prompts; `offline.models.generator.Generator`."""

    def answer(self, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]: ...

    def stop(self) -> None: ...


class Bedrock:
    """The runtime API of one region. Requests that arrive together are decoded together."""

    def __init__(self, *, gateway: str, region: str, model: Model, embedder: Embedder) -> None:
        self._model = model
        self._embedder = embedder
        self._profiles = Profiles(gateway, region)
        self._batcher: Batcher[Mapping[str, Any], dict[str, Any]] = Batcher(model.answer)
        self._service = botocore.session.Session().get_service_model("bedrock-runtime")

    def handle(self, method: str, path: str, _headers: Mapping[str, str], body: bytes) -> Response:
        """One request of the runtime API.

        Raises:
            AwsError: in the words of AWS where they are known.
        """
        route = _ROUTE.match(path.partition("?")[0])
        if method != "POST" or route is None:
            raise AwsError("UnknownOperationException", f"the embedded AWS has no Bedrock operation {path}", 404)
        identifier, action = unquote(route["model"]), route["action"]
        actions: dict[str, Callable[[str, str, bytes], Response]] = {"converse": self._converse, "invoke": self._invoke}
        if action in ("converse-stream", "invoke-with-response-stream"):
            raise AwsError("ValidationException", "The model is unsupported for streaming.")
        if action not in actions:
            raise AwsError("UnknownOperationException", f"the embedded AWS has no Bedrock operation {action}", 404)
        return actions[action](identifier, self._profiles.model_of(identifier), body)

    def release(self) -> None:
        """Give the language model's memory back; the next request loads it again."""
        self._model.stop()

    def close(self) -> None:
        self._batcher.close()
        self._model.stop()

    def _converse(self, identifier: str, model: str, body: bytes) -> Response:
        if model not in TEXT_MODELS:
            raise AwsError(
                "ValidationException",
                "This action doesn't support the model that you provided. Try again with a supported text or chat "
                "model.",
            )
        request = parsed(body)
        report = ParamValidator().validate(
            {**request, "modelId": identifier}, self._service.operation_model("Converse").input_shape
        )
        if report.has_errors():
            raise AwsError("ValidationException", report.generate_report())
        prompt = to_prompt(request)
        started = time.perf_counter()
        try:
            answer = self._batcher.submit(prompt)
        except RefusedError as error:
            text = "Input is too long for requested model." if error.kind == "PromptTooLongError" else str(error)
            raise AwsError("ValidationException", text) from error
        latency_ms = round((time.perf_counter() - started) * 1000)
        reason = answer["stop_reason"]
        if reason not in _STOP_REASONS:
            raise AwsError("ModelErrorException", f"the model stopped for the unknown reason {reason!r}", 424)
        content = [{"text": answer["text"]}] if answer["text"] else []
        return json_response(
            {
                "output": {"message": {"role": "assistant", "content": content}},
                "stopReason": reason,
                "usage": {
                    "inputTokens": answer["input_tokens"],
                    "outputTokens": answer["output_tokens"],
                    "totalTokens": answer["input_tokens"] + answer["output_tokens"],
                    "cacheReadInputTokens": 0,
                    "cacheWriteInputTokens": 0,
                },
                "metrics": {"latencyMs": latency_ms},
            }
        )

    def _invoke(self, _identifier: str, model: str, body: bytes) -> Response:
        if model != TITAN:
            raise AwsError("ValidationException", "the embedded AWS answers text models by Converse only")
        return invoke_titan(self._embedder, parsed(body))


def to_prompt(request: Mapping[str, Any]) -> dict[str, Any]:
    """The model's request for a Converse request that has the right shape.

    Raises:
        AwsError: the conversation is malformed, or asks for something that is not built.
    """
    for name in ("toolConfig", "guardrailConfig", "additionalModelRequestFields", "outputConfig", "promptVariables"):
        if request.get(name):
            raise AwsError("ValidationException", f"This model doesn't support {name}. Remove it and try again.")
    messages = [{"role": "system", "content": text} for text in [_text("system", request.get("system", []))] if text]
    turns = request.get("messages") or []
    if not turns or turns[0]["role"] != "user":
        raise AwsError(
            "ValidationException",
            "A conversation must start with a user message. Try again with a conversation that starts with a user "
            "message.",
        )
    for number, turn in enumerate(turns):
        if turn["role"] != ("user", "assistant")[number % 2]:
            raise AwsError(
                "ValidationException",
                "A conversation must alternate between user and assistant roles. Make sure the conversation "
                "alternates between user and assistant roles and try again.",
            )
        messages.append({"role": turn["role"], "content": _text(f"messages.{number}.content", turn["content"])})
    if len(turns) % 2 == 0:
        raise AwsError(
            "ValidationException",
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        )
    inference = request.get("inferenceConfig", {})
    if inference.get("temperature"):
        raise AwsError(
            "ValidationException",
            f"temperature {inference['temperature']}: the embedded AWS decodes greedily; set it to 0 or leave it out",
        )
    wanted = inference.get("maxTokens", DEFAULT_OUTPUT)
    if wanted > OUTPUT_LIMIT:
        raise AwsError(
            "ValidationException",
            f"The maximum tokens you requested exceeds the model limit of {OUTPUT_LIMIT}. Try again with a maximum "
            f"tokens value that is lower than {OUTPUT_LIMIT}.",
        )
    return {"messages": messages, "max_new_tokens": wanted, "stop": inference.get("stopSequences", [])}


def _text(where: str, blocks: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for number, block in enumerate(blocks):
        for kind in block:
            if kind != "text":
                raise AwsError(
                    "ValidationException", f"This model doesn't support the {kind} field. Remove {kind} and try again."
                )
        if not block["text"].strip():
            raise AwsError(
                "ValidationException",
                f"The text field in the ContentBlock object at {where}.{number} is blank. Add text to the text field, "
                "and try again.",
            )
        parts.append(block["text"])
    return "\n".join(parts)


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object of a request's body."""
    try:
        value = json.loads(body or b"{}")
    except ValueError as error:
        raise AwsError("SerializationException", f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise AwsError("SerializationException", "the body is not a JSON object")
    return value
