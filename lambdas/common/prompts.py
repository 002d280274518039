"""The one prompt contract of all approaches. Change a word here and `PROMPT_VERSION` changes with it.

Prompts are short, because small models follow few instructions and every token is paid for: a system turn with the
house style (prompting and RAG only), example turns, then pages as `[PAGE-ID] Title: text` and the question. The
fine-tuned prompts have no system turn: the adapter has learnt the style. Whatever sends, trains on, counts or prices a
prompt has it from `render`, so that they cannot drift apart.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.experiment import (
    PAGE_VARIANTS,
    VARIANTS,
    Document,
    Experiment,
    HouseStyle,
    Question,
)

PROMPT_VERSION = "1"

ANSWER_MARK = "Answer:"

_BRACKETED = re.compile(r"\[([A-Za-z0-9][A-Za-z0-9._:-]*)\]")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is sent: turns that begin and end with the user's, and the most tokens that it may answer with.

    A `temperature` of None is not sent; `stop` are texts that end an answer.
    """

    system: str | None
    messages: tuple[Message, ...]
    max_output_tokens: int
    temperature: float | None = 0.0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shot:
    """A worked example: a training question with its reference answer, and the pages it was answered from."""

    question: str
    answer: str
    pages: tuple[Document, ...] = ()


def render(
    variant: str,
    question: str,
    experiment: Experiment,
    *,
    pages: Sequence[Document] = (),
    shots: Sequence[Shot] = (),
) -> Prompt:
    """Return the prompt of a variant; pages (best first) and shots count only where the variant shows them.

    Raises:
        ValueError: the variant is not known.
    """
    settings = experiment.prompt
    limit = settings.answer_tokens + (settings.reasoning_tokens if variant == "chain-of-thought" else 0)
    messages: list[Message] = []
    for shot in shots:
        turn = _user_turn(shot.question, shot.pages) if shot.pages else shot.question
        messages += [Message("user", turn), Message("assistant", shot.answer)]
    messages.append(Message("user", _user_turn(question, pages) if variant in PAGE_VARIANTS else question))
    return Prompt(
        system=_system(variant, experiment.house_style),
        messages=tuple(messages),
        max_output_tokens=limit,
        temperature=settings.temperature,
        stop=settings.stop,
    )


def page_text(page: Document) -> str:
    """Return `[PAGE-ID] Title: text`, on one line."""
    return " ".join(f"[{page.id}] {page.title}: {page.text}".split())


def final_answer(text: str, variant: str) -> str:
    """The answer in a model's text: for chain-of-thought what follows the last `Answer:` (all of it without one)."""
    if variant == "chain-of-thought":
        text = text.rpartition(ANSWER_MARK)[2]
    return text.strip()


def citations(text: str) -> tuple[str, ...]:
    """Return the ids in square brackets, in order, each once: `12 mm [PRD-01]` gives (`PRD-01`,)."""
    return tuple(dict.fromkeys(_BRACKETED.findall(text)))


def choose_shots(questions: Iterable[Question], seed: int, count: int, refusals: int = 1) -> tuple[Shot, ...]:
    """Choose `count` shots from training questions, `refusals` of them unanswerable, the others of diverse kinds.

    The kind of a question is the letters that its page id begins with (`PRD` of `PRD-01`) and its tags. The choice
    depends on the seed and the questions only, not on their order. The refusal comes second to last, so that the
    model's nearest example is an answer.
    """
    chosen = choose_questions(questions, seed, count, refusals)
    return tuple(Shot(question=q.question, answer=q.answer) for q in chosen)


def choose_questions(questions: Iterable[Question], seed: int, count: int, refusals: int) -> tuple[Question, ...]:
    """Return the training questions behind the shots; see `choose_shots`.

    Raises:
        ValueError: there are too few questions to choose from.
    """
    shuffled = sorted(questions, key=lambda q: q.id)
    random.Random(f"shots {seed}").shuffle(shuffled)  # noqa: S311 (repeatable choice, not a secret)
    refused = [q for q in shuffled if q.unanswerable][:refusals]
    rest = [q for q in shuffled if not q.unanswerable]
    answered: list[Question] = []
    while rest and len(answered) < count - len(refused):
        seen = [_kind(q) for q in answered]
        # Least-used page kind first, then a kind not seen at all; `min` keeps the shuffled order among equals.
        best = min(rest, key=lambda q: (sum(_kind(q)[0] == k[0] for k in seen), _kind(q) in seen))
        rest.remove(best)
        answered.append(best)
    if len(answered) + len(refused) < count:
        raise ValueError(
            f"{count} shots are needed, but the training questions give {len(answered)} answerable and "
            f"{len(refused)} unanswerable ones"
        )
    return (*answered[:-1], *refused, *answered[-1:])


def _kind(question: Question) -> tuple[str, tuple[str, ...]]:
    letters = re.match(r"[A-Za-z]*", question.document or "")
    return (letters.group() if letters else "", question.tags)


def _system(variant: str, style: HouseStyle) -> str | None:
    """Return the system turn: the style, what the variant adds to it; None for the endpoint's variants."""
    if variant in VARIANTS["fine-tuning"]:
        return None
    parts = [style.instruction.strip()]
    if style.refusal is not None:
        parts.append(f"If you cannot know the answer, reply only: {style.refusal.strip()}")
    if variant == "chain-of-thought":
        parts.append(f'First think in one short sentence, then write "{ANSWER_MARK}" and the answer.')
    elif variant in VARIANTS["rag"]:
        parts.append("Use only the pages.")
    elif variant not in VARIANTS["prompting"]:
        raise ValueError(f"variant {variant!r} has no prompt")
    return " ".join(parts)


def _user_turn(question: str, pages: Sequence[Document]) -> str:
    lines = "\n".join(page_text(page) for page in pages)
    return f"{lines}\n\nQuestion: {question}" if lines else f"Question: {question}"
