"""Converse requests as requests of a text model. What the embedded AWS lacks is refused, never imitated.

Without a temperature the model on this machine decodes greedily, so that runs can be repeated, and a server decodes as
it was set up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from offline.bedrock.errors import (
    blank_text,
    no_prefill,
    no_user_message,
    roles_do_not_alternate,
    too_many_output_tokens,
    unsupported,
    unsupported_block,
)
from offline.models.text_model import Request

OUTPUT_LIMIT = 4096
"""The largest `maxTokens`."""
DEFAULT_OUTPUT = 512
"""Tokens answered at most when `maxTokens` is not given; AWS takes the model's maximum, minutes here."""


def to_prompt(request: Mapping[str, Any]) -> Request:
    """Return the model's request for a Converse request that has the right shape.

    Raises:
        AwsError: the conversation is malformed, or asks for something that the embedded AWS does not offer.
    """
    for name in ("toolConfig", "guardrailConfig", "additionalModelRequestFields", "outputConfig", "promptVariables"):
        if request.get(name):
            raise unsupported(name)
    messages = [{"role": "system", "content": text} for text in [_text("system", request.get("system", []))] if text]
    turns = request.get("messages") or []
    if not turns or turns[0]["role"] != "user":
        raise no_user_message()
    for number, turn in enumerate(turns):
        if turn["role"] != ("user", "assistant")[number % 2]:
            raise roles_do_not_alternate()
        messages.append({"role": turn["role"], "content": _text(f"messages.{number}.content", turn["content"])})
    if len(turns) % 2 == 0:
        raise no_prefill()
    inference = request.get("inferenceConfig", {})
    max_tokens = inference.get("maxTokens", DEFAULT_OUTPUT)
    if max_tokens > OUTPUT_LIMIT:
        raise too_many_output_tokens(OUTPUT_LIMIT)
    prompt: Request = {
        "messages": messages,
        "max_new_tokens": max_tokens,
        "stop": [text for text in inference.get("stopSequences", []) if text],
    }
    if "temperature" in inference:
        prompt["temperature"] = inference["temperature"]
    if "topP" in inference:
        prompt["top_p"] = inference["topP"]
    return prompt


def _text(where: str, blocks: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for number, block in enumerate(blocks):
        for kind in block:
            if kind != "text":
                raise unsupported_block(kind)
        if not block["text"].strip():
            raise blank_text(f"{where}.{number}")
        parts.append(block["text"])
    return "\n".join(parts)
