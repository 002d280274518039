"""Chat completions in OpenAI's schema, as vLLM serves them: requests in, answers and errors out.

What the product sends is served; what the schema has beside is refused, never ignored.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any, Protocol

from offline.common.wire import Response, ServiceError, json_response
from offline.models.text_model import Request
from offline.sagemaker.server_settings import ServerSettings

SERVED = ("model", "messages", "max_tokens", "temperature", "stop")
DEFAULT_TOKENS = 64
"""Tokens answered at most when `max_tokens` is not given; vLLM takes all that the context has, minutes here."""
DEFAULT_TEMPERATURE = 1.0
ROLES = ("system", "user", "assistant")
FINISH_REASONS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length"}


class Answer(Protocol):
    """What the model wrote; `offline.models.inference.Generated`."""

    @property
    def text(self) -> str: ...
    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def stop_reason(self) -> str: ...


class ChatError(ServiceError):
    """A refused request, in the form that vLLM gives it."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "BadRequestError", param: str | None = None
    ) -> None:
        super().__init__(message)
        self._body = {"error": {"message": message, "type": kind, "param": param, "code": status}}
        self._status = status

    def response(self) -> Response:
        return json_response(self._body, status=self._status)


def parse(body: bytes, settings: ServerSettings) -> tuple[str, Request]:
    """Return the name of the model that is asked, and what it is asked.

    Raises:
        ChatError: the request is malformed, asks for an unknown model or for what the twin does not offer.
    """
    try:
        request = json.loads(body)
    except ValueError as error:
        raise ChatError(f"JSON decode error: {error}") from error
    if not isinstance(request, dict):
        raise ChatError("a request is a JSON object")
    for name in request:
        if name not in SERVED:
            raise ChatError(f"the embedded AWS does not offer {name!r} of chat completions", param=name)
    model = request.get("model") or settings.name
    if model != settings.name and model not in settings.adapters:
        message = f"The model `{model}` does not exist."
        raise ChatError(message, status=404, kind="NotFoundError", param="model")
    temperature = request.get("temperature", DEFAULT_TEMPERATURE)
    if not isinstance(temperature, int | float) or isinstance(temperature, bool) or not 0 <= temperature <= 2:
        raise ChatError(f"temperature must be a number from 0 to 2, got {temperature!r}", param="temperature")
    limit = request.get("max_tokens", DEFAULT_TOKENS)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise ChatError(f"max_tokens must be at least 1, got {limit!r}", param="max_tokens")
    stop = request.get("stop") or []
    return model, {
        "messages": _messages(request.get("messages")),
        "max_new_tokens": limit,
        "stop": [stop] if isinstance(stop, str) else stop,
        "temperature": float(temperature),
    }


def _messages(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list) or not value:
        raise ChatError("messages must be a list that is not empty", param="messages")
    for message in value:
        known = isinstance(message, dict) and message.get("role") in ROLES and isinstance(message.get("content"), str)
        if not known:
            raise ChatError(f"every message needs a role of {', '.join(ROLES)} and a text content", param="messages")
    return value


def check_length(tokens: int, wanted: int, settings: ServerSettings) -> None:
    """Raise ChatError where prompt and answer are longer together than the server was started for."""
    most = settings.max_model_len
    if most is not None and tokens + wanted > most:
        raise ChatError(
            f"This model's maximum context length is {most} tokens. However, you requested {wanted} output tokens and "
            f"your prompt contains {tokens} input tokens.",
            param="max_tokens",
        )


def completion(model: str, answer: Answer) -> dict[str, Any]:
    """Return an answer as a chat completion."""
    read, written = answer.input_tokens, answer.output_tokens
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": answer.text},
                "finish_reason": FINISH_REASONS[answer.stop_reason],
            }
        ],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }
