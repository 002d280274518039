"""Training examples: chat lines in, token ids out. Runs in the training container."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLAIN_CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' "
    "+ '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


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


def with_plain_template(tokenizer: Any, say: Callable[[str], None] = lambda _text: None) -> Any:
    """Return `tokenizer`, with plain ChatML where its own template would not do, and `say` so.

    SmolLM2's published template adds a system turn that the chat does not have: prompts are the same in training, in
    hosting and offline only without it. The tokenizer of a base that is not tuned to chat often has no template.
    """
    if not tokenizer.chat_template:
        end = "<|im_end|>" if "<|im_end|>" in tokenizer.get_vocab() else tokenizer.eos_token
        if end is None:
            raise ValueError("the base model has no chat template and no end token; use one that is tuned to chat")
        tokenizer.chat_template = PLAIN_CHATML.replace("<|im_end|>", end)
        say(f"the base model has no chat template: it is trained and saved with plain ChatML that ends with {end}")
        return tokenizer
    shown = tokenizer.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)
    if "<|im_start|>system" in shown:
        tokenizer.chat_template = PLAIN_CHATML
        say("the chat template of the base model adds a system turn: plain ChatML takes its place")
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


def split(examples: Sequence[Encoded], share: float, seed: int) -> tuple[list[Encoded], list[Encoded]]:
    """Return (training, held-out) examples; at least one of each if `share` is not 0.

    Raises:
        ValueError: there are too few examples to hold one out.
    """
    if not share:
        return list(examples), []
    if len(examples) < 2:
        raise ValueError(f"{len(examples)} training example cannot be split; write more, or leave dev_share out")
    held = min(len(examples) - 1, max(1, round(share * len(examples))))
    order = random.Random(f"dev {seed}").sample(range(len(examples)), len(examples))  # noqa: S311 (not a secret)
    return [examples[i] for i in sorted(order[held:])], [examples[i] for i in sorted(order[:held])]
