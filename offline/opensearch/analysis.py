"""The standard analyzer: Unicode words (Annex 29 as far as a regular expression reaches), lower case, no stop words."""

from __future__ import annotations

import re

# A word is letters, digits and underscores. Inside it an apostrophe, full stop, colon or middle dot may stand between
# two letters ("can't", "example.com") and a full stop, comma or semicolon between two digits ("3.14"). Ideographs and
# Hiragana have no word breaks: each is a word.
_SINGLE = "\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = rf"[^\W{_SINGLE}]+"
_JOIN = r"(?:(?<=[^\W\d_])['’.:·](?=[^\W\d_])|(?<=\d)[.,;'](?=\d))"
_TOKEN = re.compile(rf"[{_SINGLE}]|{_WORD}(?:{_JOIN}{_WORD})*")
MAX_TOKEN = 255
"""Longer tokens are cut into pieces of this length, as Lucene does."""


def tokens(text: str) -> list[str]:
    """The terms of `text` in order, repeated ones included."""
    found: list[str] = _TOKEN.findall(text.lower())
    if max(map(len, found), default=0) <= MAX_TOKEN:
        return found
    return [token[i : i + MAX_TOKEN] for token in found for i in range(0, len(token), MAX_TOKEN)]
