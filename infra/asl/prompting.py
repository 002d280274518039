"""Prompting: prepare, answer, evaluate."""

from __future__ import annotations

from infra.asl import parts


def definition(*, concurrency: int) -> parts.State:
    """Input `{"experiment", "run"}`. Functions: Prepare, Answer, Evaluate."""
    return {
        "Comment": "Answers the questions of a run by prompting alone.",
        "StartAt": "Prepare",
        "States": {
            "Prepare": parts.invoke("Prepare", {}, then="AnswerAll", result="$.prepared"),
            "AnswerAll": parts.answer_batches(concurrency=concurrency, then="Evaluate"),
            "Evaluate": parts.evaluate("prompting"),
        },
    }
