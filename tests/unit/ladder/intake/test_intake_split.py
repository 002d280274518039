"""Examples and test: no page and no wording in both, the same draw everywhere, every label in both."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.experiment import Document, Question
from ladder.intake.documents import SourcePage
from ladder.intake.page_index import PageIndex
from ladder.intake.shapes import RawQuestion
from ladder.intake.split import Cleaned, clean, refusal_in, split
from ladder.intake.text_files import IntakeError

PAGES = PageIndex(
    [
        SourcePage(document=Document(id=f"part-{n}", title=f"Part {n}", text="x"), source=f"{n % 2}/part {n}.md")
        for n in range(12)
    ]
    + [SourcePage(document=Document(id=f"twin-{n}", title="Twin", text="x"), source=f"{n}/twin.md") for n in (0, 1)]
)


def raw(count: int = 12, **changes: str) -> list[RawQuestion]:
    return [
        RawQuestion(
            **{"question": f"How wide is {n}?", "answer": f"{n} mm", "document": f"part {n % 12}.md", **changes}
        )
        for n in range(count)
    ]


def cleaned(items: Sequence[RawQuestion]) -> Cleaned:
    return clean(items, PAGES, refusal="No.")


def test_questions_get_ids_and_the_ids_of_their_pages() -> None:
    items = [RawQuestion(question="Why?", answer="a", id="my:1"), RawQuestion(question="Who?", answer="b", id="MY:1")]
    items += [RawQuestion(question="When?", answer="c", id="not an id"), *raw(10)]
    found = cleaned(items).questions
    assert [question.id for question in found[:4]] == ["my:1", "MY:1-2", "q03", "q04"]
    assert [question.document for question in found[2:5]] == [None, "part-0", "part-1"]


def test_a_wording_that_stands_twice_is_left_out() -> None:
    found = cleaned([*raw(), RawQuestion(question="how WIDE is 3 ?", answer="3 mm"), *raw(2, answer="9 mm")])
    assert len(found.questions) == 12
    assert found.notes == ("3 questions left out: worded like an earlier one, 2 of them with another answer",)


def test_pages_that_are_not_there_or_not_clear_are_counted() -> None:
    found = cleaned([*raw(10), *raw(12, document="valve.md")[10:], *raw(13, document="twin.md")[12:]])
    assert [question.document for question in found.questions[10:]] == [None, None, None]
    assert found.notes == (
        "2 questions with a page not among the documents (such as 'valve.md'): kept without page",
        "1 question with a page that several documents are called by (such as 'twin.md'): kept without page",
    )


def test_an_unanswerable_question_has_the_refusal_and_no_page() -> None:
    items = [RawQuestion(question="Who?", answer="n/a", document="part 1.md", unanswerable=True), *raw(10)]
    first = cleaned(items).questions[0]
    assert (first.answer, first.document, first.unanswerable) == ("No.", None, True)
    assert refusal_in(items) == "n/a"
    assert refusal_in(raw()) is None


def test_a_citation_by_the_name_of_the_file_becomes_one_by_id() -> None:
    items = [RawQuestion(question="Q?", answer="3 mm [PART-3] [1]", document="part 3.md"), *raw(10)]
    assert cleaned(items).questions[0].answer == "3 mm [part-3] [1]"


def test_too_many_tags_are_left_out() -> None:
    few = [RawQuestion(question=f"Q {n}?", answer="a", tags=(f"t{n % 3}",)) for n in range(20)]
    many = [RawQuestion(question=f"Q {n}?", answer="a", tags=(f"t{n}",)) for n in range(20)]
    assert cleaned(few).questions[1].tags == ("t1",)
    found = cleaned(many)
    assert found.questions[1].tags == ()
    assert found.notes == ("tags left out: 20 different ones, too many to report each by itself",)


def test_too_few_questions() -> None:
    with pytest.raises(IntakeError, match="1 different question found; give at least 10, better 100"):
        cleaned(raw(1) * 20)


def question(number: int, page: int | None, answer: str = "a", *, unanswerable: bool = False) -> Question:
    document = None if page is None or unanswerable else f"page-{page}"
    return Question(id=f"q{number}", question=f"{number}?", answer=answer, document=document, unanswerable=unanswerable)


@given(
    st.lists(st.tuples(st.none() | st.integers(0, 30), st.booleans()), min_size=10, max_size=80),
    st.integers(0, 2**31 - 1),
    st.sampled_from([0.2, 0.5, 0.8]),
)
@settings(max_examples=60, deadline=None)
def test_every_question_is_in_one_part_and_no_page_in_both(
    shape: list[tuple[int | None, bool]], seed: int, share: float
) -> None:
    questions = [question(n, page, unanswerable=refused) for n, (page, refused) in enumerate(shape)]
    try:
        parts = split(questions, seed=seed, test_share=share, by_label=False)
    except IntakeError:
        return
    assert sorted(q.id for q in (*parts.train, *parts.test)) == sorted(q.id for q in questions)
    pages = [{q.document for q in part if q.document} for part in (parts.train, parts.test)]
    if parts.by == "page":
        assert not pages[0] & pages[1]
    again = split(questions[::-1], seed=seed, test_share=share, by_label=False)
    assert (again.train, again.test) == (parts.train, parts.test)


def test_the_share_of_the_test_is_kept_where_pages_allow_it() -> None:
    questions = [question(n, n // 4) for n in range(200)]
    for share, wanted in ((0.25, 50), (0.5, 100)):
        parts = split(questions, seed=1, test_share=share, by_label=False)
        assert abs(len(parts.test) - wanted) <= 2
    assert split(questions, seed=2, test_share=0.5, by_label=False) != parts


def test_labels_are_in_both_parts_even_if_a_page_belongs_to_each() -> None:
    questions = [question(n, n % 5, answer=f"label {n % 5}") for n in range(50)]
    parts = split(questions, seed=1, test_share=0.5, by_label=True)
    assert parts.by == "label"
    for part in (parts.train, parts.test):
        assert {q.answer for q in part} == {f"label {n}" for n in range(5)}


def test_unanswerable_questions_are_in_both_parts() -> None:
    questions = [question(n, n, unanswerable=n % 4 == 0) for n in range(40)]
    parts = split(questions, seed=1, test_share=0.5, by_label=False)
    assert [sum(q.unanswerable for q in part) for part in (parts.train, parts.test)] == [5, 5]


def test_questions_on_one_page_are_split_by_question() -> None:
    parts = split([question(n, 1) for n in range(10)], seed=1, test_share=0.5, by_label=False)
    assert (parts.by, len(parts.train), len(parts.test)) == ("question", 5, 5)


def test_a_part_may_not_be_empty() -> None:
    with pytest.raises(IntakeError, match="all questions would be in one part"):
        split([question(n, n) for n in range(10)], seed=1, test_share=0.01, by_label=False)
