"""Sentence embeddings of all-MiniLM-L6-v2 (int8) on onnxruntime: mean of the token vectors, unit length."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lambdas.evaluation.model_files import ModelFiles

DIMENSIONS = 384
MAX_TOKENS = 256
"""What the model was trained on; longer texts are cut there."""


class MiniLM:
    """The model, loaded once. Safe for threads."""

    def __init__(self, files: ModelFiles, *, threads: int) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session: Any = onnxruntime.InferenceSession(str(files.model), options, providers=["CPUExecutionProvider"])
        self._tokenizer: Any = Tokenizer.from_file(str(files.tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._lock = threading.Lock()

    def embed(self, text: str) -> tuple[NDArray[np.float32], int]:
        """The unit vector of `text` (float32, 384) and how many tokens it has."""
        with self._lock:  # the tokenizer is not safe for threads, and two inferences at once gain nothing here
            ids = self._tokenizer.encode(text).ids
            tokens = np.array([ids], dtype=np.int64)
            ones = np.ones_like(tokens)
            inputs = {"input_ids": tokens, "attention_mask": ones, "token_type_ids": np.zeros_like(tokens)}
            (hidden,) = self._session.run(["last_hidden_state"], inputs)
        mean = hidden[0].mean(axis=0)
        return mean / np.linalg.norm(mean), len(ids)
