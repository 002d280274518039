"""Bring the index to what the run's documents say, whatever an earlier run or a broken attempt has left in it.

Every step looks at the index first, so each can be repeated: a chunk that is there is not embedded again, a chunk that
no document has any more is deleted, and of copies (a retried request that had been applied, two deliveries of one
event) one is kept. Writes become visible after seconds on OpenSearch Serverless; what a step cannot see yet,
`await_index` puts right, and it says `visible` only when the index holds exactly the run's chunks.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from contracts import keys
from contracts.experiment import Document
from contracts.run import Manifest
from lambdas.common.runtime import DeadlineError, with_retries
from lambdas.common.store import Results
from lambdas.rag.chunking import Chunk
from lambdas.rag.index import Hit, VectorIndex
from lambdas.rag.retrieval import Embedder

DOCUMENTS_PER_BATCH = 50
GROUP = 100
"""Chunks of a request to the index. Twice as many are held at most, and are lost when a function is cut off."""
EMBEDDING_WORKERS = 8
"""Embedding calls of one function at a time: the model takes one text a call. Functions of several batches run side by
side, so that a default deployment has 32 calls on their way; the account's tokens a minute allow no more for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What one step did: chunks that its documents have, indexed now, found there, removed (stale or copies)."""

    chunks: int
    indexed: int
    skipped: int
    duplicates_removed: int
    stale_removed: int


def write_items(results: Results, manifest: Manifest, documents: Sequence[Document]) -> tuple[str, int]:
    """Write the ingestion Map's items, slices `first <= i < last` of the documents; return (key, number)."""
    items = [
        {
            "experiment": manifest.experiment,
            "run": manifest.run,
            "batch": batch,
            "first": first,
            "last": min(first + DOCUMENTS_PER_BATCH, len(documents)),
        }
        for batch, first in enumerate(range(0, len(documents), DOCUMENTS_PER_BATCH))
    ]
    key = keys.ingest_items(manifest.experiment, manifest.run)
    results.write_text(key, json.dumps(items))
    return key, len(items)


def ingest(index: VectorIndex, embedder: Embedder, documents: Iterable[str], chunks: Sequence[Chunk]) -> Ingested:
    """Make the index hold exactly `chunks` for these document ids, as far as searches show; retry temporary errors.

    Raises:
        DeadlineError: the time ran out; a later call goes on where this one stopped.
        StoreError, ModelCallError, opensearchpy.TransportError: it failed for good.
    """
    names = sorted(set(documents))
    found: set[str] | None = None
    indexed: set[str] = set()
    removed = [0, 0]

    def attempt() -> None:
        nonlocal found
        stale, copies, present = surplus(index.of_documents(names), {c.id for c in chunks})
        index.remove([*stale, *copies])
        removed[0] += len(copies)
        removed[1] += len(stale)
        found = present if found is None else found
        # What this call has had confirmed is there, even where a search does not show it yet.
        missing = [c for c in chunks if c.id not in present and c.id not in indexed]
        with closing(_embedded(embedder, missing)) as groups:
            for group, vectors in groups:
                if index.deadline.expired:
                    raise DeadlineError("deadline")
                index.add(group, vectors)
                indexed.update(c.id for c in group)

    with_retries(attempt, deadline=index.deadline, base_s=index.backoff_s)
    # A request that was retried may have been applied before: remove what can be seen of that at once.
    _, copies, _ = surplus(index.of_documents(names), {c.id for c in chunks})
    index.remove(copies)
    # A request that was applied and then failed counts as well: what was not there at first is there now.
    skipped = len(found or ())
    return Ingested(
        chunks=len(chunks),
        indexed=len(chunks) - skipped,
        skipped=skipped,
        duplicates_removed=removed[0] + len(copies),
        stale_removed=removed[1],
    )


def _embedded(
    embedder: Embedder, chunks: Sequence[Chunk]
) -> Generator[tuple[Sequence[Chunk], list[Sequence[float]]], None, None]:
    """Give the chunks in groups with their vectors. While one group is indexed, the next is embedded.

    The first error is raised as it is; calls that have not begun by then, or when the iterator is closed, are dropped.
    """
    begun: deque[tuple[Sequence[Chunk], list[Future[Sequence[float]]]]] = deque()
    pool = ThreadPoolExecutor(max_workers=EMBEDDING_WORKERS)
    try:
        for first in range(0, len(chunks), GROUP):
            group = chunks[first : first + GROUP]
            begun.append((group, [pool.submit(embedder, chunk.indexed_text) for chunk in group]))
            if first:
                yield _finished(*begun.popleft())
        while begun:
            yield _finished(*begun.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _finished(
    group: Sequence[Chunk], calls: Iterable[Future[Sequence[float]]]
) -> tuple[Sequence[Chunk], list[Sequence[float]]]:
    return group, [call.result() for call in calls]


def sweep(index: VectorIndex, chunks: Iterable[Chunk]) -> tuple[int, int]:
    """Remove from the whole experiment what the run's documents do not have, and copies: (stale, copies) removed."""
    stale, copies, _ = surplus(index.everything(), {c.id for c in chunks}, corpus=index.corpus)
    index.remove([*stale, *copies])
    return len(stale), len(copies)


def is_visible(index: VectorIndex, chunks: Sequence[Chunk]) -> bool:
    """Return whether searches see exactly the run's chunks, each once. Otherwise remove the surplus.

    The cheap count comes first; the chunks are listed only when none can be missing. A listing may leave out copies
    that meet the end of a page, the count does not: with the right number and no chunk absent there is no copy.
    """
    seen = index.count()
    if seen < len(chunks):
        return False
    stale, copies, present = surplus(index.everything(), {c.id for c in chunks}, corpus=index.corpus)
    index.remove([*stale, *copies])
    return not stale and not copies and seen == len(present) == len(chunks)


def surplus(hits: Iterable[Hit], wanted: set[str], corpus: str | None = None) -> tuple[list[str], list[str], set[str]]:
    """(server ids of stale chunks, server ids of copies, chunk ids that are present).

    The copy with the smallest server id stays, so that two functions that clean up at once keep the same one.
    """
    stale: list[str] = []
    copies: list[str] = []
    kept: dict[str, str] = {}
    for hit in sorted(hits, key=lambda h: h.id):
        if hit.chunk_id not in wanted or (corpus is not None and hit.corpus != corpus):
            stale.append(hit.id)
        elif hit.chunk_id in kept:
            copies.append(hit.id)
        else:
            kept[hit.chunk_id] = hit.id
    return stale, copies, set(kept)
