"""Exact nearest-neighbour search over one `knn_vector` field, scored by the formulas of the OpenSearch k-NN plugin."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from offline.opensearch.bm25 import Floats, Mask

Space = Literal["l2", "cosinesimil", "innerproduct"]
SPACES: tuple[Space, ...] = ("l2", "cosinesimil", "innerproduct")


class VectorField:
    """A growing float32 matrix, one row a document; rows without a vector are marked absent."""

    def __init__(self, dimension: int, space: Space) -> None:
        self.dimension = dimension
        self.space = space
        self._rows = 0
        self._matrix: Floats = np.empty((0, dimension), np.float32)
        self._squares: Floats = np.empty(0, np.float32)
        self._present: Mask = np.empty(0, np.bool_)
        self._gaps = 0

    def add(self, vector: Floats | None) -> None:
        """Append a row; None = the document has no vector."""
        row = self._rows
        if row == len(self._matrix):
            self._grow()
        self._present[row] = vector is not None
        if vector is None:
            self._gaps += 1
            vector = np.zeros(self.dimension, np.float32)
        self._matrix[row] = vector
        self._squares[row] = np.dot(vector, vector)
        self._rows += 1

    def vector(self, row: int) -> list[float] | None:
        """Return the stored vector, None where the document has none."""
        return self._matrix[row].tolist() if self._present[row] else None

    def search(self, query: Floats, k: int, mask: Mask | None) -> tuple[npt.NDArray[np.intp], Floats]:
        """Return the `k` best rows of `mask` (None = all), best first, ties by row, and their scores.

        Rows that the mask excludes are never scored; where fewer than `k` remain, fewer come back.
        """
        if self._gaps:
            present = self._present[: self._rows]
            mask = present if mask is None else present & mask
        if mask is None:
            rows = np.arange(self._rows)
            similar = self._matrix[: self._rows] @ query
        else:
            rows = np.flatnonzero(mask)
            # Gathering copies rows; where most of them stay, one product over all of them is cheaper.
            if 4 * len(rows) > self._rows:
                similar = (self._matrix[: self._rows] @ query)[rows]
            else:
                similar = self._matrix[rows] @ query
        scores = self._scores(similar, self._squares[rows], query)
        k = min(k, len(rows))
        if k == 0:
            return rows[:0], scores[:0]
        order = best(scores, k)
        return rows[order], scores[order]

    def _scores(self, similar: Floats, squares: Floats, query: Floats) -> Floats:
        length = np.float32(np.dot(query, query))
        if self.space == "l2":
            distance = np.maximum(squares + length - 2 * similar, np.float32(0))
            return np.asarray(1 / (1 + distance), np.float32)
        if self.space == "cosinesimil":
            norms = np.sqrt(squares * length)
            cosine = np.divide(similar, norms, out=np.zeros_like(similar), where=norms > 0)
            return np.asarray((1 + cosine) / 2, np.float32)
        return np.where(similar >= 0, similar + 1, 1 / (1 - np.minimum(similar, 0))).astype(np.float32)

    def _grow(self) -> None:
        size = max(256, 2 * len(self._matrix))
        # resize() extends in place where the allocator can: growth does not hold two copies.
        self._matrix.resize((size, self.dimension), refcheck=False)
        self._squares.resize(size, refcheck=False)
        self._present.resize(size, refcheck=False)


def best(scores: Floats, k: int) -> npt.NDArray[np.intp]:
    """Return the positions of the `k` highest scores, highest first, ties by position. `k` is at most their number.

    A tie at the k-th place is decided by position as well: argpartition alone would pick any of the equal ones.
    """
    if k < len(scores):
        threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
        candidates = np.flatnonzero(scores >= threshold)
    else:
        candidates = np.arange(len(scores))
    order = np.argsort(-scores[candidates], kind="stable")[:k]
    return candidates[order]


def parse(value: Any, dimension: int) -> Floats:
    """Return a vector from JSON.

    Raises:
        ValueError: not a list of `dimension` finite numbers; the message names the difference.
    """
    if not isinstance(value, list) or not set(map(type, value)) <= {int, float}:
        raise ValueError("a list of numbers is needed")
    if len(value) != dimension:
        raise ValueError(f"Vector dimension mismatch. Expected: {dimension}, Given: {len(value)}")
    with np.errstate(over="ignore"):  # too large a number becomes infinite and is refused below
        vector = np.array(value, np.float32)
    if not np.isfinite(vector).all():
        raise ValueError("a vector must hold finite numbers only")
    return vector
