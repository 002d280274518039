"""Whatever happens on the way, the index ends up with the run's chunks, each once."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from opensearchpy import TransportError

from contracts.experiment import Document
from contracts.times import Deadline
from lambdas.common.runtime import DeadlineError
from lambdas.rag import ingestion
from lambdas.rag.chunking import Chunk, chunk_all
from lambdas.rag.index import Hit, VectorIndex
from lambdas.rag.store import StoreError, index_body
from offline.opensearch import index as engine_index
from offline.opensearch.api import OpenSearchServer, serve
from tests.unit.lambdas.rag.rag_world import DIMENSIONS, SETTINGS, WordEmbedder, fault, handbook, open_index


def chunks_of(documents: list[Document]) -> list[Chunk]:
    return chunk_all(documents, SETTINGS)


def ingest(index: VectorIndex, embedder: WordEmbedder, documents: list[Document]) -> ingestion.Ingested:
    return ingestion.ingest(index, embedder, [d.id for d in documents], chunks_of(documents))


def stored(index: VectorIndex) -> list[str]:
    return sorted(hit.chunk_id for hit in index.everything())


def wanted(documents: list[Document]) -> list[str]:
    return sorted(c.id for c in chunks_of(documents))


def test_unchanged_chunks_are_neither_embedded_nor_indexed_again(index: VectorIndex, embedder: WordEmbedder) -> None:
    documents = handbook()
    first = ingest(index, embedder, documents)
    assert (first.chunks, first.indexed, first.skipped) == (12, 12, 0)
    assert len(embedder.asked) == 12
    again = ingest(index, embedder, documents)
    assert (again.indexed, again.skipped, again.duplicates_removed, again.stale_removed) == (0, 12, 0, 0)
    assert len(embedder.asked) == 12
    assert "indexing" not in open_index_activity(index, documents, embedder)


def open_index_activity(index: VectorIndex, documents: list[Document], embedder: WordEmbedder) -> set[str]:
    fresh = VectorIndex(index.client, index.name, index.experiment, index.corpus, Deadline.after(20))
    ingest(fresh, embedder, documents)
    return set(fresh.activity.spans)


def test_an_edited_document_costs_only_its_changed_chunk(index: VectorIndex, embedder: WordEmbedder) -> None:
    documents = handbook()
    ingest(index, embedder, documents)
    documents[2] = replace(documents[2], text=documents[2].text.replace("every 4 days", "every 40 days"))
    done = ingest(index, embedder, documents)
    assert (done.indexed, done.stale_removed) == (1, 1)
    assert stored(index) == wanted(documents)


def test_chunks_of_removed_documents_and_of_other_corpora_are_swept(
    index: VectorIndex, store: OpenSearchServer, embedder: WordEmbedder
) -> None:
    documents = handbook()
    ingest(index, embedder, documents)
    ingest(open_index(store, corpus="old"), embedder, documents[:1])
    ingest(open_index(store, experiment="other"), embedder, documents[:1])
    assert ingestion.sweep(index, chunks_of(documents[:4])) == (6, 0)
    assert stored(index) == wanted(documents[:4])
    assert open_index(store, experiment="other").count() == 2, "another experiment is not touched"


def test_a_request_that_was_applied_and_then_failed_leaves_no_copies(
    index: VectorIndex, store: OpenSearchServer, embedder: WordEmbedder
) -> None:
    documents = handbook()
    fault(store, operation="_bulk", status=503, when="after")
    done = ingest(index, embedder, documents)
    assert (done.chunks, done.indexed, done.skipped) == (12, 12, 0)
    assert len(embedder.asked) == 12, "what was applied is found and not embedded again"
    assert stored(index) == wanted(documents)


def test_copies_that_an_earlier_delivery_left_are_removed(index: VectorIndex, embedder: WordEmbedder) -> None:
    documents = handbook()
    chunks = chunks_of(documents)
    for _ in range(3):
        index.add(chunks, [embedder(c.indexed_text) for c in chunks])
    assert not ingestion.is_visible(index, chunks), "copies are no success"
    assert ingestion.is_visible(index, chunks)
    index.add(chunks[:5], [embedder(c.indexed_text) for c in chunks[:5]])
    done = ingest(index, embedder, documents)
    assert (done.duplicates_removed, done.indexed) == (5, 0)
    assert stored(index) == wanted(documents)


def test_items_refused_with_429_are_sent_again(
    index: VectorIndex, store: OpenSearchServer, embedder: WordEmbedder
) -> None:
    fault(store, status=429, when="item", times=2)
    fault(store, operation="_bulk", status=429)
    documents = handbook()
    assert ingest(index, embedder, documents).indexed == 12
    assert stored(index) == wanted(documents)


def test_an_item_that_fails_for_good_is_an_error_that_names_it(index: VectorIndex, embedder: WordEmbedder) -> None:
    chunks = chunks_of(handbook(1))
    with pytest.raises(StoreError, match=r"refused 1 of 2 chunks, the first with 400.*dimension") as caught:
        index.add(chunks, [embedder("a"), [1.0]])
    assert not caught.value.retryable


def test_an_outage_that_lasts_is_raised(index: VectorIndex, store: OpenSearchServer, embedder: WordEmbedder) -> None:
    fault(store, status=503, times=10_000)
    index.deadline = Deadline.after(0.3)
    with pytest.raises((TransportError, DeadlineError)):
        ingest(index, embedder, handbook())


def test_nothing_begins_after_the_deadline(index: VectorIndex, embedder: WordEmbedder) -> None:
    index.deadline = Deadline.after(0)
    with pytest.raises(DeadlineError):
        ingest(index, embedder, handbook())
    assert embedder.asked == []


def test_surrogates_reach_the_index_scrubbed(index: VectorIndex, embedder: WordEmbedder) -> None:
    odd = Document(id="ODD-01", title="Odd \ud83d title", text="A text with \udc00 in it.")
    assert ingest(index, embedder, [odd]).indexed == 1
    (hit,), _ = index.candidates("odd text", embedder("odd"), 1)
    assert (hit.title, hit.text) == ("Odd \ufffd title", "A text with \ufffd in it.")


def test_visibility_is_awaited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedder: WordEmbedder) -> None:
    moment = [1000.0]
    monkeypatch.setattr(engine_index, "now", lambda: moment[0])
    server = serve(0, tmp_path / "slow", "aoss_classic", 30.0)
    try:
        server.engine.create_index("chunks", index_body(DIMENSIONS))
        moment[0] += 31
        index = open_index(server)
        documents = handbook()
        chunks = chunks_of(documents)
        assert ingest(index, embedder, documents).indexed == 12
        # A second delivery before the first can be seen: it cannot know, so there are copies for a while.
        assert ingest(index, embedder, documents).indexed == 12
        assert not ingestion.is_visible(index, chunks)
        moment[0] += 31
        assert not ingestion.is_visible(index, chunks), "the copies are seen and removed now"
        moment[0] += 31
        assert ingestion.is_visible(index, chunks)
        assert stored(index) == wanted(documents)
    finally:
        server.shutdown()


def test_a_missing_chunk_is_not_hidden_by_a_stale_one(index: VectorIndex, embedder: WordEmbedder) -> None:
    documents = handbook()
    ingest(index, embedder, documents)
    chunks = chunks_of(documents)
    changed = [replace(chunks[0], id="0" * 32), *chunks[1:]]
    assert index.count() == len(changed)
    assert not ingestion.is_visible(index, changed)
    assert index.count() == len(changed) - 1, "the stale one is gone"


def test_the_copy_that_stays_does_not_depend_on_the_order() -> None:
    hits = [
        Hit(id=i, chunk_id=c, document="d", corpus="c") for i, c in (("3", "a"), ("1", "a"), ("2", "b"), ("4", "x"))
    ]
    for order in (hits, hits[::-1]):
        stale, copies, present = ingestion.surplus(order, {"a", "b"}, "c")
        assert (stale, copies, present) == (["4"], ["3"], {"a", "b"})


def test_a_domain_makes_its_index_and_a_collection_does_not(tmp_path: Path) -> None:
    server = serve(0, tmp_path / "managed", "managed")
    try:
        index = open_index(server, service="es", generation="domain")
        index.deadline = Deadline.after(0.2)
        with pytest.raises(DeadlineError, match="'chunks' does not exist"):
            index.ensure("nextgen", DIMENSIONS)
        index.deadline = Deadline.after(10)
        fault(server, status=403, code="Forbidden", times=2)
        index.ensure("domain", DIMENSIONS)
        index.ensure("domain", DIMENSIONS)
        assert index.count() == 0
    finally:
        server.shutdown()


def test_more_chunks_than_a_page(index: VectorIndex, embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambdas.rag.index.PAGE", 5)
    documents = handbook(8)
    ingest(index, embedder, documents)
    assert len(index.everything()) == 16
    assert ingestion.is_visible(index, chunks_of(documents))
    assert ingest(index, embedder, documents).skipped == 16


def test_the_next_group_is_embedded_while_one_is_indexed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion, "GROUP", 2)
    chunks = chunks_of(handbook(3))
    asked, fourth = [], threading.Event()

    def embed(text: str) -> list[float]:
        asked.append(text)
        if text == chunks[3].indexed_text:
            fourth.set()
        return [float(len(text))]

    with contextlib.closing(ingestion._embedded(embed, chunks)) as groups:
        group, vectors = next(groups)
        assert (group, vectors) == (chunks[:2], [[float(len(c.indexed_text))] for c in chunks[:2]])
        assert fourth.wait(timeout=30)
        assert len(asked) <= 4
        assert [list(group) for group, _ in groups] == [chunks[2:4], chunks[4:]]


def test_after_an_error_no_other_group_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion, "GROUP", 2)
    asked = []

    def embed(text: str) -> list[float]:
        asked.append(text)
        raise ValueError("refused")

    groups = ingestion._embedded(embed, chunks_of(handbook(40)))
    with contextlib.closing(groups), pytest.raises(ValueError, match=r"^refused$"):
        next(groups)
    assert 1 <= len(asked) <= 4
