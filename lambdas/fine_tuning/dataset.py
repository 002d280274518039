"""Training examples of the two adapters: closed book (question -> answer) and with retrieved pages (RAFT style).

An example with pages shows as many as the prompt of the fine-tuned model: the gold page and the best-ranked others of
the real retriever, in an order drawn by seed (only retrieved ones, where the gold page is not known). In a share of
them the gold page is left out and the answer is the refusal, or else the adapter would always answer. Prompts are those
of the fine-tuned model. RAFT: https://arxiv.org/abs/2403.10131.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.experiment import Document, Experiment, Question, Retrieval
from lambdas.common import prompts
from lambdas.common.prompts import Message, Prompt
from lambdas.common.runtime import map_bounded
from lambdas.rag.chunking import excerpt

REFUSAL_SHARE = 0.15
RESERVED_SPLIT = "reserved-page"

#: PageRetriever for a question, best first, at most as many as asked for.
Retriever = Callable[[str, int], Sequence[Document]]


class LeakError(ValueError):
    """Test material would reach the training data; the message names the example and what it would leak."""


class DatasetError(ValueError):
    """The training data cannot be built; the message names the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One training example: the prompt's turns and the target as the assistant's turn; `pages` are the ids shown."""

    id: str
    kind: Literal["answer", "refusal"]
    messages: tuple[Message, ...]
    pages: tuple[str, ...] = ()


def closed_book(questions: Sequence[Question], experiment: Experiment, seed: int) -> list[Example]:
    """Return one example a question, in an order drawn by seed; unanswerable questions are refusals already."""
    examples = [
        _example(q, prompts.render("lora", q.question, experiment), q.answer, "refusal" if q.unanswerable else "answer")
        for q in questions
    ]
    _dice("closed-book", seed).shuffle(examples)
    return examples


def with_pages(
    questions: Sequence[Question],
    documents: Mapping[str, Document],
    experiment: Experiment,
    retrieve: Retriever,
    *,
    reserved: frozenset[str],
    seed: int,
    workers: int = 8,
) -> list[Example]:
    """One example a question, with `retrieval.pages_fine_tuned` pages of which none is reserved.

    Unanswerable questions count towards the share of refusals; answerable ones, drawn by seed, fill it up. A house
    style without a refusal has no refusals.

    Raises:
        DatasetError: a gold page does not exist, or the retriever gives nothing.
    """
    refusal, shown = experiment.house_style.refusal, experiment.retrieval.pages_fine_tuned
    answerable = sorted(q.id for q in questions if not q.unanswerable and q.document is not None)
    share = REFUSAL_SHARE if refusal is not None else 0
    wanted = min(round(share * len(questions)) - sum(q.unanswerable for q in questions), len(answerable))
    left_out = frozenset(_dice("refusals", seed).sample(answerable, max(0, wanted)))
    # The reserved pages, the gold page and one more may come before the pages that are needed.
    depth = shown + 1 + len(reserved)

    def build(question: Question) -> Example:
        found = retrieve(question.question, depth)
        refuse = question.unanswerable or question.id in left_out
        known = not refuse and question.document is not None
        gold = [_gold(question, documents, found, experiment.retrieval)] if known else []
        others = [page for page in found if page.id != question.document and page.id not in reserved]
        pages = [*gold, *others[: shown - len(gold)]]
        if not found:
            raise DatasetError(
                f"training question {question.id}: the index gave no page; run the ingestion of the rag approach first"
            )
        _dice(f"order {question.id}", seed).shuffle(pages)
        prompt = prompts.render("lora+rag", question.question, experiment, pages=pages)
        answer = refusal if refuse and refusal is not None else question.answer
        return _example(question, prompt, answer, "refusal" if refuse else "answer", tuple(p.id for p in pages))

    examples = map_bounded(build, questions, workers)
    _dice("with-pages", seed).shuffle(examples)
    return examples


def reserved_pages(test: Iterable[Question]) -> frozenset[str]:
    """Return the ids of the pages that are held out whole: gold pages of test questions tagged `reserved-page`."""
    return frozenset(q.document for q in test if RESERVED_SPLIT in q.tags and q.document is not None)


def check_leaks(
    name: str, examples: Sequence[Example], test: Sequence[Question], documents: Mapping[str, Document]
) -> None:
    """Hold the training data `name` against the test.

    Raises:
        LeakError: an example holds the text of a test question, shows or cites a reserved page, or holds its text.
    """
    reserved = reserved_pages(test)
    texts = {_plain(q.question): f"the text of test question {q.id}" for q in test}
    texts |= {_plain(documents[i].text): f"the text of reserved page {i}" for i in sorted(reserved) if i in documents}
    texts.pop("", None)  # an empty page leaks nothing
    for example in examples:
        where = f"training example {example.id} of {name}"
        shown = reserved.intersection(example.pages)
        if shown:
            raise LeakError(f"{where} shows reserved page {min(shown)}; only the test may use it")
        cited = reserved.intersection(prompts.citations(example.messages[-1].content))
        if cited:
            raise LeakError(f"{where} has reserved page {min(cited)} in its answer; only the test may use it")
        content = _plain(" ".join(message.content for message in example.messages))
        for text, what in texts.items():
            if text in content:
                raise LeakError(f"{where} holds {what}; remove it from questions.train.jsonl or from the documents")


def _example(
    question: Question,
    prompt: Prompt,
    answer: str,
    kind: Literal["answer", "refusal"],
    pages: tuple[str, ...] = (),
) -> Example:
    messages = (*prompt.messages, Message("assistant", answer))
    return Example(id=question.id, kind=kind, messages=messages, pages=pages)


def _gold(
    question: Question, documents: Mapping[str, Document], found: Sequence[Document], retrieval: Retrieval
) -> Document:
    """Return the gold page as the retriever shows it, or as it would: of a long page the best chunk."""
    page = documents.get(question.document or "")
    if page is None:
        raise DatasetError(f"training question {question.id}: its page {question.document!r} is not in documents.jsonl")
    shown = next((other for other in found if other.id == page.id), None)
    return shown or excerpt(page, f"{question.question} {question.answer}", retrieval)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _dice(purpose: str, seed: int) -> random.Random:
    return random.Random(f"{purpose} {seed}")  # noqa: S311 (repeatable choice, not a secret)
