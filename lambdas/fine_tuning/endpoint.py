"""The SageMaker endpoint that serves the base model and its adapters: one JSON request, one JSON answer."""

from __future__ import annotations

import json
from typing import Any

from contracts.times import Deadline
from lambdas.common.bedrock import Generated, ModelCallError, timed_call
from lambdas.common.prompts import Prompt

#: Variant -> adapter that the endpoint switches on; None is the untouched base model, the control.
ADAPTERS: dict[str, str | None] = {"base": None, "base+rag": None, "lora": "lora", "lora+rag": "lora+rag"}


def invoke(
    client: Any, endpoint: str, prompt: Prompt, adapter: str | None, *, deadline: Deadline, **retry: Any
) -> Generated:
    """Ask the endpoint: `{"messages", "max_new_tokens", "adapter"}` -> `{"text", "input_tokens", "output_tokens"}`.

    Raises:
        DeadlineError: no time was left.
        ModelCallError: the endpoint refused, or answered something else.
    """
    if prompt.system is not None:
        raise ValueError("the fine-tuned prompts have no system turn")
    body = json.dumps(
        {
            "messages": [{"role": m.role, "content": m.content} for m in prompt.messages],
            "max_new_tokens": prompt.max_output_tokens,
            "adapter": adapter,
        },
        ensure_ascii=False,
    )

    def call() -> bytes:
        response = client.invoke_endpoint(
            EndpointName=endpoint,
            ContentType="application/json",
            Accept="application/json",
            Body=body.encode("utf-8"),
        )
        content: bytes = response["Body"].read()
        return content

    content, latency_ms, attempts = timed_call(call, deadline=deadline, **retry)
    try:
        answer = json.loads(content)
        return Generated(
            text=str(answer["text"]).strip(),
            input_tokens=int(answer["input_tokens"]),
            output_tokens=int(answer["output_tokens"]),
            cached_tokens=0,
            latency_ms=latency_ms,
            attempts=attempts,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ModelCallError(
            f"endpoint {endpoint} answered {content[:120]!r}, not text, input_tokens and output_tokens",
            attempts=attempts,
            retryable=False,
        ) from error
