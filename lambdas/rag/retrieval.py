"""Hybrid retrieval: BM25 and vector candidates of one request, fused by reciprocal rank on this side of the wire,
because no server-side fusion exists on all targets. `fine_tuning` uses `retrieve` as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.experiment import Document
from contracts.run import Retrieved
from contracts.times import Deadline
from lambdas.common import bedrock
from lambdas.common.metering import Meter
from lambdas.common.settings import EmbeddingSettings
from lambdas.rag.index import Hit, VectorIndex

RRF_K = 60

Embedder = Callable[[str], Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievedChunk:
    """A chunk and its fused score; `rank` counts from 1."""

    hit: Hit
    rank: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievedPage:
    """A document, represented by its best chunk; `rank` counts pages from 1."""

    document: str
    chunk: str
    rank: int
    score: float
    text: str
    title: str

    def as_document(self) -> Document:
        """Return the page for the prompt builders."""
        return Document(id=self.document, title=self.title, text=self.text)

    def as_record(self) -> Retrieved:
        """Return the page for the answer row."""
        return Retrieved(document=self.document, chunk=self.chunk, rank=self.rank, score=self.score)


def bedrock_embedder(client: Any, settings: EmbeddingSettings, meter: Meter, deadline: Deadline) -> Embedder:
    """Return a function from text to unit vector by the embedding model, whose tokens are metered."""

    def embed(text: str) -> Sequence[float]:
        embedded = bedrock.embed(client, settings.profile_arn, text, settings.dimensions, deadline=deadline)
        meter.embedded(settings.model_id, embedded.input_tokens)
        return embedded.vector

    return embed


def retrieve(
    index: VectorIndex, embedder: Embedder, question: str, *, candidates: int, pages: int
) -> list[RetrievedPage]:
    """Return the `pages` best documents for `question`, best first; fewer where the index holds fewer.

    Raises:
        DeadlineError, ModelCallError: the question could not be embedded.
        StoreError, opensearchpy.TransportError: the search failed for good.
    """
    return best_pages(retrieve_chunks(index, embedder, question, candidates=candidates))[:pages]


def retrieve_chunks(index: VectorIndex, embedder: Embedder, question: str, *, candidates: int) -> list[RetrievedChunk]:
    """Return up to 2 x `candidates` chunks, best first, each once however many copies the index holds."""
    lexical, dense = index.candidates(question, embedder(question), candidates)
    known = {hit.chunk_id: hit for hit in (*dense, *lexical)}
    fused = fuse([[hit.chunk_id for hit in lexical], [hit.chunk_id for hit in dense]])
    return [RetrievedChunk(hit=known[key], rank=i, score=score) for i, (key, score) in enumerate(fused, start=1)]


def fuse(rankings: Iterable[Sequence[str]], k: int = RRF_K) -> list[tuple[str, float]]:
    """Return keys by reciprocal rank fusion (Cormack, Clarke, Buettcher 2009): the sum of 1 / (k + rank).

    Ranks count from 1, after repeated keys of a ranking have been dropped. Highest score first, ties by key.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(dict.fromkeys(ranking), start=1):
            scores[key] = scores.get(key, 0.0) + 1.0 / (k + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def best_pages(chunks: Iterable[RetrievedChunk]) -> list[RetrievedPage]:
    """Return documents in the order of their best chunks, which represent them."""
    best: dict[str, RetrievedChunk] = {}
    for chunk in chunks:
        best.setdefault(chunk.hit.document, chunk)
    return [
        RetrievedPage(
            document=document, chunk=c.hit.chunk_id, rank=rank, score=c.score, text=c.hit.text, title=c.hit.title
        )
        for rank, (document, c) in enumerate(best.items(), start=1)
    ]
