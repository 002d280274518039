"""The fields of the vector index: what a template declares, or a function makes where a store has no such type."""

from __future__ import annotations

from typing import Any


def properties(dimensions: int) -> dict[str, Any]:
    """Return field -> mapping. No `engine`: NextGen refuses it.

    Vectors have unit length, so l2, the default space everywhere, ranks as the cosine does.
    """
    keywords = ("title", "chunk_id", "document", "experiment", "corpus")
    return {
        "vector": {"type": "knn_vector", "dimension": dimensions},
        "text": {"type": "text"},
        **{name: {"type": "keyword"} for name in keywords},
        "position": {"type": "integer"},
    }
