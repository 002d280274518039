"""Documents to chunks: cut where the text's structure allows it, named by their content."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from contracts.experiment import Document, Retrieval
from lambdas.evaluation.text import tokens

_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document: `text` stands at character `offset` of the scrubbed document text; `position` counts
    the chunks of a document from 0. `id` is a hash of document id, title and text: a chunk
    keeps its id when the document is edited elsewhere."""

    id: str
    document: str
    title: str
    text: str
    offset: int
    position: int

    @property
    def indexed_text(self) -> str:
        """What is searched and embedded: the title says what the text is about, often in words that it lacks."""
        return f"{self.title}\n{self.text}"


def scrub(text: str) -> str:
    """Return `text` with each lone surrogate replaced by U+FFFD; the length stays, so offsets hold for both.

    A surrogate has no UTF-8 form, and opensearch-py 3.2.0 fails on it.
    """
    return _SURROGATES.sub("\ufffd", text)


def chunk_document(document: Document, settings: Retrieval) -> list[Chunk]:
    """Return the chunks of a document in order, at most `chunk_characters` long, sharing up to `chunk_overlap`.

    Raises:
        ValueError: the overlap is not smaller than the chunk.
    """
    if not 0 <= settings.chunk_overlap < settings.chunk_characters:
        raise ValueError(
            f"retrieval.chunk_overlap is {settings.chunk_overlap}; it must be at least 0 and smaller than "
            f"retrieval.chunk_characters, {settings.chunk_characters}"
        )
    from semantic_text_splitter import TextSplitter  # only who reads documents needs it

    splitter = TextSplitter(settings.chunk_characters, overlap=settings.chunk_overlap)
    title = scrub(document.title)
    chunks: list[Chunk] = []
    seen: Counter[str] = Counter()
    for position, (offset, text) in enumerate(splitter.chunk_indices(scrub(document.text))):
        seen[text] += 1  # a text that stands twice in a document gives two chunks with two ids
        chunks.append(
            Chunk(
                id=_digest(document.id, title, text, str(seen[text])),
                document=document.id,
                title=title,
                text=text,
                offset=offset,
                position=position,
            )
        )
    return chunks


def excerpt(document: Document, text: str, settings: Retrieval) -> Document:
    """Return the document with the chunk that shares most words with `text` in place of all of it: what a search for
    `text` would show of a long page."""
    chunks = chunk_document(document, settings)
    if len(chunks) < 2:
        return document
    words = set(tokens(text))
    best = max(chunks, key=lambda chunk: len(words & set(tokens(chunk.text))))
    return replace(document, text=best.text)


def chunk_all(documents: Iterable[Document], settings: Retrieval) -> list[Chunk]:
    """Return the chunks of all documents, in the order of the documents."""
    return [chunk for document in documents for chunk in chunk_document(document, settings)]


def corpus_digest(settings: Retrieval, embedding_model: str, dimensions: int) -> str:
    """Return a name for how chunks were made and embedded. Chunks of another digest are never returned."""
    return _digest(
        "corpus 1", str(settings.chunk_characters), str(settings.chunk_overlap), embedding_model, str(dimensions)
    )


def _digest(*parts: str) -> str:
    """Return 32 hexadecimal digits of SHA-256 over the parts; each part's length goes in, so no two lists collide."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode()
        hasher.update(f"{len(data)}:".encode() + data)
    return hasher.hexdigest()[:32]
