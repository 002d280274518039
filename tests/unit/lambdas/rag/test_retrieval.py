"""Rank fusion, and retrieval over a real store on loopback."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.runtime import is_retryable
from lambdas.rag import ingestion
from lambdas.rag.chunking import chunk_all
from lambdas.rag.index import VectorIndex, searchable
from lambdas.rag.retrieval import best_pages, fuse, retrieve, retrieve_chunks
from lambdas.rag.store import StoreError, connect
from offline.opensearch.api import OpenSearchServer
from tests.unit.lambdas.rag.rag_world import SETTINGS, WordEmbedder, fault, handbook, open_index, search_settings

rankings = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8), max_size=4)


@given(rankings)
def test_fusion_sums_reciprocal_ranks(lists: list[list[str]]) -> None:
    fused = fuse(lists)
    assert {key for key, _ in fused} == {key for ranking in lists for key in ranking}
    for key, score in fused:
        unique = [list(dict.fromkeys(ranking)) for ranking in lists]
        exact = sum((Fraction(1, 61 + ranking.index(key)) for ranking in unique if key in ranking), Fraction(0))
        assert score == pytest.approx(float(exact), rel=1e-12)
    assert fused == sorted(fused, key=lambda item: (-item[1], item[0]))


@given(rankings)
def test_copies_in_a_list_change_nothing(lists: list[list[str]]) -> None:
    doubled = [[key for key in dict.fromkeys(ranking) for _ in range(2)] for ranking in lists]
    assert fuse(doubled) == fuse(lists)


@given(st.permutations("abcdef"), st.permutations("abcdef"))
def test_order_of_the_lists_changes_no_rank(first: list[str], second: list[str]) -> None:
    assert [k for k, _ in fuse([first, second])] == [k for k, _ in fuse([second, first])]


def test_ties_go_by_key() -> None:
    assert fuse([["b"], ["a"]]) == [("a", 1 / 61), ("b", 1 / 61)]
    assert fuse([]) == []


def test_what_both_lists_know_beats_what_one_list_puts_first() -> None:
    assert fuse([["a", "b"], ["c", "b"]])[0][0] == "b"


@pytest.fixture
def filled(index: VectorIndex, embedder: WordEmbedder) -> VectorIndex:
    documents = handbook()
    ingestion.ingest(index, embedder, [d.id for d in documents], chunk_all(documents, SETTINGS))
    return index


def test_the_right_page_comes_first(filled: VectorIndex, embedder: WordEmbedder) -> None:
    pages = retrieve(filled, embedder, "How often does the operator check the saw?", candidates=5, pages=3)
    assert pages[0].document == "PRD-02"
    assert pages[0].title == "The saw"
    assert pages[0].text.startswith("Its operator checks the saw")
    assert [p.rank for p in pages] == [1, 2, 3]
    assert [p.score for p in pages] == sorted((p.score for p in pages), reverse=True)
    assert len({p.document for p in pages}) == 3
    assert pages[0].as_document().id == pages[0].as_record().document == "PRD-02"


def test_chunks_come_once_although_the_index_holds_copies(filled: VectorIndex, embedder: WordEmbedder) -> None:
    before = retrieve_chunks(filled, embedder, "the crane", candidates=4)
    chunks = chunk_all(handbook()[5:], SETTINGS)
    filled.add(chunks, [embedder(c.indexed_text) for c in chunks])
    after = retrieve_chunks(filled, embedder, "the crane", candidates=20)
    assert len({c.hit.chunk_id for c in after}) == len(after) == 12
    assert after[0].hit.chunk_id == before[0].hit.chunk_id


def test_fewer_chunks_than_asked_for(filled: VectorIndex, embedder: WordEmbedder) -> None:
    assert len(retrieve(filled, embedder, "the lathe", candidates=50, pages=50)) == 6
    assert retrieve(filled, embedder, "zzz", candidates=50, pages=2)[0].rank == 1, "vectors always give something"


def test_other_experiments_and_corpora_never_come_back(
    filled: VectorIndex, store: OpenSearchServer, embedder: WordEmbedder
) -> None:
    assert retrieve(open_index(store, corpus="c2"), embedder, "the saw", candidates=10, pages=5) == []
    assert retrieve(open_index(store, experiment="other"), embedder, "the saw", candidates=10, pages=5) == []
    two = chunk_all(handbook()[:1], SETTINGS)
    other = open_index(store, corpus="c2")
    other.add(two, [embedder(c.indexed_text) for c in two])
    found = retrieve_chunks(other, embedder, "the saw", candidates=10)
    assert {c.hit.chunk_id for c in found} == {c.id for c in two}, "k is more than what the filter leaves"
    assert len(best_pages(found)) == 1


def test_one_request_a_question(filled: VectorIndex, store: OpenSearchServer, embedder: WordEmbedder) -> None:
    fault(store, operation="/_search", status=500, times=99)
    fault(store, operation="/_count", status=500, times=99)
    fault(store, operation="/_msearch", status=503)
    fault(store, operation="/_msearch", status=429)
    assert retrieve(filled, embedder, "the oven", candidates=5, pages=1)[0].document == "PRD-04"


def test_errors_inside_a_multi_search_are_raised(store: OpenSearchServer, index: VectorIndex) -> None:
    with pytest.raises(StoreError, match="Dimension should be: 32") as caught:
        index.candidates("q", [1.0, 0.0], 3)
    assert not is_retryable(caught.value)
    index.name = "absent"
    with pytest.raises(StoreError, match="absent"):
        index.candidates("q", [1.0] * 32, 3)


def test_only_this_machine_is_spoken_to_without_tls(store: OpenSearchServer) -> None:
    with pytest.raises(ValueError, match="https"):
        connect(search_settings(store, endpoint="http://collection.example.com"))


def test_a_question_of_many_words_is_searched_by_its_first_distinct_ones() -> None:
    few = "How long is the warranty of K1000? And of k1000?"
    assert searchable(few) == few
    many = " ".join(f"K{number} Ö{number}?" for number in range(900))
    sent = searchable(many).split()
    assert sent[:3] == ["k0", "ö0", "k1"]
    assert len(sent) == len(set(sent)) == 1000
