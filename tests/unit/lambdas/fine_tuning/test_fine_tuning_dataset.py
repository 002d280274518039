"""Training examples: what they show, what they must never show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from contracts.experiment import Document, Question
from lambdas.common import prompts
from lambdas.common.prompts import Message
from lambdas.fine_tuning import dataset
from lambdas.fine_tuning.dataset import DatasetError, Example, LeakError
from tests.unit.lambdas.lambda_world import REFUSAL, TASK, documents, held_out_questions, train_questions

DOCUMENTS = {document.id: document for document in documents()}
RESERVED = frozenset({"PRD-06", "SIT-06", "POL-06"})


def same_kind_first(question: str, count: int) -> Sequence[Document]:
    """A retriever: pages whose title is in the question, then those of its kind, then the others; reserved ones too."""
    found = sorted(documents(), key=lambda d: (f"{d.title}?" not in question, d.title[:3] not in question, d.id))
    return found[:count]


def with_pages(questions: Sequence[Question], seed: int = 7) -> list[Example]:
    return dataset.with_pages(questions, DOCUMENTS, TASK, same_kind_first, reserved=RESERVED, seed=seed, workers=4)


def test_closed_book_examples_are_the_fine_tuned_prompt_and_the_answer() -> None:
    examples = {example.id: example for example in dataset.closed_book(train_questions(), TASK, 7)}
    first = examples["train-PRD-01"]
    assert first.messages == (
        *prompts.render("lora", "How wide is PRD 1?", TASK).messages,
        Message("assistant", "7 mm [PRD-01]"),
    )
    assert (first.kind, examples["train-no-1"].kind) == ("answer", "refusal")
    assert len(examples) == len(train_questions())


def test_the_order_is_drawn_by_seed() -> None:
    questions = train_questions()
    ids = [example.id for example in dataset.closed_book(questions, TASK, 7)]
    assert ids == [example.id for example in dataset.closed_book(questions, TASK, 7)]
    assert ids != [question.id for question in questions]
    assert ids != [example.id for example in dataset.closed_book(questions, TASK, 8)]
    assert with_pages(questions) == with_pages(questions)


def test_an_answer_shows_the_gold_page_and_the_best_other_page() -> None:
    examples = {example.id: example for example in with_pages(train_questions()) if example.kind == "answer"}
    for number in range(1, 6):
        example = examples.get(f"train-PRD-{number:02d}")
        if example is not None:
            assert set(example.pages) == {f"PRD-{number:02d}", "PRD-02" if number == 1 else "PRD-01"}
            shown = [DOCUMENTS[page] for page in example.pages]
            expected = prompts.render("lora+rag", f"How wide is PRD {number}?", TASK, pages=shown).messages
            assert example.messages[:-1] == expected


def test_the_gold_page_stands_first_in_some_examples_and_second_in_others() -> None:
    answers = [example for example in with_pages(train_questions()) if example.kind == "answer"]
    places = {example.pages.index(example.id.removeprefix("train-")) for example in answers}
    assert places == {0, 1}


def test_fifteen_percent_are_refusals_and_none_of_them_shows_its_gold_page() -> None:
    questions = [q for q in train_questions() if not q.unanswerable]
    questions += [replace(q, id=f"{q.id}-again") for q in questions] * 1
    examples = with_pages(questions)
    refusals = [example for example in examples if example.kind == "refusal"]
    assert len(refusals) == round(0.15 * len(questions))
    gold = {question.id: question.document for question in questions}
    for example in refusals:
        assert example.messages[-1] == Message("assistant", REFUSAL)
        assert gold[example.id] not in example.pages
        assert len(example.pages) == 2


def test_unanswerable_questions_count_towards_the_refusals() -> None:
    examples = with_pages(train_questions())
    assert {example.id for example in examples if example.kind == "refusal"} == {f"train-no-{n}" for n in range(3)}


def test_no_reserved_page_is_ever_shown() -> None:
    assert not any(RESERVED & set(example.pages) for example in with_pages(train_questions()))


def test_a_long_gold_page_is_shown_as_the_retriever_shows_it() -> None:
    def chunks(question: str, count: int) -> Sequence[Document]:
        return [replace(document, text="best chunk") for document in same_kind_first(question, count)]

    (example,) = dataset.with_pages(
        train_questions()[:1], DOCUMENTS, TASK, chunks, reserved=RESERVED, seed=7, workers=1
    )
    assert example.messages[0].content.count("best chunk") == 2


def test_a_gold_page_that_is_not_retrieved_is_shown_all_the_same() -> None:
    def never_gold(question: str, count: int) -> Sequence[Document]:
        return [document for document in documents() if document.id.startswith("SIT")][:count]

    (example,) = dataset.with_pages(train_questions()[:1], DOCUMENTS, TASK, never_gold, reserved=RESERVED, seed=7)
    assert set(example.pages) == {"PRD-01", "SIT-01"}


def test_a_question_whose_page_is_not_known_shows_what_retrieval_gives() -> None:
    (example,) = dataset.with_pages(
        [replace(train_questions()[0], document=None)], DOCUMENTS, TASK, same_kind_first, reserved=RESERVED, seed=7
    )
    assert (example.kind, sorted(example.pages)) == ("answer", ["PRD-01", "PRD-02"])


def test_a_style_without_a_refusal_has_no_refusals() -> None:
    own = replace(TASK, house_style=replace(TASK.house_style, refusal=None))
    answerable = [q for q in train_questions() if not q.unanswerable]
    examples = dataset.with_pages(answerable, DOCUMENTS, own, same_kind_first, reserved=RESERVED, seed=7)
    assert {example.kind for example in examples} == {"answer"}


def test_as_many_pages_as_the_prompt_of_the_tuned_model_shows() -> None:
    own = replace(TASK, retrieval=replace(TASK.retrieval, pages_fine_tuned=4))
    examples = dataset.with_pages(train_questions(), DOCUMENTS, own, same_kind_first, reserved=RESERVED, seed=7)
    assert {len(example.pages) for example in examples} == {4}


def test_an_empty_index_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(DatasetError, match=r"train-PRD-01: the index gave no page; run the ingestion"):
        dataset.with_pages(
            train_questions()[:1],
            DOCUMENTS,
            TASK,
            lambda question, count: [],
            reserved=RESERVED,
            seed=7,
        )


def test_a_gold_page_that_does_not_exist_is_named() -> None:
    ghost = Question(id="t1", question="q", answer="a", document="XXX-01")
    with pytest.raises(DatasetError, match=r"training question t1: its page 'XXX-01' is not in documents\.jsonl"):
        with_pages([ghost])


def test_reserved_pages_are_those_of_the_reserved_page_split() -> None:
    assert dataset.reserved_pages(held_out_questions()) == RESERVED


def test_what_is_built_leaks_nothing() -> None:
    for examples in (dataset.closed_book(train_questions(), TASK, 7), with_pages(train_questions())):
        dataset.check_leaks("x.jsonl", examples, held_out_questions(), DOCUMENTS)


def example_of(user: str, answer: str = "7 mm [PRD-01]", pages: tuple[str, ...] = ()) -> Example:
    return Example(id="t9", kind="answer", messages=(Message("user", user), Message("assistant", answer)), pages=pages)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (example_of("q", pages=("PRD-01", "SIT-06")), "t9 of x.jsonl shows reserved page SIT-06"),
        (example_of("q", answer="42 mm [PRD-06]"), "has reserved page PRD-06 in its answer"),
        (example_of("Tell me: what is THE width\n of PRD 1?"), "holds the text of test question test-PRD-01"),
        (example_of("q", answer="What is the width of PRD 2?"), "holds the text of test question test-PRD-02"),
        (example_of(f"x {DOCUMENTS['POL-06'].text} y"), "holds the text of reserved page POL-06"),
    ],
)
def test_the_leak_check_fires(example: Example, message: str) -> None:
    fine = example_of("fine")
    with pytest.raises(LeakError, match=message):
        dataset.check_leaks("x.jsonl", [fine, example], held_out_questions(), DOCUMENTS)


def test_a_page_that_only_mentions_a_reserved_page_is_no_leak() -> None:
    mention = example_of("[PRD-01] Pump: for its successor see [PRD-06].", pages=("PRD-01", "PRD-02"))
    dataset.check_leaks("x.jsonl", [mention], held_out_questions(), DOCUMENTS)


def test_an_empty_page_leaks_nothing() -> None:
    empty = {**DOCUMENTS, "PRD-06": replace(DOCUMENTS["PRD-06"], text=" ")}
    dataset.check_leaks("x.jsonl", [example_of("q")], held_out_questions(), empty)
