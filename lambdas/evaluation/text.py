"""Text as tokens that keep its meaning, for scoring and for finding duplicates. Standard library only.

Two texts that differ in a digit, a sign, a currency, a vowel sign or an operator have different tokens. Two texts that
differ in case, width, spacing, Unicode form or the grouping of thousands have the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

#: Scripts that are written without spaces between words: each character, with its marks, is a token of its own.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # iteration marks of Han
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
#: Punctuation that carries meaning beside the symbols (categories Sm, Sc, So): "5%" is not "5", "5'" not '5"'.
_MEANINGFUL = frozenset("%‰‱#&@*/\\†‡§′″‴")
#: Symbols that only lay a text out (table rules and code quotes of Markdown), and a minus that is a dash: 10−20.
_NO_TOKEN = frozenset("|`−")
_VARIATION_SELECTORS = frozenset(map(chr, range(0xFE00, 0xFE10)))
_MINUS = frozenset("-−")
#: A space, an apostrophe or a comma between groups of three digits ("1 200", "1'200", "1,200"), or groups as in India
#: ("1,00,000"). An ordinary space separates two numbers.
_GROUPED = re.compile(
    "(?<![0-9.,])(?:"
    "[0-9]{1,3}(?:[,'’\u00a0\u2009\u202f][0-9]{3})+(?![0-9])|"
    "[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?![0-9])|"
    r"[0-9]{1,3}(?:\.[0-9]{3}){2,}(?![0-9])|"
    r"[0-9]{1,3}(?:\.[0-9]{3})+(?=,[0-9]+(?![0-9.,]))"
    ")"
)
_NUMBER = re.compile(r"[0-9]+(?::[0-9]+)+|[0-9]+(?:\.[0-9]+)*")
_DECIMAL_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9])")
#: Units that people write against their number: "5kg" is "5 kg". Any other suffix makes a word ("3D", "4x4").
_UNIT = re.compile(
    r"(?:[munpkcd]?[mgls]|[kmgt]?i?b|[kmgt]?hz|[kmg]?wh?|[mk]?v|m?ah?|min|h|eur|usd|gbp|chf|mi|ft|in|lb|oz)(?![\w])"
)
#: Emphasis and headings of Markdown.
_MARKDOWN = re.compile(r"(?<![\w*])\*+(?=\S)|(?<=\S)\*+(?![\w*])|(?m:^#{1,6}[ \t]+)")
#: `C++`, `C#`: the symbols are part of the name.
_SUFFIX = re.compile(r"[+#]+(?![\w])")
#: A token that is a number. Times (12:30), versions (1.2.3) and words (3d) are not.
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
#: Units that people write as a sign or as a word.
_UNIT_WORDS = {"€": "eur", "$": "usd", "£": "gbp", "percent": "%"}


class Number(NamedTuple):
    """A number and the unit it bears: a currency sign before it, else what follows it; None at the end."""

    value: Decimal
    unit: str | None


def normalise(text: str) -> str:
    """Return `text` in one spelling: Unicode NFC, narrow forms, no format characters, case folded, single spaces."""
    return " ".join(_one_spelling(text).split())


def tokens(text: str) -> list[str]:
    """Return the tokens of `text`: `Up to 1,200 EUR at -4.5 °C` -> up, to, 1200, eur, at, -4.5, °, c.

    Words keep their marks, numbers are whole and have no grouping, symbols are tokens. Punctuation separates; a text
    that is nothing but punctuation keeps it, so that only an empty text has no token.
    """
    plain = "".join(map(_ascii_digit, _MARKDOWN.sub("", _one_spelling(text))))
    plain = _DECIMAL_COMMA.sub(".", _GROUPED.sub(_ungrouped, plain))
    return list(_tokens(plain)) or [c for c in plain if not c.isspace()]


def numbers(text: str) -> list[Number]:
    """Return the numbers of `text`, in order: `€1,200 for 5kg at -4.5 °C` -> (1200, eur), (5, kg), (-4.5, °c)."""
    words = tokens(text)
    return [Number(Decimal(word), _unit(words, at)) for at, word in enumerate(words) if _PLAIN_NUMBER.fullmatch(word)]


def _unit(words: list[str], at: int) -> str | None:
    before, after = words[at - 1] if at else "", words[at + 1] if at + 1 < len(words) else ""
    if len(before) == 1 and unicodedata.category(before) == "Sc":
        return _UNIT_WORDS.get(before, before)
    if after == "°":
        after += words[at + 2] if at + 2 < len(words) else ""
    if not after or _PLAIN_NUMBER.fullmatch(after):
        return None
    return _UNIT_WORDS.get(after, after)


def has_run(needle: list[str], haystack: list[str]) -> bool:
    """Return whether `needle` occurs in `haystack` in one piece. An empty needle occurs nowhere."""
    width = len(needle)
    return width > 0 and any(haystack[i : i + width] == needle for i in range(len(haystack) - width + 1))


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        char = text[at]
        if number := _NUMBER.match(text, at):
            end, suffix = number.end(), _UNIT.match(text, number.end())
            if suffix is None and end < len(text) and _joins(text[end]):
                end = _end_of_word(text, end)  # 3d, 4x4, 10th
            yield text[at:end]
        elif char in _MINUS and _opens_number(text, at):
            end = _NUMBER.match(text, at + 1).end()  # type: ignore[union-attr]
            yield "-" + text[at + 1 : end]
        elif is_unspaced(char):
            end = at + 1
            while end < len(text) and unicodedata.category(text[end])[0] == "M":
                end += 1
            yield text[at:end]
        elif _joins(char):
            end = _end_of_word(text, at)
            if suffix := _SUFFIX.match(text, end):
                end = suffix.end()
            yield text[at:end]
        else:
            end = at + 1
            if char in _MEANINGFUL or (unicodedata.category(char) in ("Sm", "Sc", "So") and char not in _NO_TOKEN):
                yield char
        at = end


def _one_spelling(text: str) -> str:
    narrow = "".join(map(_narrow, unicodedata.normalize("NFC", text)))
    kept = "".join(c for c in narrow if unicodedata.category(c) != "Cf" and c not in _VARIATION_SELECTORS)
    return unicodedata.normalize("NFC", kept.casefold())


def _narrow(char: str) -> str:
    """Return the ordinary form of a full-width or half-width character. Superscripts stay: 5² is not 52."""
    kind, _, code = unicodedata.decomposition(char).partition(" ")
    return "".join(chr(int(c, 16)) for c in code.split()) if kind in ("<wide>", "<narrow>") else char


def _ascii_digit(char: str) -> str:
    return str(unicodedata.decimal(char)) if unicodedata.category(char) == "Nd" else char


def _ungrouped(match: re.Match[str]) -> str:
    return re.sub("[^0-9]", "", match.group())


def is_unspaced(char: str) -> bool:
    """Return whether `char` is written without spaces between words, and so is a token of its own."""
    return any(low <= ord(char) <= high for low, high in _UNSPACED) and unicodedata.category(char)[0] in "LMN"


def _joins(char: str) -> bool:
    """Return whether `char` belongs to a word: a letter, a mark or a number, of a script with spaces."""
    return unicodedata.category(char)[0] in "LMN" and not is_unspaced(char)


def _end_of_word(text: str, at: int) -> int:
    while at < len(text) and (_joins(text[at]) or _inside_number(text, at)):
        at += 1
    return at


def _inside_number(text: str, at: int) -> bool:
    """Return whether a point stands between two digits of a word, as in `v2.1`."""
    return text[at] == "." and text[at - 1].isdigit() and at + 1 < len(text) and text[at + 1].isdigit()


def _opens_number(text: str, at: int) -> bool:
    """Return whether the minus at `at` is a sign: before a digit, and not after a word or another minus (10-20)."""
    before = text[at - 1] if at else " "
    return bool(_NUMBER.match(text, at + 1)) and not _joins(before) and not is_unspaced(before) and before not in _MINUS
