"""Titan Text Embeddings V2 on the wire, MiniLM behind it: 384 numbers, and zeros up to the length of the request.

Zeros change no cosine. Vectors have length 1 whether or not `normalize` asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from offline.bedrock.errors import malformed_body, too_many_input_tokens
from offline.common.wire import Response, invalid, json_response
from offline.models.embeddings import DIMENSIONS, Vector

TITAN = "amazon.titan-embed-text-v2:0"
SIZES = (256, 512, 1024)
MAX_CHARACTERS = 50_000
MAX_TOKENS = 8192
_KEYS = ("inputText", "dimensions", "normalize", "embeddingTypes")


class Embedder(Protocol):
    """Turns texts into vectors; `offline.models.embeddings.MiniLM`."""

    def embed(self, texts: Sequence[str]) -> list[Vector]: ...


def invoke_titan(embedder: Embedder, request: Mapping[str, Any]) -> Response:
    """Return the answer to an InvokeModel body.

    Raises:
        AwsError: a ValidationException, in Titan's words where they are known.
    """
    text, size = _checked(request)
    (vector,) = embedder.embed([text])
    if vector.tokens > MAX_TOKENS:
        raise too_many_input_tokens(MAX_TOKENS, vector.tokens)
    numbers = [*map(float, np.asarray(vector.values, dtype=np.float32)), *([0.0] * (size - DIMENSIONS))]
    answer = {
        "embedding": numbers,
        "embeddingsByType": {"float": numbers},
        "inputTextTokenCount": vector.tokens,
    }
    return json_response(answer, headers={"x-amzn-bedrock-input-token-count": str(vector.tokens)})


def _checked(request: Mapping[str, Any]) -> tuple[str, int]:
    for key in request:
        if key not in _KEYS:
            raise malformed_body(f"#: extraneous key [{key}] is not permitted")
    text, size = request.get("inputText"), request.get("dimensions", 1024)
    if not isinstance(text, str):
        raise malformed_body(
            "#: required key [inputText] not found" if text is None else "#/inputText: expected type: String"
        )
    if not text:
        raise malformed_body("#/inputText: expected minLength: 1, actual: 0")
    if len(text) > MAX_CHARACTERS:
        raise malformed_body(f"#/inputText: expected maxLength: {MAX_CHARACTERS}, actual: {len(text)}")
    if size not in SIZES or isinstance(size, bool):
        raise malformed_body(f"#/dimensions: {size} is not a valid enum value")
    if size < DIMENSIONS:
        raise invalid(
            f"dimensions {size}: the {DIMENSIONS} numbers of the embedded AWS's model cannot be cut to {size}; "
            "use 512 or 1024"
        )
    if not isinstance(request.get("normalize", True), bool):
        raise malformed_body("#/normalize: expected type: Boolean")
    if request.get("embeddingTypes", ["float"]) != ["float"]:
        raise invalid('embeddingTypes: the embedded AWS gives ["float"] only')
    return text, size
