"""Worked examples of few-shot RAG show what retrieval would: the gold page, of a long one its best chunk."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.experiment import Retrieval
from lambdas.common import prompts
from lambdas.rag.chunking import excerpt
from lambdas.rag.shots import shots_with_pages
from tests.unit.lambdas.lambda_world import TASK, documents, train_questions


def test_shots_with_pages_show_the_gold_page() -> None:
    pages = {page.id: page for page in documents()}
    shots = shots_with_pages(train_questions(), pages, 7, TASK)
    assert len(shots) == 2
    for shot in shots:
        assert prompts.citations(shot.answer) == (shot.pages[0].id,)
        assert shot.pages[0] == pages[shot.pages[0].id]


def test_a_long_page_is_shown_by_the_chunk_that_holds_the_answer() -> None:
    filler = "\n\n".join(f"Paragraph {n} speaks of something else." for n in range(400))
    questions = {q.document: q for q in train_questions() if q.document is not None}
    pages = {
        page.id: replace(page, text=f"{filler}\n\n{page.text}\n\n{filler}")
        for page in documents()
        if page.id in questions
    }
    own = replace(TASK, retrieval=Retrieval(chunk_characters=300, chunk_overlap=0))
    shots = shots_with_pages(train_questions(), pages, 7, own)
    for shot in shots:
        (page,) = shot.pages
        original = next(other for other in documents() if other.id == page.id)
        assert len(page.text) <= 300
        assert original.text in page.text


def test_a_short_page_is_shown_whole() -> None:
    page = documents()[0]
    assert excerpt(page, "anything", Retrieval()) is page


def test_a_shot_without_its_page_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"training question train-\w+-\d+: its page"):
        shots_with_pages(train_questions(), {}, 7, TASK)


def test_where_few_pages_are_known_shots_come_without_one() -> None:
    questions = [replace(q, document=None) for q in train_questions()]
    shots = shots_with_pages(questions, {}, 7, TASK)
    assert [shot.pages for shot in shots] == [(), ()]
