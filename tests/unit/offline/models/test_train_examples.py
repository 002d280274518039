from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from lambdas.fine_tuning.training.examples import Encoded, encode, read_chats, split, with_plain_template
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
    text = with_plain_template(tokenizer).apply_chat_template(CHAT[:1], tokenize=False)
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


def test_a_base_without_a_template_is_trained_with_plain_chatml(tiny_hub: HubFolder) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_hub.snapshot)
    tokenizer.chat_template = None
    said: list[str] = []
    encoded = encode(with_plain_template(tokenizer, said.append), CHAT)
    assert tokenizer.decode(encoded.answer) == "Here [A-1]<|im_end|>"
    assert said == [
        "the base model has no chat template: it is trained and saved with plain ChatML that ends with <|im_end|>"
    ]


def test_a_base_of_another_vocabulary_ends_with_its_own_token(tiny_hub: HubFolder) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_hub.snapshot)
    tokenizer.chat_template, tokenizer.eos_token = None, "<|endoftext|>"
    tokenizer.get_vocab = lambda: {"<|endoftext|>": 0}
    encoded = encode(with_plain_template(tokenizer), CHAT)
    assert tokenizer.decode(encoded.answer) == "Here [A-1]<|endoftext|>"
    tokenizer.chat_template = tokenizer.eos_token = None
    with pytest.raises(ValueError, match="no chat template and no end token"):
        with_plain_template(tokenizer)


def test_a_split_holds_every_example_once_and_repeats() -> None:
    examples = [example(n) for n in range(4, 44)]
    training, held = split(examples, 0.15, seed=7)
    assert len(held) == 6
    assert sorted(e.length for e in (*training, *held)) == [e.length for e in examples]
    assert (training, held) == split(examples, 0.15, seed=7)
    assert held != split(examples, 0.15, seed=8)[1]
    assert split(examples, 0.0, seed=7) == (examples, [])
    assert [len(part) for part in split(examples[:2], 0.01, seed=7)] == [1, 1]
    with pytest.raises(ValueError, match="1 training example cannot be split"):
        split(examples[:1], 0.15, seed=7)
