from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from lambdas.fine_tuning.training.examples import (
    Encoded,
    batches,
    encode,
    micro_batches,
    read_chats,
    without_invented_system_prompt,
)
from offline.models.hub import HubFolder

CHAT = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "Here [A-1]"}]


def example(length: int, answer: int = 3) -> Encoded:
    return Encoded(tuple(range(length - answer)), tuple(range(answer)))


def test_an_example_is_prompt_and_answer_with_its_end(tiny_hub: HubFolder) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_hub.snapshot)
    encoded = encode(tokenizer, CHAT)
    assert tokenizer.decode(encoded.prompt) == "<|im_start|>user\nWhere?<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.decode(encoded.answer) == "Here [A-1]<|im_end|>"


def test_an_invented_system_prompt_is_taken_out(tiny_hub: HubFolder) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_hub.snapshot)
    plain = tokenizer.chat_template
    tokenizer.chat_template = "{{ '<|im_start|>system\nYou are helpful<|im_end|>\n' }}" + plain
    text = without_invented_system_prompt(tokenizer).apply_chat_template(CHAT[:1], tokenize=False)
    assert text == "<|im_start|>user\nWhere?<|im_end|>\n"
    with_system = [{"role": "system", "content": "S"}, *CHAT[:1]]
    assert tokenizer.apply_chat_template(with_system, tokenize=False).startswith("<|im_start|>system\nS<|im_end|>")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not an object"),
        ('{"chat": []}', "line 2: not an object with a list `messages`"),
        ('{"messages": [{"role": "user", "content": "x"}]}', "line 2: `messages` must end with the assistant"),
        ('{"messages": [{"role": "user"}, {"role": "assistant", "content": "x"}]}', "line 2"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "lora.jsonl"
    path.write_text(json.dumps({"messages": CHAT}) + "\n" + line + "\n")
    with pytest.raises(ValueError, match=message):
        read_chats(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lora.jsonl").write_text("\n")
    with pytest.raises(ValueError, match="no training example"):
        read_chats(tmp_path / "lora.jsonl")


def test_batches_hold_every_example_once_and_similar_lengths() -> None:
    examples = [example(n) for n in random.Random(1).sample(range(4, 400), 50)]
    drawn = batches(examples, 8, random.Random(7))
    assert sorted(e.length for batch in drawn for e in batch) == sorted(e.length for e in examples)
    spread = sum(max(e.length for e in b) - min(e.length for e in b) for b in drawn)
    assert spread < 500
    assert drawn == batches(examples, 8, random.Random(7))
    assert drawn != batches(examples, 8, random.Random(8))


def test_micro_batches_bound_the_padded_tokens() -> None:
    batch = [example(n) for n in (10, 300, 40, 35, 290, 600, 12, 11)]
    parts = micro_batches(batch, 512)
    assert sorted(e.length for part in parts for e in part) == sorted(e.length for e in batch)
    assert all(len(part) == 1 or len(part) * max(e.length for e in part) <= 512 for part in parts)
    assert len(parts) == 4
