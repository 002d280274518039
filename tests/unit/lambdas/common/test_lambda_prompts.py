"""The prompt contract."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.experiment import Document, PromptSettings, Question
from lambdas.common import prompts
from lambdas.common.prompts import Message, Shot
from tests.unit.lambdas.lambda_world import REFUSAL, TASK, train_questions

PAGE = Document(id="PRD-01", title="Pump", text="The pump\nis 7 mm wide.")
PAGE_LINE = "[PRD-01] Pump: The pump is 7 mm wide."


def test_zero_shot_is_style_and_question() -> None:
    prompt = prompts.render("zero-shot", "How wide?", TASK)
    assert prompt.system == f"Answer as value [PAGE-ID]. If you cannot know the answer, reply only: {REFUSAL}"
    assert prompt.messages == (Message("user", "How wide?"),)
    assert prompt.max_output_tokens == 24


def test_few_shot_puts_the_shots_before_the_question() -> None:
    prompt = prompts.render("few-shot", "How wide?", TASK, shots=[Shot("How long?", "8 mm [PRD-02]")])
    assert prompt.messages == (
        Message("user", "How long?"),
        Message("assistant", "8 mm [PRD-02]"),
        Message("user", "How wide?"),
    )
    assert prompt.system == prompts.render("zero-shot", "x", TASK).system


def test_chain_of_thought_has_room_and_a_mark() -> None:
    prompt = prompts.render("chain-of-thought", "How wide?", TASK)
    assert prompt.max_output_tokens == 80
    assert prompt.system is not None
    assert '"Answer:"' in prompt.system


def test_pages_come_before_the_question_best_first() -> None:
    other = Document(id="SIT-02", title="Site", text="Far away.")
    prompt = prompts.render("rag", "How wide?", TASK, pages=[PAGE, other])
    assert prompt.messages == (Message("user", f"{PAGE_LINE}\n[SIT-02] Site: Far away.\n\nQuestion: How wide?"),)
    assert prompt.system is not None
    assert prompt.system.endswith("Use only the pages.")


def test_shots_of_the_rag_prompt_carry_their_pages() -> None:
    prompt = prompts.render(
        "rag+few-shot", "How wide?", TASK, pages=[PAGE], shots=[Shot("How long?", "8 mm [PRD-01]", (PAGE,))]
    )
    assert prompt.messages[0].content == f"{PAGE_LINE}\n\nQuestion: How long?"


def test_fine_tuned_prompts_have_no_system_turn() -> None:
    assert prompts.render("lora", "How wide?", TASK) == prompts.Prompt(None, (Message("user", "How wide?"),), 24)
    with_page = prompts.render("lora+rag", "How wide?", TASK, pages=[PAGE])
    assert with_page == prompts.Prompt(None, (Message("user", f"{PAGE_LINE}\n\nQuestion: How wide?"),), 24)


def test_the_experiment_says_how_much_and_how_freely() -> None:
    own = replace(TASK, prompt=PromptSettings(answer_tokens=300, temperature=None, stop=("\n\n",)))
    prompt = prompts.render("rag", "q", own)
    assert (prompt.max_output_tokens, prompt.temperature, prompt.stop) == (300, None, ("\n\n",))


def test_a_style_without_a_refusal_asks_for_none() -> None:
    own = replace(TASK, house_style=replace(TASK.house_style, refusal=None))
    assert prompts.render("zero-shot", "q", own).system == "Answer as value [PAGE-ID]."
    assert prompts.render("rag", "q", own).system == "Answer as value [PAGE-ID]. Use only the pages."


def test_a_variant_without_a_prompt_is_an_error() -> None:
    with pytest.raises(ValueError, match="variant 'many-shot' has no prompt"):
        prompts.render("many-shot", "q", TASK)


@pytest.mark.parametrize(
    ("text", "variant", "answer"),
    [
        (" 7 mm [PRD-01]\n", "zero-shot", "7 mm [PRD-01]"),
        ("Pumps. Answer: 6 mm. No. Answer: 7 mm [PRD-01] ", "chain-of-thought", "7 mm [PRD-01]"),
        (" I do not know ", "chain-of-thought", "I do not know"),
        ("Answer: 7 mm", "few-shot", "Answer: 7 mm"),
        ("Answer:", "chain-of-thought", ""),
    ],
)
def test_final_answer(text: str, variant: str, answer: str) -> None:
    assert prompts.final_answer(text, variant) == answer


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("7 mm [PRD-01]", ("PRD-01",)),
        ("[A-1] and [B-2] and [A-1]", ("A-1", "B-2")),
        ("none", ()),
        ("[not an id] [] [ A-1 ]", ()),
        ("[[A-1]]", ("A-1",)),
        ("7 [PAGE-ID", ()),
    ],
)
def test_citations(text: str, ids: tuple[str, ...]) -> None:
    assert prompts.citations(text) == ids


def test_shots_cover_the_kinds_and_hold_one_refusal() -> None:
    chosen = prompts.choose_questions(train_questions(), 7, 4, 1)
    assert [q.unanswerable for q in chosen] == [False, False, True, False]
    assert {(q.document or "")[:3] for q in chosen if not q.unanswerable} == {"PRD", "SIT", "POL"}
    shots = prompts.choose_shots(train_questions(), 7, 4)
    assert [shot.answer == REFUSAL for shot in shots] == [False, False, True, False]


def test_the_choice_depends_on_the_seed_and_not_on_the_order() -> None:
    questions = train_questions()
    assert prompts.choose_shots(questions, 7, 4) == prompts.choose_shots(reversed(questions), 7, 4)
    assert len({prompts.choose_shots(questions, seed, 4) for seed in range(10)}) > 5


def test_tags_tell_kinds_apart_when_pages_do_not() -> None:
    questions = [
        Question(id=f"{tag}{n}", question="q", answer="a", document=f"PRD-{n:02d}", tags=(tag,))
        for tag, count in (("width", 9), ("weight", 1))
        for n in range(count)
    ]
    assert {q.tags for q in prompts.choose_questions(questions, 1, 2, 0)} == {("width",), ("weight",)}


def test_without_refusals_the_shots_are_all_answers() -> None:
    answerable = [q for q in train_questions() if not q.unanswerable]
    assert all(shot.answer != REFUSAL for shot in prompts.choose_shots(answerable, 7, 4))


def test_too_few_questions_are_an_error_with_the_counts() -> None:
    with pytest.raises(ValueError, match="4 shots are needed, but the training questions give 1 answerable and 1 unan"):
        prompts.choose_shots([*train_questions()[:1], *train_questions()[-1:]], 7, 4)
