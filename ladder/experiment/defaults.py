"""What an experiment.yaml leaves out, filled in by the kind of task. Only `name` is required.

The values are what people write, before validation, so that a default is checked like anything else. What a run needs
is complete afterwards: the functions in AWS know no defaults.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.experiment import TASK_KINDS, Question, TaskKind
from lambdas.evaluation.text import tokens

#: An answer of at most so many words (or characters, in scripts without spaces) is a value.
VALUE_WORDS = 12
#: Labels: at most so many different ones, each used so often on average.
MOST_LABELS = 50
USES_OF_A_LABEL = 3
REFUSAL = "I do not know."
#: Room above the longest reference answer: models word things differently, and count in pieces of words.
ROOM = 2

DEFAULTS: dict[TaskKind, dict[str, Any]] = {
    "short-value": {
        "house_style": {"instruction": "Reply only with the answer, in as few words as possible."},
        "prompt": {"answer_tokens": 64, "reasoning_tokens": 320, "shots": 4, "page_shots": 2},
        "gate": [{"metric": "exact", "minimum": 0.8}],
    },
    "label": {
        "house_style": {"instruction": "Reply only with one of these labels: {labels}."},
        "prompt": {"answer_tokens": 32, "reasoning_tokens": 320, "shots": 8, "page_shots": 2},
        "gate": [{"metric": "label-accuracy", "minimum": 0.8}],
    },
    "free-form": {
        "house_style": {"instruction": "Answer the question briefly and completely."},
        "prompt": {"answer_tokens": 512, "reasoning_tokens": 512, "shots": 2, "page_shots": 1},
        "gate": [{"metric": "token-f1", "minimum": 0.5}],
    },
}
#: Built in: what a first look, a report and the whole take. An experiment may set its own `quick` and `full`.
PROFILES: dict[str, dict[str, int]] = {
    "quick": {"test_questions": 40, "closed_book_examples": 120, "rag_examples": 40},
    "full": {"test_questions": 200, "closed_book_examples": 1000, "rag_examples": 400},
}
WORKLOAD = {"requests_per_month": 10_000}


def with_defaults(written: Any, train: Sequence[Question], test: Sequence[Question]) -> Any:
    """Return the values of an experiment.yaml with everything that it leaves out; broken values stay as they are."""
    if not isinstance(written, dict):
        return written
    questions = [*train, *test]
    kind = written.get("task") or guess_task(questions)
    if kind not in TASK_KINDS:
        return written
    defaults = {**DEFAULTS[kind], "task": kind, "workload": WORKLOAD, "profiles": PROFILES}
    defaults["house_style"] = {**_instruction(kind, train), **_refusal(kind, questions)}
    defaults["prompt"] = _fitting(DEFAULTS[kind]["prompt"], train)
    return {**defaults, **{name: _merged(defaults.get(name), value) for name, value in written.items()}}


def guess_task(questions: Sequence[Question]) -> TaskKind:
    """Return the kind of task that the reference answers look like."""
    answers = Counter(" ".join(tokens(q.answer)) for q in questions if not q.unanswerable)
    lengths = sorted(len(answer.split()) for answer in answers.elements())
    if not lengths or lengths[len(lengths) * 9 // 10] > VALUE_WORDS:
        return "free-form"
    few = len(answers) <= min(MOST_LABELS, len(lengths) // USES_OF_A_LABEL)
    return "label" if few and len(answers) > 1 else "short-value"


def labels_of(questions: Sequence[Question]) -> list[str]:
    """Return the reference answers of answerable questions, each once, sorted."""
    return sorted({q.answer.strip() for q in questions if not q.unanswerable})


def _instruction(kind: TaskKind, train: Sequence[Question]) -> dict[str, str]:
    text: str = DEFAULTS[kind]["house_style"]["instruction"]
    return {"instruction": text.replace("{labels}", ", ".join(labels_of(train)))}


def _refusal(kind: TaskKind, questions: Sequence[Question]) -> dict[str, str]:
    """Return the refusal that the reference answers use; labels have none unless a question needs it."""
    refusals = Counter(q.answer for q in questions if q.unanswerable)
    if refusals:
        return {"refusal": refusals.most_common(1)[0][0]}
    return {} if kind == "label" else {"refusal": REFUSAL}


def _fitting(prompt: Mapping[str, int], train: Sequence[Question]) -> dict[str, int]:
    """Return the prompt's settings for these examples: shots that exist, room for the longest answer."""
    answerable = sum(not q.unanswerable for q in train)
    refusals = min(1, len(train) - answerable)
    longest = max((len(tokens(q.answer)) for q in train), default=0)
    return {
        **prompt,
        "answer_tokens": max(prompt["answer_tokens"], ROOM * longest),
        "shots": max(1, min(prompt["shots"], answerable + refusals)),
        "page_shots": max(1, min(prompt["page_shots"], answerable)),
    }


def _merged(default: Any, written: Any) -> Any:
    """Return what is written, its missing fields from the default."""
    return {**default, **written} if isinstance(default, dict) and isinstance(written, dict) else written
