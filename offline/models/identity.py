"""The models that answer on the embedded AWS, by name, hash and version, for the reports of its runs."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from offline.models import embeddings
from offline.models.cache import sha256_of
from offline.models.hub import GGUF_FILE, GGUF_SHA256, HubFolder, ModelName
from offline.models.own.choice import ModelFolder, ModelServer, OwnModel
from offline.models.own.folder import weights

LIBRARIES = ("torch", "transformers", "peft", "onnxruntime", "tokenizers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`generator`, `base` (of fine-tuning) and `embedder` are names for people.

    `hashes` is file -> SHA-256, and server -> `unknown`; `versions` is library -> version.
    """

    generator: str
    base: str
    embedder: str
    hashes: dict[str, str]
    versions: dict[str, str]


def identity(model: ModelName, base: HubFolder | ModelFolder, own: OwnModel | None = None) -> Identity:
    """Return the identity of the models; all weights are read once to hash them."""
    name, hashes = _folder(base) if isinstance(base, ModelFolder) else _packaged(model, base)
    generator = name
    if isinstance(own, ModelServer):
        generator = f"{own.name} at {own.address}"
        hashes = {generator: "unknown: the server does not tell", **hashes}
    return Identity(
        generator=generator,
        base=name,
        embedder=f"all-MiniLM-L6-v2 (int8, {embeddings.DIMENSIONS} numbers)",
        hashes={**hashes, "all-MiniLM-L6-v2 int8 model.onnx": embeddings.MODEL_SHA256},
        versions={library: version(library) for library in LIBRARIES},
    )


def _packaged(model: ModelName, hub: HubFolder) -> tuple[str, dict[str, str]]:
    hashes = {"model.safetensors as served": sha256_of(hub.snapshot / "model.safetensors")}
    if model == "tiny":
        return "a tiny random model", hashes
    return "SmolLM2-135M-Instruct (from Q4_1)", {**hashes, GGUF_FILE: GGUF_SHA256}


def _folder(folder: ModelFolder) -> tuple[str, dict[str, str]]:
    return folder.name, {f"{folder.name}/{file.name}": sha256_of(file) for file in weights(folder)}
