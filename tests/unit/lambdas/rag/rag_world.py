"""A store on a loopback port, an index over it, and an embedder that counts words."""

from __future__ import annotations

import json
import re
import urllib.request
import zlib
from collections.abc import Sequence
from typing import Any

from contracts.experiment import Document, Retrieval
from contracts.times import Deadline
from lambdas.common.settings import SearchSettings
from lambdas.rag.index import VectorIndex
from lambdas.rag.store import connect
from offline.common.faults import OPENSEARCH_DATA, ROUTE
from offline.opensearch.api import OpenSearchServer

DIMENSIONS = 32
SETTINGS = Retrieval(chunk_characters=80, chunk_overlap=0)


class WordEmbedder:
    """Words hashed into a unit vector; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> Sequence[float]:
        self.asked.append(text)
        vector = [0.0] * DIMENSIONS
        for word in re.findall(r"\w+", text.lower()):
            vector[zlib.crc32(word.encode()) % DIMENSIONS] += 1.0
        length = sum(x * x for x in vector) ** 0.5 or 1.0
        return [x / length for x in vector]


def search_settings(server: OpenSearchServer, **changes: Any) -> SearchSettings:
    values = {
        "endpoint": server.endpoint,
        "service": "aoss",
        "generation": "nextgen",
        "index_name": "chunks",
        "region": "us-east-1",
    }
    return SearchSettings(**(values | changes))


def open_index(
    server: OpenSearchServer, *, corpus: str = "c1", experiment: str = "handbook", **changes: Any
) -> VectorIndex:
    return VectorIndex(
        connect(search_settings(server, **changes)), "chunks", experiment, corpus, Deadline.after(20), backoff_s=0.01
    )


def fault(server: OpenSearchServer, **fields: Any) -> None:
    body = json.dumps({"service": OPENSEARCH_DATA, **fields}).encode()
    urllib.request.urlopen(urllib.request.Request(server.endpoint + ROUTE, data=body)).close()


def handbook(count: int = 6) -> list[Document]:
    subjects = ("lathe", "press", "saw", "drill", "oven", "crane", "forge", "mill")
    return [
        Document(
            id=f"PRD-{n:02d}",
            title=f"The {subjects[n % 8]}",
            text=f"The {subjects[n % 8]} number {n} weighs {n * 7 + 3} kg and stands in hall {n % 3}.\n\n"
            f"Its operator checks the {subjects[n % 8]} every {n + 2} days before the shift begins.",
        )
        for n in range(count)
    ]
