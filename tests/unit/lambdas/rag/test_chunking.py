"""Chunks: offsets, ids, odd text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.experiment import Document, Retrieval
from lambdas.rag.chunking import chunk_all, chunk_document, corpus_digest, scrub

SMALL = Retrieval(chunk_characters=60, chunk_overlap=10)
TEXT = (
    "Die Größe der Öfen beträgt 3 m² – überall.\n\nΗ μηχανή ζυγίζει 12 kg. 漢字の説明はここにあります。"
    "\n\nThe naïve café 🙂 closes at five. Its ovens cool down by seven."
)


def document(text: str, identifier: str = "PRD-01") -> Document:
    return Document(id=identifier, title="Ovens", text=text)


def test_offsets_count_characters() -> None:
    chunks = chunk_document(document(TEXT), SMALL)
    assert len(chunks) > 2
    assert [c.position for c in chunks] == list(range(len(chunks)))
    for chunk in chunks:
        assert TEXT[chunk.offset : chunk.offset + len(chunk.text)] == chunk.text
        assert len(chunk.text) <= 60


@given(st.text(max_size=400))
def test_chunks_of_any_text_lie_in_it_and_lose_no_word(text: str) -> None:
    clean = scrub(text)
    settings = Retrieval(chunk_characters=40, chunk_overlap=0)
    chunks = chunk_document(document(text), settings)
    reach = 0
    for chunk in chunks:
        assert clean[chunk.offset : chunk.offset + len(chunk.text)] == chunk.text
        assert not clean[reach : chunk.offset].strip(), "what lies between two chunks is white space"
        reach = chunk.offset + len(chunk.text)
        assert chunk.indexed_text.encode()
    assert not clean[reach:].strip()
    assert len({c.id for c in chunks}) == len(chunks)


def test_lone_surrogates_are_scrubbed_and_keep_offsets() -> None:
    text = "ab\ud800cd 🙂 ef\udfff"
    assert scrub(text) == "ab\ufffdcd 🙂 ef\ufffd"
    (chunk,) = chunk_document(document(text), SMALL)
    assert chunk.text.encode().decode() == scrub(text)
    assert len(scrub(text)) == len(text)


def test_an_edit_changes_only_the_ids_of_the_chunks_it_touches() -> None:
    settings = Retrieval(chunk_characters=60, chunk_overlap=0)
    before = chunk_document(document("First part, some words.\n\n" + "x" * 60 + "\n\n" + "y" * 60), settings)
    after = chunk_document(document("First part, other and longer words.\n\n" + "x" * 60 + "\n\n" + "y" * 60), settings)
    assert [a.id == b.id for a, b in zip(before, after, strict=True)] == [False, True, True]
    assert before[1].offset != after[1].offset


def test_ids_depend_on_document_title_and_occurrence() -> None:
    same = document("word " * 12 + "\n\n" + "word " * 12)
    ids = [c.id for c in chunk_all([same, replace(same, id="PRD-02"), replace(same, title="Saws")], SMALL)]
    assert len(set(ids)) == len(ids)
    assert len(ids) == 6


def test_blank_documents_have_no_chunks() -> None:
    assert chunk_document(document(" \n\n "), SMALL) == []


def test_wrong_overlap_names_the_fields() -> None:
    with pytest.raises(ValueError, match=r"retrieval\.chunk_overlap is 60"):
        chunk_document(document("a"), Retrieval(chunk_characters=60, chunk_overlap=60))


def test_the_corpus_digest_follows_what_makes_chunks_and_vectors() -> None:
    base = corpus_digest(SMALL, "titan", 512)
    assert base == corpus_digest(replace(SMALL, candidates=99), "titan", 512)
    others = {
        corpus_digest(replace(SMALL, chunk_characters=61), "titan", 512),
        corpus_digest(SMALL, "other", 512),
        corpus_digest(SMALL, "titan", 256),
    }
    assert len(others | {base}) == 4
