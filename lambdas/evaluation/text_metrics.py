"""Scores of one answer against its question: right value, right page, house style, abstention. From 0 to 1.

Values are compared as runs of whole tokens. A substring test would find "9 months" in "39 months" and "0" in "100";
so would a test by words find "200" in "1,200" and "5 kg" in "4.5 kg", therefore digit separators stay inside a token.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

from contracts.experiment import HouseStyle, Question, Scoring
from lambdas.common.prompts import citations
from lambdas.evaluation.text import has_run, normalise, numbers, tokens

#: A page id in brackets as citations are written: it follows no word, and holds what an id may hold. `items[5]` and
#: `[2, 5]` are values.
_PAGE_ID = re.compile(r"(?<!\w)\[[\w.:-]{1,100}\]")
_CLOSING_ID = re.compile(r"(?:(?<=\s)|(?<=^)|(?<=[\])]))\[[\w.:-]{1,100}\]\s*$")


def value_of(reference: str) -> str:
    """Return the reference answer without its closing `[PAGE-ID]`, or all of it where nothing else stands there."""
    return _CLOSING_ID.sub("", reference).rstrip() or reference


def exact(text: str, reference: str) -> bool:
    """Return whether the answer is the reference, up to the spellings that `normalise` levels."""
    return normalise(text) == normalise(reference)


def contained(text: str, reference: str) -> bool:
    """Return whether the reference's value is in the answer's words.

    Page ids in brackets do not count, so that "12" is not right for [POL-12], unless the answer is the reference.
    """
    value = tokens(value_of(reference))
    return has_run(value, tokens(_PAGE_ID.sub(" ", text))) or (bool(value) and exact(text, reference))


def token_f1(text: str, reference: str) -> float:
    """Return the F1 of the tokens that answer and reference value share, as SQuAD's evaluation does, over our tokens.

    It is 1 for an answer that has the reference's tokens in another order, and high for one that differs in one figure:
    a proxy of correctness.
    """
    if exact(text, reference):
        return 1.0
    answer, value = Counter(tokens(_PAGE_ID.sub(" ", text))), Counter(tokens(value_of(reference)))
    shared = (answer & value).total()
    return 2 * shared / (answer.total() + value.total()) if shared else 0.0


def numeric(text: str, reference: str, scoring: Scoring) -> bool | None:
    """Return whether the answer's number is the reference's, within the tolerance; None: the reference has not one.

    The answer's number is its first one with the reference's unit, or without any where none has that unit. Units are
    not converted.
    """
    wanted = numbers(value_of(reference))
    if len(wanted) != 1:
        return None
    if exact(text, reference):
        return True
    ((value, unit),) = wanted
    given = numbers(_PAGE_ID.sub(" ", text))
    if unit is not None:
        given = [n for n in given if n.unit == unit] or [n for n in given if n.unit is None]
    allowed = max(Decimal(str(scoring.absolute_tolerance)), Decimal(str(scoring.relative_tolerance)) * abs(value))
    return bool(given) and abs(given[0].value - value) <= allowed


def cites(text: str, page: str) -> bool:
    """Return whether the first bracketed id is `page`; a right id after a wrong one does not count."""
    found = citations(text)
    return bool(found) and found[0].casefold() == page.casefold()


def is_refusal(text: str, refusal: str) -> bool:
    """Return whether the answer holds the house's refusal sentence, whatever stands around it."""
    return has_run(tokens(refusal), tokens(text))


def in_format(text: str, pattern: str, refusal: str | None) -> bool:
    """Return whether the whole answer matches the house pattern, or is exactly the refusal sentence."""
    stripped = text.strip()
    return re.fullmatch(pattern, stripped) is not None or (refusal is not None and exact(stripped, refusal))


def score(
    text: str,
    question: Question,
    style: HouseStyle,
    scoring: Scoring | None = None,
    *,
    failed: bool = False,
    cut: bool = False,
) -> dict[str, float | None]:
    """Return the metrics that apply to the question: name -> 0 to 1, or None where this text cannot be measured.

    `format` needs a house pattern, abstention a refusal sentence. `failed` marks a question that got no answer, as an
    empty text does. It counts as wrong in every metric; it is no refusal and no fabrication, because an outage is not
    caution. `cut` marks a text whose end is missing: right where what is there is right, but neither attempted nor
    fabricated.
    """
    failed = failed or not text.strip()
    text = "" if failed else text
    found: dict[str, float | None] = {
        "exact": exact(text, question.answer),
        "contained": contained(text, question.answer),
        "numeric": numeric(text, question.answer, scoring or Scoring()),
        "token-f1": token_f1(text, question.answer),
        "error": failed,
    }
    if style.pattern is not None:
        found["format"] = in_format(text, style.pattern, style.refusal)
    refused = None if style.refusal is None else is_refusal(text, style.refusal)
    if refused is not None and question.unanswerable:
        found["refusal-recall"] = refused
        found["fabricated"] = not (refused or failed or cut)
    elif refused is not None:
        found["false-refusal"] = refused
        found["attempted"] = not (refused or failed or cut)
    if not question.unanswerable and question.document is not None:
        found["citation"] = cites(text, question.document)
    return {name: None if value is None else float(value) for name, value in found.items()}
