"""Scores of one answer against its question: right value, right page, house style, abstention. All are 0 or 1.

Values are compared as runs of whole tokens. A substring test would find "9 months" in "39 months" and "0" in "100";
so would a test by words find "200" in "1,200" and "5 kg" in "4.5 kg", therefore digit separators stay inside a token.
"""

from __future__ import annotations

import re

from contracts.experiment import HouseStyle, Question
from lambdas.common.prompts import citations

#: Letters, digits and ":" (clock times), a decimal point or comma between digits, a minus sign that opens a number.
_TOKEN = re.compile(r"(?:(?<![\w-])-(?=\d))?(?:[^\W_]|:)+(?:(?<=\d)[.,](?=\d)(?:[^\W_]|:)+)*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_BRACKETED = re.compile(r"\[[^\[\]\n]*\]")
_CLOSING_ID = re.compile(r"\s*\[[^\[\]\n]*\]\s*$")


def tokens(text: str) -> list[str]:
    """Lower-case tokens: `Up to 1,200 EUR at -4.5 °C` -> up, to, 1200, eur, at, -4.5, c."""
    plain = text.casefold().replace("\N{MINUS SIGN}", "-")
    found = (token.strip(":") for token in _TOKEN.findall(_THOUSANDS.sub("", plain)))
    return [token for token in found if token]


def has_run(needle: list[str], haystack: list[str]) -> bool:
    """Whether `needle` occurs in `haystack` in one piece. An empty needle occurs nowhere."""
    width = len(needle)
    return width > 0 and any(haystack[i : i + width] == needle for i in range(len(haystack) - width + 1))


def value_of(reference: str) -> str:
    """The reference answer without its closing `[PAGE-ID]`."""
    return _CLOSING_ID.sub("", reference)


def exact(text: str, reference: str) -> bool:
    """Value and citation as in the reference; only case and white space may differ."""
    return " ".join(text.split()).casefold() == " ".join(reference.split()).casefold()


def contained(text: str, reference: str) -> bool:
    """The reference's value is in the answer's words. Ids in brackets are left out: "12" is not right for [POL-12]."""
    return has_run(tokens(value_of(reference)), tokens(_BRACKETED.sub(" ", text)))


def cites(text: str, page: str) -> bool:
    """The first bracketed id is `page`; a right id after a wrong one does not count."""
    found = citations(text)
    return bool(found) and found[0].casefold() == page.casefold()


def is_refusal(text: str, style: HouseStyle) -> bool:
    """The answer holds the house's refusal sentence, whatever stands around it."""
    return has_run(tokens(style.refusal), tokens(text))


def in_format(text: str, style: HouseStyle) -> bool:
    """The whole answer matches the house pattern, or is exactly the refusal sentence."""
    stripped = text.strip()
    return re.fullmatch(style.pattern, stripped) is not None or exact(stripped, style.refusal)


def score(text: str, question: Question, style: HouseStyle, *, failed: bool = False) -> dict[str, float]:
    """The metrics that apply to the question: name -> 0.0 or 1.0.

    `failed` marks a question that got no answer. It counts as wrong in every metric; it is no refusal and no
    fabrication, so that an outage is not taken for caution.
    """
    text = "" if failed else text
    refused = is_refusal(text, style)
    found = {
        "exact": exact(text, question.answer),
        "contained": contained(text, question.answer),
        "format": in_format(text, style),
        "error": failed,
    }
    if question.unanswerable:
        found["refusal-recall"] = refused
        found["fabricated"] = not refused and not failed
    else:
        found["false-refusal"] = refused
        found["attempted"] = not refused and not failed
        if question.document is not None:
            found["citation"] = cites(text, question.document)
    return {name: float(value) for name, value in found.items()}
