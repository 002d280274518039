"""Token arithmetic: how many tokens of which kind one request costs, by variant, caching and length of the chat."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from cost_reports.workload import Task

CACHE_MINIMUM = 1024
"""The least tokens of a fixed prompt that Bedrock caches for most models (AWS user guide, prompt caching)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One request: `fixed` input tokens are the same in every request (and can be cached), `own` are not."""

    fixed: int
    own: int
    output: int

    @property
    def input(self) -> int:
        return self.fixed + self.own


def prompt_of(task: Task, variant: str) -> Prompt:
    """The tokens of one request of a variant (`few-shot`, `rag`, `lora+rag`, ...).

    Few-shot adds fixed tokens, chain-of-thought adds output, RAG adds passages to the question; a fine-tuned model
    needs no instructions.

    Raises:
        ValueError: the variant is unknown.
    """
    shots, pages = task.shots * task.shot_tokens, task.pages * task.chunk_tokens
    plain = {
        "zero-shot": Prompt(fixed=task.style_tokens, own=task.question_tokens, output=task.answer_tokens),
        "few-shot": Prompt(fixed=task.style_tokens + shots, own=task.question_tokens, output=task.answer_tokens),
        "chain-of-thought": Prompt(
            fixed=task.style_tokens, own=task.question_tokens, output=task.answer_tokens + task.reasoning_tokens
        ),
        "rag": Prompt(fixed=task.style_tokens, own=task.question_tokens + pages, output=task.answer_tokens),
        "rag+few-shot": Prompt(
            fixed=task.style_tokens + shots, own=task.question_tokens + pages, output=task.answer_tokens
        ),
        "fine-tuned": Prompt(fixed=0, own=task.question_tokens, output=task.answer_tokens),
        "fine-tuned+rag": Prompt(fixed=0, own=task.question_tokens + pages, output=task.answer_tokens),
    }
    if variant not in plain:
        raise ValueError(f"variant {variant!r} is unknown; known are {', '.join(plain)}")
    return chat(plain[variant], task.turns)


def chat(prompt: Prompt, turns: int) -> Prompt:
    """The tokens of a whole chat of `turns`, each of which repeats what was said before.

    Input of n turns: n x fixed + own x n + (own + output) x n (n - 1) / 2, which grows with the square of n.

    Raises:
        ValueError: fewer than one turn.
    """
    if turns < 1:
        raise ValueError(f"a chat has 1 turn or more, not {turns}")
    history = (prompt.own + prompt.output) * turns * (turns - 1) // 2
    return Prompt(fixed=prompt.fixed * turns, own=prompt.own * turns + history, output=prompt.output * turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedInput:
    """Average input tokens of one request by meter."""

    plain: Fraction
    read: Fraction
    written: Fraction


def cached(prompt: Prompt, hit_share: Decimal, minimum: int = CACHE_MINIMUM) -> CachedInput:
    """Input tokens with prompt caching: hits read the fixed part, misses write it. No caching below `minimum` tokens.

    Raises:
        ValueError: `hit_share` is not from 0 to 1.
    """
    if not 0 <= hit_share <= 1:
        raise ValueError(f"cache hit share must be from 0 to 1, not {hit_share}")
    if prompt.fixed < minimum:
        return CachedInput(plain=Fraction(prompt.input), read=Fraction(0), written=Fraction(0))
    share = Fraction(hit_share)
    return CachedInput(plain=Fraction(prompt.own), read=prompt.fixed * share, written=prompt.fixed * (1 - share))


def input_factor(prompt: Prompt, hit_share: Decimal, write: Decimal, read: Decimal) -> Fraction:
    """Input cost with caching against without: (own + fixed ((1 - h) w + h d)) / (own + fixed)."""
    share = Fraction(hit_share)
    fixed = prompt.fixed * ((1 - share) * Fraction(write) + share * Fraction(read))
    return (prompt.own + fixed) / prompt.input
