"""A model behind an OpenAI-compatible server (Ollama, vLLM, llama.cpp): one chat completion a request.

The server counts the tokens; an answer without its counts is refused. Nothing is tried twice here: the caller retries,
as it does on AWS. Redirects and proxies are not followed, so that text goes to the named address only.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from offline.models.own.choice import ModelServer, OwnModelError
from offline.models.text_model import Answer, RefusedError, Request

KEY_VARIABLE = "LADDER_MODEL_KEY"
"""The key of a server that asks for one. Not an option: other users of the machine see the options of a process."""

IN_FLIGHT = 8
"""Requests that the server has at a time; the others wait here. A server decodes what it has together."""
ANSWER_WITHIN_S = 600.0
CHECK_WITHIN_S = 10.0
TOO_LONG = ("context length", "context size", "context window", "context_length_exceeded", "exceed_context_size_error")
"""What servers write of a prompt that does not fit: vLLM, llama.cpp, OpenAI."""

Failure = Literal["status", "unreachable", "timeout", "malformed"]
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "content_filtered"}


class ServerError(RuntimeError):
    """The server gave no answer. `status` is its HTTP status, None without one."""

    def __init__(self, failure: Failure, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.failure = failure
        self.status = status


class ServedModel:
    """A `TextModel` that a server runs; at most `in_flight` requests are with it at a time."""

    def __init__(self, server: ModelServer, *, in_flight: int = IN_FLIGHT, within_s: float = ANSWER_WITHIN_S) -> None:
        self._server = server
        self._slots = threading.BoundedSemaphore(in_flight)
        self._within_s = within_s

    def answer(self, request: Request) -> Answer:
        """Return the server's answer.

        Raises:
            RefusedError: the prompt is too long for the model (`PromptTooLongError`), or the server refused it.
            ServerError: it gave no answer.
        """
        given: Mapping[str, Any] = request
        body = {
            "model": self._server.name,
            "messages": request["messages"],
            "max_tokens": request["max_new_tokens"],
            **{name: given[name] for name in ("temperature", "top_p", "seed") if name in given},
            **({"stop": request["stop"]} if request.get("stop") else {}),
        }
        with self._slots:
            started = time.perf_counter()
            status, text = _ask(self._server, "POST", "/chat/completions", body, self._within_s)
            latency_ms = (time.perf_counter() - started) * 1000
        if status != 200:
            raise _refusal(self._server, status, text)
        return _answer(self._server, text, request.get("stop", [])) | {"latency_ms": latency_ms}

    def release(self) -> None:
        """Do nothing: the memory is the server's."""

    def close(self) -> None:
        """Do nothing: the server is the user's."""


def check(server: ModelServer) -> None:
    """Ask the server which models it has.

    Raises:
        OwnModelError: it does not answer, or has no such model.
    """
    where = f"--model-url {server.url}"
    try:
        status, text = _ask(server, "GET", "/models", None, CHECK_WITHIN_S)
    except ServerError as error:
        raise OwnModelError(f"{where}: {error}; is the server running?") from error
    if status in (401, 403):
        raise OwnModelError(f"{where} asks for a key: put it into the variable {KEY_VARIABLE}")
    if status != 200:
        raise OwnModelError(f"{where}/models answered {status}: the address usually ends with /v1")
    try:
        names = [str(model["id"]) for model in json.loads(text)["data"]]
    except (ValueError, KeyError, TypeError) as error:
        raise OwnModelError(f"{where}/models did not list models as an OpenAI-compatible server does") from error
    if server.name not in names and f"{server.name}:latest" not in names:  # Ollama leaves `:latest` out
        raise OwnModelError(f"{where} has no model {server.name!r}; it has: {', '.join(names[:20]) or 'none'}")


def _ask(
    server: ModelServer, method: str, path: str, body: Mapping[str, Any] | None, within_s: float
) -> tuple[int, str]:
    parts = urlsplit(server.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=within_s)
    headers = {"content-type": "application/json", "accept": "application/json"}
    if key := os.environ.get(KEY_VARIABLE):
        headers["authorization"] = f"Bearer {key}"
    try:
        connection.request(method, parts.path + path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", errors="replace")
    except TimeoutError as error:
        raise ServerError(
            "timeout", f"the model server at {server.address} gave no answer in {within_s:g} s"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or error or type(error).__name__
        raise ServerError("unreachable", f"the model server at {server.address} cannot be reached: {reason}") from error
    finally:
        connection.close()


def _refusal(server: ModelServer, status: int, text: str) -> Exception:
    message = f"the model server at {server.address} answered {status}: {_reason(text)}"
    # llama.cpp once answered 500 to a prompt that does not fit.
    if status in (400, 413, 422, 500) and any(words in text.lower() for words in TOO_LONG):
        return RefusedError("PromptTooLongError", message)
    if status in (400, 413, 422):
        return RefusedError("BadRequestError", message)
    return ServerError("status", message, status)


def _reason(text: str) -> str:
    """Return the message of an error body: `{"error": {"message"}}`, `{"error"}`, `{"message"}` or plain text."""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    error = body.get("error", body) if isinstance(body, dict) else text
    message = error.get("message", error) if isinstance(error, dict) else error
    return " ".join(str(message).split())[:300] or "nothing"


def _answer(server: ModelServer, text: str, stop: list[str]) -> Answer:
    try:
        body = json.loads(text)
        choice, usage = body["choices"][0], body["usage"]
        reason = choice["finish_reason"]
        answer: Answer = {
            "text": choice["message"].get("content") or "",
            "input_tokens": int(usage["prompt_tokens"]),
            "output_tokens": int(usage["completion_tokens"]),
            "stop_reason": _STOP_REASONS[reason],
        }
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ServerError(
            "malformed",
            f"the model server at {server.address} did not answer with choices, finish_reason and usage as an "
            f"OpenAI-compatible server does: {_reason(text)}",
        ) from error
    # Only vLLM says which stop sequence ended an answer; to others it is a stop like the end of a turn.
    if reason == "stop" and choice.get("stop_reason") in stop:
        answer["stop_reason"] = "stop_sequence"
    return answer
