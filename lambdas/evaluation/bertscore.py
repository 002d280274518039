"""BERTScore by greedy matching of contextual token vectors, on onnxruntime instead of PyTorch.

Definition: Zhang et al., "BERTScore: Evaluating Text Generation with BERT" (ICLR 2020), as the package bert-score
0.3.13 computes it without idf and without baseline rescaling. Every token of the candidate takes its most similar
token of the reference (precision) and the other way round (recall); [CLS] and [SEP] may be matched but carry no
weight; a text without tokens scores 0. One difference, on purpose: bert-score pads pairs of a batch to one length
and a padded cell counts as similarity 0, so that a token whose true best is negative gets 0 there. Here each pair is
matched by itself and a score never depends on its neighbours.

BERTScore does not see wrong facts: "33 months [PRD-02]" against "30 months [PRD-01]" is .915.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lambdas.evaluation.model_files import ModelFiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

NAME = "BERTScore (all-MiniLM-L6-v2 int8, layer 6, unscaled)"
"""Scores of other models or layers, and rescaled ones, are other scales: never compare them with these."""

MAX_TOKENS = 512
"""What the model takes; longer texts are cut there, as bert-score does."""

UNKNOWN = "[UNK]"
BATCH = 32
PAIRS_IN_MEMORY = 512


class Match(NamedTuple):
    """Precision, recall and F1 of one pair; cosines, so at most 1 and in principle below 0."""

    precision: float
    recall: float
    f1: float


class BertScore:
    """The model, loaded once (about 0.3 s). `threads` is for one inference; None leaves it to onnxruntime."""

    def __init__(self, files: ModelFiles, *, threads: int | None = None) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        if threads is not None:
            options.intra_op_num_threads = threads
        self._session: Any = onnxruntime.InferenceSession(str(files.model), options, providers=["CPUExecutionProvider"])
        self._tokenizer: Any = Tokenizer.from_file(str(files.tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[Match]:
        """Return one `Match` for every (candidate, reference).

        A text that occurs several times in `PAIRS_IN_MEMORY` neighbouring pairs is embedded once, so keep pairs with
        one reference together. Memory is bounded by that window, not by the number of pairs.
        """
        matches: list[Match] = []
        for start in range(0, len(pairs), PAIRS_IN_MEMORY):
            window = [(c.strip(), r.strip()) for c, r in pairs[start : start + PAIRS_IN_MEMORY]]
            unique = list(dict.fromkeys(text for pair in window for text in pair))
            vectors = dict(zip(unique, self.embed(unique), strict=True))
            matches += [greedy_match(vectors[c], vectors[r]) for c, r in window]
        return matches

    def measures(self, text: str) -> bool:
        """Return whether the model knows every character of `text`; unknown ones all look alike to it."""
        return UNKNOWN not in self._tokenizer.encode(text).tokens

    def embed(self, texts: Sequence[str]) -> list[Vectors]:
        """Return the unit vectors of each text's tokens, [CLS] and [SEP] included: float32, tokens x 384."""
        import numpy as np

        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        by_length = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        vectors: dict[int, Vectors] = {}
        for start in range(0, len(by_length), BATCH):
            batch = by_length[start : start + BATCH]
            longest = max(len(ids[i]) for i in batch)
            tokens = np.zeros((len(batch), longest), dtype=np.int64)
            mask = np.zeros_like(tokens)
            for row, i in enumerate(batch):
                tokens[row, : len(ids[i])] = ids[i]
                mask[row, : len(ids[i])] = 1
            inputs = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
            (hidden,) = self._session.run(["last_hidden_state"], inputs)
            for row, i in enumerate(batch):
                part = hidden[row, : len(ids[i])]
                vectors[i] = part / np.linalg.norm(part, axis=1, keepdims=True)
        return [vectors[i] for i in range(len(ids))]


def greedy_match(candidate: Vectors, reference: Vectors) -> Match:
    """Match unit vectors (tokens x dimensions) whose first and last rows are the special tokens."""
    if len(candidate) <= 2 or len(reference) <= 2:
        return Match(0.0, 0.0, 0.0)
    similarity = candidate @ reference.T
    precision = float(similarity.max(axis=1)[1:-1].mean())
    recall = float(similarity.max(axis=0)[1:-1].mean())
    total = precision + recall
    return Match(precision, recall, 2 * precision * recall / total if total else 0.0)
