"""Worked examples with pages, for few-shot RAG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contracts.experiment import Document, Experiment, Question
from lambdas.common.prompts import Shot, choose_questions
from lambdas.rag.chunking import excerpt


def shots_with_pages(
    questions: Iterable[Question], documents: Mapping[str, Document], seed: int, experiment: Experiment
) -> tuple[Shot, ...]:
    """Return the answerable shots of few-shot RAG, each with the best chunk of its gold page from `documents`.

    Questions whose page is known come first; where there are too few of them, shots come without a page.

    Args:
        documents: page id -> page.

    Raises:
        ValueError: a question's page is not among the documents.
    """
    count = experiment.prompt.page_shots
    answerable = [q for q in questions if not q.unanswerable]
    with_page = [q for q in answerable if q.document is not None]
    chosen = choose_questions(with_page if len(with_page) >= count else answerable, seed, count, refusals=0)
    shots = []
    for q in chosen:
        pages: tuple[Document, ...] = ()
        if q.document is not None:
            page = documents.get(q.document)
            if page is None:
                raise ValueError(f"training question {q.id}: its page {q.document!r} is not among the documents")
            pages = (excerpt(page, f"{q.question} {q.answer}", experiment.retrieval),)
        shots.append(Shot(question=q.question, answer=q.answer, pages=pages))
    return tuple(shots)
