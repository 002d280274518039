"""Bedrock calls: Converse for text, InvokeModel in the Titan wire format for embeddings. The service counts tokens."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from contracts.times import Deadline
from lambdas.common.prompts import Prompt
from lambdas.common.runtime import DeadlineError, error_code, is_retryable, is_throttled, one_line, with_retries

T = TypeVar("T")

DEFAULT_DEADLINE_S = 60.0
#: Options that not every model takes -> the words by which a model that refuses one names it.
OPTIONAL = {"temperature": ("temperature",), "stopSequences": ("stopsequences", "stop_sequences", "stop sequences")}
#: Model -> options that it refused in this process, or that a probe has found it to refuse.
_refused: dict[str, set[str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A model's text and what it took. `latency_ms` is that of the attempt that succeeded, the last of `attempts`.

    The other fields are those of `AnswerRow`.
    """

    text: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    latency_ms: float
    attempts: int
    stop_reason: str = ""
    service_tier: str = ""
    device: str = ""
    model_revision: str = ""

    def usage(self) -> dict[str, Any]:
        """Return what `Meter.generated` takes of it."""
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cached_tokens": self.cached_tokens,
            "cache_write_5m_tokens": self.cache_write_5m_tokens,
            "cache_write_1h_tokens": self.cache_write_1h_tokens,
            "service_tier": self.service_tier,
        }


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

    A throttled call is made again until the deadline: the quota of a minute comes back, however often it was asked.

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
        result = with_retries(attempt, deadline=deadline, until_deadline=is_throttled, **retry)
    except DeadlineError as error:
        error.attempts = attempts
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

    An option that the model refuses is left out, then and in later calls.

    Raises:
        DeadlineError, ModelCallError: as `timed_call`.
    """
    options: dict[str, Any] = {"maxTokens": prompt.max_output_tokens}
    if prompt.temperature is not None:
        options["temperature"] = prompt.temperature
    if prompt.stop:
        options["stopSequences"] = list(prompt.stop)
    for name in refused(model_arn):
        options.pop(name, None)
    request: dict[str, Any] = {
        "modelId": model_arn,
        "messages": [{"role": m.role, "content": [{"text": m.content}]} for m in prompt.messages],
        "inferenceConfig": options,
    }
    if prompt.system is not None:
        request["system"] = [{"text": prompt.system}]
    if metadata:
        request["requestMetadata"] = dict(metadata)
    deadline = deadline or Deadline.after(DEFAULT_DEADLINE_S)
    while True:
        try:
            response, latency_ms, attempts = timed_call(lambda: client.converse(**request), deadline=deadline, **retry)
        except ModelCallError as error:
            option = _refused_option(error, options)
            if option is None:
                raise
            refuse(model_arn, [option])
            del options[option]
        else:
            return _generated(response, latency_ms, attempts)


def refused(model_arn: str) -> frozenset[str]:
    """Return the options that the model is known to refuse."""
    return frozenset(_refused.get(model_arn, ()))


def refuse(model_arn: str, options: Iterable[str]) -> None:
    """Leave `options` (names in `OPTIONAL`) out of every later call of the model."""
    _refused.setdefault(model_arn, set()).update(options)


def _generated(response: Mapping[str, Any], latency_ms: float, attempts: int) -> Generated:
    # Reasoning models send blocks without "text"; only text is an answer.
    blocks = response["output"]["message"]["content"]
    usage = response["usage"]
    by_ttl = {detail["ttl"]: detail["inputTokens"] for detail in usage.get("cacheDetails", ())}
    hour = by_ttl.get("1h", 0)
    return Generated(
        text="".join(block["text"] for block in blocks if "text" in block).strip(),
        input_tokens=usage["inputTokens"],
        output_tokens=usage["outputTokens"],
        cached_tokens=usage.get("cacheReadInputTokens", 0),
        # The details say which part of the total was written for an hour; the rest has the usual five minutes.
        cache_write_5m_tokens=max(usage.get("cacheWriteInputTokens", 0) - hour, by_ttl.get("5m", 0)),
        cache_write_1h_tokens=hour,
        latency_ms=latency_ms,
        attempts=attempts,
        stop_reason=response.get("stopReason", ""),
        service_tier=response.get("serviceTier", {}).get("type", ""),
    )


def _refused_option(error: ModelCallError, sent: Mapping[str, Any]) -> str | None:
    """Return the optional parameter for which the model refused the call; None where it was refused for another."""
    cause = error.__cause__ or error
    if error_code(cause) != "ValidationException":
        return None
    text = str(cause).lower()
    return next((name for name, words in OPTIONAL.items() if name in sent and any(w in text for w in words)), None)


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
