"""Chats as token ids, where a message cannot forge a turn: control tokens come from the chat template alone.

A tokenizer turns the text `<|im_start|>` into the token that begins a turn, wherever it finds it. A page or a question
that holds this text would speak as the system. So each such place in a message is taken out before the template is
applied, and its letters are encoded as ordinary text. Chats without such text get the ids that they always had.

Uses nothing but the tokenizer that it is given, for it runs in containers too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PRIVATE_USE = range(0xE000, 0xF900)
_SPACE = " \t\r\n\u2581"
"""Tokens of these alone shape text, not turns; the last is the space of SentencePiece."""


def encode_chat(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> list[int]:
    """Return the ids of the prompt for the assistant's next turn.

    Raises:
        ValueError: the chat template refuses these messages.
    """
    marked, taken = take_out(tokenizer, messages)
    return encode(tokenizer, render(tokenizer, marked, add_generation_prompt=True), taken)


def take_out(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Return the messages with a mark for each control token in a content, and for each mark what stood there.

    The marked messages can go through a chat template; `encode` gives the ids of what comes out.
    """
    contents = "".join(message["content"] for message in messages)
    tokens = _control_tokens(tokenizer)
    pattern = re.compile("|".join(map(re.escape, sorted(tokens, key=len, reverse=True)))) if tokens else None
    ids = _control_ids(tokenizer) if any(token.normalized for token in tokens.values()) else frozenset()
    sign = next(chr(code) for code in _PRIVATE_USE if chr(code) not in contents)
    taken: dict[str, str] = {}

    def mark(text: str) -> str:
        name = f"{sign}{len(taken)}{sign}"
        taken[name] = text
        return name

    marked = []
    for message in messages:
        content = pattern.sub(lambda found: mark(found[0]), message["content"]) if pattern else message["content"]
        # The tokenizer may find a token in other spellings too: it looks for some in normalised text.
        if ids and not ids.isdisjoint(_ids(tokenizer, content)):
            content = mark(message["content"])
        marked.append({**message, "content": content})
    return marked, taken


def render(tokenizer: Any, messages: Sequence[Mapping[str, str]], *, add_generation_prompt: bool = False) -> str:
    """Return the chat as text. Where the template has no system turn, its text goes before the first user turn.

    Raises:
        ValueError: the chat template refuses these messages.
    """
    options = {"tokenize": False, "add_generation_prompt": add_generation_prompt, "enable_thinking": False}
    try:
        return str(tokenizer.apply_chat_template(list(messages), **options))
    except Exception as error:  # a template raises what it likes
        if len(messages) > 1 and messages[0]["role"] == "system":
            joined = {**messages[1], "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
            return render(tokenizer, [joined, *messages[2:]], add_generation_prompt=add_generation_prompt)
        raise ValueError(f"the model's chat template refuses the conversation: {error}") from error


def encode(tokenizer: Any, text: str, taken: Mapping[str, str]) -> list[int]:
    """Return the ids of rendered text; what was taken out comes back as ordinary text."""
    if not taken:
        return _ids(tokenizer, text)
    control = _control_ids(tokenizer)
    ids: list[int] = []
    for part in re.split(f"({'|'.join(map(re.escape, taken))})", text):
        if part in taken:
            ids += _as_text(tokenizer, taken[part], control)
        elif part:
            ids += _ids(tokenizer, part)
    return ids


def _as_text(tokenizer: Any, text: str, control: frozenset[int]) -> list[int]:
    """Return ids of `text` without any control token: whole if the tokenizer can, else in harmless pieces."""
    ids = _ids(tokenizer, text, split_special_tokens=True)
    if control.isdisjoint(ids):
        return ids
    if len(text) == 1:
        raise ValueError(f"the tokenizer has no other spelling for {text!r}, which begins or ends turns")
    half = len(text) // 2
    return _as_text(tokenizer, text[:half], control) + _as_text(tokenizer, text[half:], control)


def _ids(tokenizer: Any, text: str, **options: bool) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, **options)["input_ids"])


def _control_tokens(tokenizer: Any) -> dict[str, Any]:
    """Return the added tokens that can shape a conversation: special ones, and others that the template writes."""
    template = str(tokenizer.chat_template)
    return {
        token.content: token
        for token in tokenizer.added_tokens_decoder.values()
        if token.content.strip(_SPACE) and (token.special or token.content in template)
    }


def _control_ids(tokenizer: Any) -> frozenset[int]:
    tokens = _control_tokens(tokenizer)
    return frozenset(number for number, token in tokenizer.added_tokens_decoder.items() if token.content in tokens)
