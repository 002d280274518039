"""Token arithmetic: how many tokens of which kind one request costs, by variant, caching and length of the chat."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from cost_reports.estimate.workload import Task

VARIANTS = ("zero-shot", "few-shot", "chain-of-thought", "rag", "rag+few-shot", "fine-tuned", "fine-tuned+rag")
CACHE_MINIMUM = 1024
"""The least tokens of a fixed prompt that Bedrock caches for most models (AWS user guide, prompt caching)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Tokens of one request, or of a whole chat of `turns` requests, each of which repeats what was said before.

    `fixed` input is the same in every request (and can be cached), `own` is new in each, `history` repeats earlier
    turns. All are sums over the chat.
    """

    fixed: int
    own: int
    output: int
    history: int = 0
    turns: int = 1

    @property
    def input(self) -> int:
        """Return all input tokens."""
        return self.fixed + self.own + self.history

    def requests(self) -> list[Prompt]:
        """Return the requests of the chat in their order, each as it is sent; one request gives itself."""
        fixed, own, output = (n // self.turns for n in (self.fixed, self.own, self.output))
        return [Prompt(fixed=fixed, own=own, output=output, history=n * (own + output)) for n in range(self.turns)]


def prompt_of(task: Task, variant: str) -> Prompt:
    """Return the tokens of one request of a variant (`few-shot`, `rag`, `fine-tuned`, ...), outside of any chat.

    As it was rendered, where that is known. Else few-shot adds fixed tokens, chain-of-thought adds output, RAG adds
    passages to the question; a fine-tuned model needs no instructions.

    Raises:
        ValueError: the variant is unknown.
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant {variant!r} is unknown; known are {', '.join(VARIANTS)}")
    if variant in task.rendered:
        fixed, own, output = task.rendered[variant]
        return Prompt(fixed=fixed, own=own, output=output)
    kinds = variant.split("+")
    fixed = 0 if "fine-tuned" in kinds else task.style_tokens
    return Prompt(
        fixed=fixed + (task.shots * task.shot_tokens if "few-shot" in kinds else 0),
        own=task.question_tokens + (task.pages * task.chunk_tokens if "rag" in kinds else 0),
        output=task.answer_tokens + (task.reasoning_tokens if "chain-of-thought" in kinds else 0),
    )


def chat(prompt: Prompt, turns: int) -> Prompt:
    """Return the tokens of a whole chat of `turns` requests like `prompt`, each of which repeats what was said before.

    Input of n turns grows with the square of n: n x fixed + n x own + (own + output) x n (n - 1) / 2.

    Raises:
        ValueError: fewer than one turn.
    """
    if turns < 1:
        raise ValueError(f"a chat has 1 turn or more, not {turns}")
    history = (prompt.own + prompt.output) * turns * (turns - 1) // 2
    return Prompt(
        fixed=prompt.fixed * turns,
        own=prompt.own * turns,
        output=prompt.output * turns,
        history=history,
        turns=turns,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedInput:
    """Average input tokens of one request by meter."""

    plain: Fraction
    read: Fraction
    written: Fraction


def cached(prompt: Prompt, hit_share: Decimal, minimum: int = CACHE_MINIMUM) -> CachedInput:
    """Return input tokens with prompt caching, by request. Nothing is cached below `minimum` tokens of a request.

    A hit reads what the request before has sent: of the first request the fixed part, of a later one in a chat that and
    the history, of which the newest turn is written. A miss writes all of it. `own` tokens are never cached. So caching
    scales the part of a chat that grows with the square of its turns.

    Raises:
        ValueError: `hit_share` is not from 0 to 1.
    """
    if not 0 <= hit_share <= 1:
        raise ValueError(f"cache hit share must be from 0 to 1, not {hit_share}")
    share, plain, read, written = Fraction(hit_share), 0, Fraction(0), Fraction(0)
    before = prompt.fixed // prompt.turns
    for request in prompt.requests():
        prefix = request.fixed + request.history
        if prefix < minimum:
            plain += request.input
        else:
            known = before if before >= minimum else 0
            plain += request.own
            read += known * share
            written += prefix - known * share
        before = prefix
    return CachedInput(plain=Fraction(plain), read=read, written=written)
