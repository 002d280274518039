"""BM25 as Lucene computes it, over one text field in the standard analyzer's words.

score(term, document) = ln(1 + (N - df + 0.5) / (df + 0.5)) * tf / (tf + k1 * (1 - b + b * length / average)), without
Lucene's former factor (k1 + 1). A document's length is kept in one lossy byte (`org.apache.lucene.util.SmallFloat`),
the average length is exact. One point differs from Lucene: removed documents leave the statistics at once, not at the
next merge of segments.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict

import numpy as np
import numpy.typing as npt

K1 = 1.2
B = 0.75

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

# A word is letters, digits and underscores (Unicode Annex 29 as far as a regular expression reaches). Inside it an
# apostrophe, full stop, colon or middle dot may stand between two letters ("can't", "example.com") and a full stop,
# comma or semicolon between two digits ("3.14"). Ideographs and Hiragana have no word breaks: each is a word.
_SINGLE = "\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = rf"[^\W{_SINGLE}]+"
_JOIN = r"(?:(?<=[^\W\d_])['’.:·](?=[^\W\d_])|(?<=\d)[.,;'](?=\d))"
_TOKEN = re.compile(rf"[{_SINGLE}]|{_WORD}(?:{_JOIN}{_WORD})*")
MAX_TOKEN = 255
"""Longer tokens are divided into pieces of this length, as Lucene does."""


def tokens(text: str) -> list[str]:
    """Return the lower-case words of `text` in order, repeated ones included; there are no stop words."""
    words: list[str] = _TOKEN.findall(text.lower())
    return [word[i : i + MAX_TOKEN] for word in words for i in range(0, len(word), MAX_TOKEN)]


def encode_length(length: int) -> int:
    """Encode as SmallFloat.intToByte4 does: exact to 39, above it three bits of mantissa."""
    if length < 24:
        return length
    value = length - 24
    bits = value.bit_length()
    code = value if bits < 4 else ((value >> (bits - 4)) & 0x07) | ((bits - 4 + 1) << 3)
    return 24 + code


def decode_length(code: int) -> int:
    """Decode as SmallFloat.byte4ToInt does."""
    if code < 24:
        return code
    value = code - 24
    bits, shift = value & 0x07, (value >> 3) - 1
    return 24 + (bits if shift == -1 else (bits | 0x08) << shift)


LENGTHS = np.array([decode_length(code) for code in range(256)], dtype=np.float32)


class _Postings:
    """Documents that hold a term and how often. New ones wait in `array`s and are joined when a query reads them."""

    __slots__ = ("counts", "documents", "new_counts", "new_documents")

    def __init__(self) -> None:
        self.documents: Ints = np.empty(0, np.int32)
        self.counts: Floats = np.empty(0, np.float32)
        self.new_documents = array("i")
        self.new_counts = array("i")

    def read(self) -> tuple[Ints, Floats]:
        if self.new_documents:
            self.documents = np.concatenate([self.documents, np.array(self.new_documents, np.int32)])
            self.counts = np.concatenate([self.counts, np.array(self.new_counts, np.float32)])
            self.new_documents, self.new_counts = array("i"), array("i")
        return self.documents, self.counts


class TextField:
    """An inverted index. Documents are rows, counted from 0; rows without the field have no length."""

    def __init__(self) -> None:
        self._postings: defaultdict[str, _Postings] = defaultdict(_Postings)
        self._codes = bytearray()
        self._exact = array("i")  # -1 = the row has no such field

    def add(self, text: str | None) -> None:
        """Append a row; None = the document has no such text."""
        row = len(self._exact)
        terms = Counter(tokens(text or ""))
        length = sum(terms.values())
        self._exact.append(length if text is not None else -1)
        self._codes.append(encode_length(length))
        for term, count in terms.items():
            postings = self._postings[term]
            postings.new_documents.append(row)
            postings.new_counts.append(count)

    def search(self, query: str, mask: Mask | None) -> tuple[Floats, Mask]:
        """Return the score of each row, and which rows hold one of the query's terms.

        `mask` = the rows that exist for this search, None = all of them. A term that stands twice in the query counts
        twice.
        """
        rows = len(self._exact)
        scores, matching = np.zeros(rows, np.float32), np.zeros(rows, np.bool_)
        exact = np.array(self._exact, np.int32)
        present = exact >= 0 if mask is None else (exact >= 0) & mask
        size = int(np.count_nonzero(present))
        terms = Counter(tokens(query))
        if not size or not terms:
            return scores, matching
        average = float(exact[present].sum(dtype=np.int64)) / size
        lengths = LENGTHS[np.frombuffer(bytes(self._codes), np.uint8)]
        norms = np.float32(K1) * (np.float32(1 - B) + np.float32(B / average) * lengths)
        for term, boost in terms.items():
            postings = self._postings.get(term)
            if postings is None:
                continue
            documents, counts = postings.read()
            if mask is not None:
                alive = mask[documents]
                documents, counts = documents[alive], counts[alive]
            df = len(documents)
            if not df:
                continue
            idf = np.float32(boost * np.log(1.0 + (size - df + 0.5) / (df + 0.5)))
            scores[documents] += idf * (counts / (counts + norms[documents]))
            matching[documents] = True
        return scores, matching
