"""The models that answer on the embedded AWS, by name, hash and version, for the reports of its runs."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.metadata import version

from offline.models import embeddings
from offline.models.cache import sha256_of
from offline.models.hub import GGUF_FILE, GGUF_SHA256, HubFolder, ModelName

LIBRARIES = ("torch", "transformers", "peft", "onnxruntime", "tokenizers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`generator` and `embedder` are names for people; `hashes` is file -> SHA-256, `versions` library -> version."""

    generator: str
    embedder: str
    hashes: dict[str, str]
    versions: dict[str, str]


@functools.cache
def identity(model: ModelName, hub: HubFolder) -> Identity:
    """Return the identity of both models; the weights are read once to hash them."""
    weights = {"model.safetensors as served": sha256_of(hub.snapshot / "model.safetensors")}
    if model == "smollm2":
        weights[GGUF_FILE] = GGUF_SHA256
    return Identity(
        generator="SmolLM2-135M-Instruct (from Q4_1)" if model == "smollm2" else "a tiny random model",
        embedder=f"all-MiniLM-L6-v2 (int8, {embeddings.DIMENSIONS} numbers)",
        hashes={**weights, "all-MiniLM-L6-v2 int8 model.onnx": embeddings.MODEL_SHA256},
        versions={library: version(library) for library in LIBRARIES},
    )
