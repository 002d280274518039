"""The one prompt contract of all approaches. Change a word here and `PROMPT_VERSION` changes with it.

Prompts are short, because small models follow few instructions and every token is paid for: a system turn with the
house style (prompting and RAG only), example turns, then pages as `[PAGE-ID] Title: text` and the question. The
fine-tuned prompts have no system turn: the adapter has learnt the style. Training examples are made by the same
functions as the prompts of the fine-tuned model, so that the two cannot drift apart.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.experiment import Document, HouseStyle, Question

PROMPT_VERSION = "1"

ANSWER_TOKENS = 24
REASONING_TOKENS = 80
FEW_SHOTS = 4
PAGE_SHOTS = 2
ANSWER_MARK = "Answer:"

_BRACKETED = re.compile(r"\[([A-Za-z0-9][A-Za-z0-9._:-]*)\]")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is sent: turns that begin and end with the user's, and the most tokens that it may answer with."""

    system: str | None
    messages: tuple[Message, ...]
    max_output_tokens: int


@dataclass(frozen=True, slots=True)
class Shot:
    """A worked example: a training question with its reference answer, and the pages it was answered from."""

    question: str
    answer: str
    pages: tuple[Document, ...] = ()


def zero_shot(question: str, style: HouseStyle) -> Prompt:
    """Return the house style and the question."""
    return _prompt(_system(style), question)


def few_shot(question: str, style: HouseStyle, shots: Sequence[Shot]) -> Prompt:
    """Return the house style, the shots as earlier turns, the question."""
    return _prompt(_system(style), question, shots)


def chain_of_thought(question: str, style: HouseStyle) -> Prompt:
    """Return zero-shot's prompt with room to reason before `Answer:`; `final_answer` cuts the reasoning off."""
    system = f'{_system(style)} First think in one short sentence, then write "{ANSWER_MARK}" and the answer.'
    return _prompt(system, question, limit=REASONING_TOKENS)


def with_pages(question: str, style: HouseStyle, pages: Sequence[Document], shots: Sequence[Shot] = ()) -> Prompt:
    """Return the house style, the pages (best first) and the question; shots carry their own pages."""
    return _prompt(f"{_system(style)} Use only the pages.", _user_turn(question, pages), shots)


def fine_tuned(question: str) -> Prompt:
    """Return the question alone: style and facts are in the weights."""
    return _prompt(None, question)


def fine_tuned_with_pages(question: str, pages: Sequence[Document]) -> Prompt:
    """Return pages and question without instructions."""
    return _prompt(None, _user_turn(question, pages))


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


def choose_shots(
    questions: Iterable[Question], seed: int, count: int = FEW_SHOTS, refusals: int = 1
) -> tuple[Shot, ...]:
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


def _system(style: HouseStyle) -> str:
    return f"{style.instruction.strip()} If you cannot know the answer, reply only: {style.refusal.strip()}"


def _user_turn(question: str, pages: Sequence[Document]) -> str:
    lines = "\n".join(page_text(page) for page in pages)
    return f"{lines}\n\nQuestion: {question}" if lines else f"Question: {question}"


def _prompt(system: str | None, user: str, shots: Sequence[Shot] = (), limit: int = ANSWER_TOKENS) -> Prompt:
    messages: list[Message] = []
    for shot in shots:
        turn = _user_turn(shot.question, shot.pages) if shot.pages else shot.question
        messages += [Message("user", turn), Message("assistant", shot.answer)]
    messages.append(Message("user", user))
    return Prompt(system=system, messages=tuple(messages), max_output_tokens=limit)
