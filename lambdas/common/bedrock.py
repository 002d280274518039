"""Bedrock calls: Converse for text, InvokeModel in the Titan wire format for embeddings. The service counts tokens."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from contracts.times import Deadline
from lambdas.common.prompts import Prompt
from lambdas.common.runtime import DeadlineError, error_code, is_retryable, one_line, with_retries

T = TypeVar("T")

DEFAULT_DEADLINE_S = 60.0
#: Models that have refused a temperature in this process.
_without_temperature: set[str] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A model's text and what it took. `latency_ms` is that of the attempt that succeeded, the last of `attempts`."""

    text: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    latency_ms: float
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    vector: tuple[float, ...]
    input_tokens: int


class ModelCallError(RuntimeError):
    """A model call failed for good; the message is one line, `attempts` says how often it was tried."""

    def __init__(self, message: str, *, attempts: int, retryable: bool) -> None:
        super().__init__(message)
        self.attempts = attempts
        self.retryable = retryable


def timed_call(call: Callable[[], T], *, deadline: Deadline, **retry: Any) -> tuple[T, float, int]:
    """Return (result, milliseconds of the attempt that succeeded, attempts) of a model call with retries.

    Raises:
        DeadlineError: the time ran out.
        ModelCallError: the call failed for good, or too often.
    """
    attempts = 0
    latency_ms = 0.0

    def attempt() -> T:
        nonlocal attempts, latency_ms
        attempts += 1
        started = time.perf_counter()
        result = call()
        latency_ms = (time.perf_counter() - started) * 1000
        return result

    try:
        result = with_retries(attempt, deadline=deadline, **retry)
    except DeadlineError:
        raise
    except Exception as error:
        raise ModelCallError(one_line(error), attempts=attempts, retryable=is_retryable(error)) from error
    return result, latency_ms, attempts


def converse(
    client: Any,
    model_arn: str,
    prompt: Prompt,
    *,
    deadline: Deadline | None = None,
    metadata: Mapping[str, str] | None = None,
    **retry: Any,
) -> Generated:
    """Make one Converse call. `metadata` goes into invocation logs only; `retry` are options of `with_retries`.

    Raises:
        DeadlineError, ModelCallError: as `timed_call`.
    """
    request: dict[str, Any] = {
        "modelId": model_arn,
        "messages": [{"role": m.role, "content": [{"text": m.content}]} for m in prompt.messages],
        "inferenceConfig": {"maxTokens": prompt.max_output_tokens},
    }
    if prompt.temperature is not None and model_arn not in _without_temperature:
        request["inferenceConfig"]["temperature"] = prompt.temperature
    if prompt.stop:
        request["inferenceConfig"]["stopSequences"] = list(prompt.stop)
    if prompt.system is not None:
        request["system"] = [{"text": prompt.system}]
    if metadata:
        request["requestMetadata"] = dict(metadata)
    deadline = deadline or Deadline.after(DEFAULT_DEADLINE_S)
    try:
        response, latency_ms, attempts = timed_call(lambda: client.converse(**request), deadline=deadline, **retry)
    except ModelCallError as error:
        if "temperature" not in request["inferenceConfig"] or not _refuses_temperature(error):
            raise
        _without_temperature.add(model_arn)
        del request["inferenceConfig"]["temperature"]
        response, latency_ms, attempts = timed_call(lambda: client.converse(**request), deadline=deadline, **retry)
    # Reasoning models send blocks without "text"; only text is an answer.
    blocks = response["output"]["message"]["content"]
    usage = response["usage"]
    return Generated(
        text="".join(block["text"] for block in blocks if "text" in block).strip(),
        input_tokens=usage["inputTokens"],
        output_tokens=usage["outputTokens"],
        cached_tokens=usage.get("cacheReadInputTokens", 0),
        latency_ms=latency_ms,
        attempts=attempts,
    )


def _refuses_temperature(error: ModelCallError) -> bool:
    """Return whether the model refused the call for its temperature: newer models take none."""
    cause = error.__cause__ or error
    return error_code(cause) == "ValidationException" and "temperature" in str(cause).lower()


def embed(
    client: Any, model_arn: str, text: str, dimensions: int, *, deadline: Deadline | None = None, **retry: Any
) -> Embedded:
    """Return the normalised vector of `text` (Titan Text Embeddings V2 wire format), `dimensions` long.

    Raises:
        DeadlineError, ModelCallError: as `timed_call`; also when the vector has another length.
    """
    body = json.dumps({"inputText": text, "dimensions": dimensions, "normalize": True})

    def call() -> Any:
        response = client.invoke_model(
            modelId=model_arn, body=body, contentType="application/json", accept="application/json"
        )
        return json.loads(response["body"].read())

    answer, _, attempts = timed_call(call, deadline=deadline or Deadline.after(DEFAULT_DEADLINE_S), **retry)
    vector = tuple(float(x) for x in answer["embedding"])
    if len(vector) != dimensions:
        raise ModelCallError(
            f"{model_arn} gave a vector of {len(vector)} numbers, {dimensions} were asked for",
            attempts=attempts,
            retryable=False,
        )
    return Embedded(vector=vector, input_tokens=answer["inputTextTokenCount"])
