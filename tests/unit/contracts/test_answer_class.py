"""What an answer is: all of it, cut, filtered, empty, or failed."""

from __future__ import annotations

import pytest

from contracts.run import ANSWER_CLASSES, AnswerClass, AnswerRow, answer_class


def row(text: str, stop_reason: str, error: str | None = None) -> AnswerRow:
    return AnswerRow(
        experiment="e",
        run="r",
        approach="rag",
        variant="rag",
        question_id="q",
        text=text,
        stop_reason=stop_reason,
        error=error,
    )


@pytest.mark.parametrize(
    ("text", "stop_reason", "expected"),
    [
        ("12 mm", "end_turn", "whole"),
        ("12 mm", "stop_sequence", "whole"),
        ("12 mm", "stop", "whole"),
        ("12 mm", "", "whole"),
        ("", "end_turn", "empty"),
        (" \n", "stop_sequence", "empty"),
        ("The warranty is", "max_tokens", "cut"),
        ("The warranty is", "length", "cut"),
        ("The warranty is", "model_context_window_exceeded", "cut"),
        # All room went into reasoning: more of it may give a text.
        ("", "max_tokens", "cut"),
        ("This request was blocked.", "guardrail_intervened", "filtered"),
        ("", "content_filtered", "filtered"),
        ("", "content_filter", "filtered"),
        ("{", "malformed_model_output", "failed"),
        ("", "malformed_tool_use", "failed"),
    ],
)
def test_the_reason_why_a_model_stopped_decides(text: str, stop_reason: str, expected: AnswerClass) -> None:
    assert answer_class(row(text, stop_reason)) == expected
    assert expected in ANSWER_CLASSES


@pytest.mark.parametrize("error", ["deadline", "temporary: question q: wait", "permanent: question q: too long"])
def test_a_question_without_an_answer_failed(error: str) -> None:
    assert answer_class(row("", "", error)) == "failed"
