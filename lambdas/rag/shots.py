"""Worked examples with pages, for few-shot RAG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contracts.experiment import Document, Question, Retrieval
from lambdas.common.prompts import PAGE_SHOTS, Shot, choose_questions
from lambdas.rag.chunking import excerpt


def shots_with_pages(
    questions: Iterable[Question],
    documents: Mapping[str, Document],
    seed: int,
    *,
    retrieval: Retrieval,
    count: int = PAGE_SHOTS,
) -> tuple[Shot, ...]:
    """Return `count` answerable shots, each with the best chunk of its gold page from `documents` (id -> page).

    Raises:
        ValueError: a question's page is not among the documents.
    """
    chosen = choose_questions((q for q in questions if q.document is not None), seed, count, refusals=0)
    shots = []
    for q in chosen:
        page = documents.get(q.document or "")
        if page is None:
            raise ValueError(f"training question {q.id}: its page {q.document!r} is not among the documents")
        shown = excerpt(page, f"{q.question} {q.answer}", retrieval)
        shots.append(Shot(question=q.question, answer=q.answer, pages=(shown,)))
    return tuple(shots)
