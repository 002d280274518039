"""The SageMaker endpoint that serves the base model and its adapters: one OpenAI chat request, one chat completion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from contracts.times import Deadline
from lambdas.common.bedrock import Generated, ModelCallError, timed_call
from lambdas.common.prompts import Prompt

#: Variant -> adapter that the endpoint switches on; None is the untouched base model, the control.
ADAPTERS: dict[str, str | None] = {"base": None, "base+rag": None, "lora": "lora", "lora+rag": "lora+rag"}


def request_body(model: str, prompt: Prompt) -> dict[str, Any]:
    """Return the body of a chat completion by `model`, the name of an adapter or of the base.

    Without a temperature the server would sample at 1.0; variants are compared at the same one.
    """
    if prompt.system is not None:
        raise ValueError("the fine-tuned prompts have no system turn")
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in prompt.messages],
        "max_tokens": prompt.max_output_tokens,
        "temperature": prompt.temperature or 0.0,
    }
    return {**body, "stop": list(prompt.stop)} if prompt.stop else body


def invoke(client: Any, endpoint: str, model: str, prompt: Prompt, *, deadline: Deadline, **retry: Any) -> Generated:
    """Ask the endpoint. The latency is the server's own where it tells it, else that of the call.

    Raises:
        DeadlineError: no time was left.
        ModelCallError: the endpoint refused, or answered something else.
    """
    body = json.dumps(request_body(model, prompt), ensure_ascii=False).encode("utf-8")

    def call() -> bytes:
        response = client.invoke_endpoint(
            EndpointName=endpoint, ContentType="application/json", Accept="application/json", Body=body
        )
        content: bytes = response["Body"].read()
        return content

    content, latency_ms, attempts = timed_call(call, deadline=deadline, **retry)
    try:
        answer = json.loads(content)
        usage, choice = answer["usage"], answer["choices"][0]
        written = int(usage["completion_tokens"])
        return Generated(
            text=str(choice["message"]["content"] or "").strip(),
            input_tokens=int(usage["prompt_tokens"]),
            output_tokens=written,
            latency_ms=server_ms(answer.get("metrics") or {}, written) or latency_ms,
            attempts=attempts,
            stop_reason=str(choice["finish_reason"]),
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ModelCallError(
            f"endpoint {endpoint} answered {content[:120]!r}, not a chat completion with choices and usage",
            attempts=attempts,
            retryable=False,
        ) from error


def server_ms(metrics: Mapping[str, Any], tokens: int) -> float | None:
    """Return the milliseconds from arrival to the last token, from vLLM's `metrics` of a request; None without them."""
    first, between = metrics.get("time_to_first_token_ms"), metrics.get("mean_itl_ms")
    if first is None or (between is None and tokens > 1):
        return None
    return float(first) + float(between or 0) * max(0, tokens - 1)
