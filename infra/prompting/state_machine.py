"""Prompting: prepare, answer, evaluate."""

from __future__ import annotations

from infra import common_states


def definition(*, concurrency: int) -> common_states.State:
    """Return the definition. Its input is `{"experiment", "run"}`; functions: Prepare, Answer, Evaluate."""
    return {
        "Comment": "Answers the questions of a run by prompting alone.",
        "StartAt": "Prepare",
        "States": {
            "Prepare": common_states.invoke("Prepare", {}, then="StartRounds", result="$.prepared"),
            **common_states.answering("prompting", concurrency=concurrency, then="Evaluate"),
            "Evaluate": common_states.evaluate("prompting"),
        },
    }
