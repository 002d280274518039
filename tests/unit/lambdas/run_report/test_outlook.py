"""Tokens by script, and what they make of a task."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambdas.common import prompts
from lambdas.run_report.outlook import RENDERED, sent_tokens, task_of, tokens
from tests.unit.lambdas.lambda_world import TASK, documents, held_out_questions, train_questions


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("abcd", 1),
        ("abcde", 2),
        ("Größe", 2),
        ("насос", 3),
        ("ضغط", 2),
        ("漢字かな", 4),
        ("ปั๊ม", 4),
        ("펌프", 2),
        ("abcd漢字", 3),
        ("абвг abc", 3),
        ("🔧", 1),
    ],
)
def test_tokens_by_hand(text: str, count: int) -> None:
    assert tokens(text) == count


def test_an_estimate_counts_the_prompts_that_are_sent() -> None:
    pages = documents()
    train, test = train_questions(), held_out_questions()
    rendered = task_of(TASK, pages, train, test).rendered
    assert set(rendered) == set(RENDERED)
    shots = prompts.choose_shots(train, TASK.seed, TASK.prompt.shots)
    sent = [prompts.render("few-shot", question.question, TASK, shots=shots) for question in test]
    fixed, own, output = rendered["few-shot"]
    assert fixed + own == round(sum(map(sent_tokens, sent)) / len(sent))
    assert fixed == sent_tokens(replace(sent[0], messages=sent[0].messages[:-1]))
    assert output == rendered["chain-of-thought"][2] - TASK.prompt.reasoning_tokens
    # Without instructions nothing is the same in all prompts of the tuned model; two pages cost more than none.
    assert rendered["fine-tuned"][0] == rendered["fine-tuned+rag"][0] == 0
    assert rendered["fine-tuned+rag"][1] > rendered["rag"][1] > rendered["zero-shot"][1]


def test_a_variant_that_cannot_be_sent_is_not_counted() -> None:
    few = train_questions()[:1]
    rendered = task_of(TASK, documents(), few, held_out_questions()).rendered
    assert set(RENDERED) - set(rendered) == {"few-shot", "rag+few-shot"}
