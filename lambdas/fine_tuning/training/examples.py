"""Training examples: chat lines in, token ids and batches out. Runs in the training container."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLAIN_CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' "
    "+ '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LENGTH_STEP = 8
"""Examples whose lengths differ by less than this many tokens are mixed freely between batches."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example: the ids of the prompt and of the answer with its end token. Only the answer enters the loss."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.answer)


def read_chats(path: Path) -> list[list[dict[str, str]]]:
    """Return the `messages` of each line of `path`.

    Raises:
        ValueError: a line is not a chat that ends with the assistant's answer; names file and line.
    """
    chats = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            messages = json.loads(line)["messages"]
            well_formed = all(isinstance(m["role"], str) and isinstance(m["content"], str) for m in messages)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path.name} line {number}: not an object with a list `messages` ({error})") from error
        if not well_formed or len(messages) < 2 or messages[-1]["role"] != "assistant":
            raise ValueError(f"{path.name} line {number}: `messages` must end with the assistant's answer")
        chats.append(messages)
    if not chats:
        raise ValueError(f"{path.name}: no training example in it")
    return chats


def without_invented_system_prompt(tokenizer: Any) -> Any:
    """Return `tokenizer`, with plain ChatML if its own template adds a system turn that the chat does not have.

    SmolLM2's published template does. Prompts are the same in training, in hosting and offline only without it.
    """
    shown = tokenizer.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)
    if "<|im_start|>system" in shown:
        tokenizer.chat_template = PLAIN_CHATML
    return tokenizer


def encode(tokenizer: Any, messages: Sequence[dict[str, str]]) -> Encoded:
    """Tokenise prompt and answer apart: the prompt's ids are then those that hosting will see."""
    options = {"tokenize": False, "enable_thinking": False}
    prompt = tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True, **options)
    whole = tokenizer.apply_chat_template(messages, **options)
    answer = whole[len(prompt) :] if whole.startswith(prompt) else messages[-1]["content"] + tokenizer.eos_token
    if tokenizer.eos_token in answer:  # nothing is learnt from what the template writes after the end
        answer = answer[: answer.rindex(tokenizer.eos_token) + len(tokenizer.eos_token)]
    return Encoded(
        tuple(tokenizer(prompt, add_special_tokens=False)["input_ids"]),
        tuple(tokenizer(answer, add_special_tokens=False)["input_ids"]),
    )


def batches(examples: Sequence[Encoded], size: int, rng: random.Random) -> list[list[Encoded]]:
    """Return batches of examples of nearly equal length, in an order and a composition drawn from `rng`."""
    keyed = sorted(((e.length // LENGTH_STEP, rng.random(), i) for i, e in enumerate(examples)))
    ordered = [examples[i] for _, _, i in keyed]
    drawn = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    rng.shuffle(drawn)
    return drawn


def micro_batches(batch: Sequence[Encoded], tokens: int) -> list[list[Encoded]]:
    """Split `batch` into parts of at most `tokens` padded tokens (or one example), which bounds a step's memory."""
    parts: list[list[Encoded]] = []
    for example in sorted(batch, key=lambda e: e.length):
        fits = parts and (len(parts[-1]) + 1) * example.length <= tokens
        if fits:
            parts[-1].append(example)
        else:
            parts.append([example])
    return parts
