"""Which questions are examples and which are the test: by page, drawn by a seed, without repetition."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from contracts.experiment import Question
from cost_reports.text import counted
from ladder.intake.page_index import PageIndex
from ladder.intake.shapes import RawQuestion
from ladder.intake.text_files import IntakeError
from lambdas.common.prompts import citations
from lambdas.evaluation.text import tokens

_QUESTION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}")
#: Reports show each first tag as a part of the test by itself; more parts than these say nothing.
_MOST_TAGS = 12
#: Fewest questions of which examples and a test can be made.
FEWEST = 10
By = Literal["page", "label", "question"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """Questions with ids and pages, each wording once, and in words what was done to them."""

    questions: tuple[Question, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The two parts, each sorted by id, and what holds the questions together that are never in both."""

    train: tuple[Question, ...]
    test: tuple[Question, ...]
    by: By


def clean(raw: Sequence[RawQuestion], pages: PageIndex, *, refusal: str) -> Cleaned:
    """Return the questions with the ids of their pages. A question that is worded like an earlier one is left out.

    `refusal` becomes the answer of questions that the documents do not answer.

    Raises:
        IntakeError: fewer than `FEWEST` different questions.
    """
    first: dict[tuple[str, ...], RawQuestion] = {}
    numbers: dict[tuple[str, ...], int] = {}
    other_answer = 0
    for number, item in enumerate(raw, start=1):
        wording = tuple(tokens(item.question))
        earlier = first.setdefault(wording, item)
        other_answer += earlier.answer != item.answer
        numbers.setdefault(wording, number)
    if len(first) < FEWEST:
        raise IntakeError(f"{counted(len(first), 'different question')} found; give at least {FEWEST}, better 100")
    ids: set[str] = set()
    width = len(str(len(raw)))
    questions: list[Question] = []
    unknown: list[str] = []
    shared: list[str] = []
    for wording, item in first.items():
        found = pages.find(item.document) if item.document and not item.unanswerable else ()
        if item.document and not item.unanswerable and len(found) != 1:
            (shared if found else unknown).append(item.document)
        page = found[0] if len(found) == 1 else None
        questions.append(
            Question(
                id=_id(item.id, f"q{numbers[wording]:0{width}d}", ids),
                question=item.question,
                answer=refusal if item.unanswerable else _with_own_id(item.answer, page, pages),
                document=page,
                unanswerable=item.unanswerable,
                tags=item.tags,
            )
        )
    notes = []
    if repeated := len(raw) - len(first):
        differ = f", {other_answer} of them with another answer" if other_answer else ""
        notes.append(f"{counted(repeated, 'question')} left out: worded like an earlier one{differ}")
    for names, what in ((unknown, "not among the documents"), (shared, "that several documents are called by")):
        if names:
            notes.append(
                f"{counted(len(names), 'question')} with a page {what} (such as {names[0][:60]!r}): kept without page"
            )
    tagged = len({question.tags[0] for question in questions if question.tags})
    if tagged > _MOST_TAGS:
        questions = [replace(question, tags=()) for question in questions]
        notes.append(f"tags left out: {tagged} different ones, too many to report each by itself")
    return Cleaned(questions=tuple(questions), notes=tuple(notes))


def split(questions: Sequence[Question], *, seed: int, test_share: float, by_label: bool) -> Split:
    """Return the questions in two parts.

    Pages hold questions together: what a page says is either in the examples or in the test. Two exceptions: sorting
    into labels needs examples of every label (`by_label`), and questions on one page only cannot be parted by page.
    A question without a page stands for itself. The order of the draw is a hash of seed and name, so it is the same on
    every machine.

    Raises:
        IntakeError: one of the parts would be empty.
    """
    pages = {question.document for question in questions if question.document}
    lone = sum(question.document is None for question in questions)
    by: By = "label" if by_label else "page" if len(pages) + lone > 1 and pages else "question"
    # Deal out each kind by itself, so that every label, and questions without an answer, are in both parts.
    kinds: dict[Hashable, dict[str, list[Question]]] = defaultdict(lambda: defaultdict(list))
    for question in questions:
        held = question.document if by == "page" and question.document else f"question {question.id}"
        kind: Hashable = question.unanswerable
        if by_label:
            kind = question.answer
        elif question.document is None:
            kind = (question.unanswerable, question.tags[:1])
        kinds[kind][held].append(question)
    train: list[Question] = []
    test: list[Question] = []
    for _, groups in sorted(kinds.items(), key=lambda item: (-len(item[1]), str(item[0]))):
        for name in sorted(groups, key=lambda name: hashlib.sha256(f"{seed}/split/{name}".encode()).digest()):
            group = groups[name]
            # Whichever choice leaves the share of the test nearer to what is wanted, over all that is dealt out.
            dealt = test_share * (len(train) + len(test) + len(group))
            (test if abs(len(test) + len(group) - dealt) < abs(len(test) - dealt) else train).extend(group)
    if not train or not test:
        raise IntakeError("all questions would be in one part; give questions on more pages, or another --test-share")
    return Split(train=tuple(sorted(train, key=_by_id)), test=tuple(sorted(test, key=_by_id)), by=by)


def refusal_in(raw: Sequence[RawQuestion]) -> str | None:
    """Return the answer that most questions without an answer in the documents have; None where they have none."""
    answers = Counter(" ".join(item.answer.split()) for item in raw if item.unanswerable and item.answer)
    return answers.most_common(1)[0][0] if answers else None


def _by_id(question: Question) -> str:
    return question.id


def _id(given: str | None, numbered: str, ids: set[str]) -> str:
    name = given if given and _QUESTION_ID.fullmatch(given) else numbered
    found, number = name, 2
    while found.casefold() in ids:
        found, number = f"{name}-{number}", number + 1
    ids.add(found.casefold())
    return found


def _with_own_id(answer: str, page: str | None, pages: PageIndex) -> str:
    """Return the answer with the id of its page in square brackets, where it cites the page by another name."""
    for cited in citations(answer):
        if page is not None and cited != page and pages.find(cited) == (page,):
            answer = answer.replace(f"[{cited}]", f"[{page}]")
    return answer
