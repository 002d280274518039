"""Everything that can be wrong with a user's files: how to break a sound folder, and the line that tells it.

In each row come last: how the line begins, and what it must mention besides.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

Break = Callable[[Any], object]
YAML, TRAIN, TEST = "experiment.yaml", "questions.train.jsonl", "questions.test.jsonl"

#: A text of experiment.yaml and what stands in its place; the line begins with the file's name.
REPLACED: list[tuple[str, ...]] = [
    ("broken YAML", "gate:", "gate: [", "", "is not YAML"),
    ("a tab", "  instruction:", "\tinstruction:", "4: is not YAML", "\\t"),
    ("missing field", "metric: exact\n    minimum", "minimum", "8: gate[0].metric: is missing"),
    ("unknown nested field", "    minimum: 0.5", "    least: 0.5", "9: gate[0].least: is unknown"),
    ("text for a number", "month: 1000", "month: lots", "11: workload.requests_per_month: ", '"lots"', "whole number"),
    ("quoted number", "month: 1000", 'month: "1000"', "11: workload.requests_per_month: ", "without quotes"),
    ("gate as text", "gate:\n  - metric: exact\n    minimum: 0.5", "gate: high", "7: gate: ", "list"),
    ("capital in the name", "name: tea-room", "name: Tea", "1: name: 'Tea' cannot be a name", "a-z"),
    ("name of one letter", "name: tea-room", "name: t", "1: name: 't' cannot be a name"),
    (
        "name too long for the vector store",
        "name: tea-room",
        "name: the-tea-room-of-oz1",
        "1: name: 'the-tea-room-of-oz1' cannot be a name",
    ),
    ("unknown kind of task", "description: Questions", "task: essay\ndescription: Questions", "2: task: "),
    (
        "broken pattern",
        "'[^\\[\\]]+ \\[[A-Z]+-\\d\\]'",
        "'([a-z'",
        "5: house_style.pattern: is not a regular expression",
        "single quotes",
    ),
    ("refusal of two lines", "The pages do not say.", '"a\\nb"', "6: house_style.refusal: must be"),
    ("unknown metric", "metric: exact", "metric: vibes", "8: gate[0].metric: 'vibes' is unknown", "rouge-l"),
    ("metric that falls", "metric: exact", "metric: fabricated", "8: gate[0].metric: ", "refusal-recall"),
    ("minimum in per cent", "minimum: 0.5", "minimum: 50", "9: gate[0].minimum: 50 is out of range"),
    ("minimum that is no number", "minimum: 0.5", "minimum: .nan", "9: gate[0].minimum: nan"),
    (
        "gate on an unknown split",
        "    minimum: 0.5",
        "    minimum: 0.5\n    split: hard",
        "10: gate[0].split: no test question belongs to 'hard'",
        "seen-fact, unanswerable",
    ),
    (
        "gate on overlap alone",
        "metric: exact",
        "metric: rouge-l",
        "7: gate: no rule asks for right answers",
        "wrong answers",
        "add a rule on exact or contained",
    ),
    (
        "gate on refusals alone",
        "    minimum: 0.5",
        "    minimum: 0.5\n    split: unanswerable",
        "7: gate: no rule asks for right answers",
    ),
    ("no workload", "month: 1000", "month: 0", "11: workload.requests_per_month: 0 is too small", "1"),
    ("negative workload", "month: 1000", "month: -4", "11: workload.requests_per_month: -4"),
    ("endless peak", "month: 1000", "month: 1000\n  peak_factor: .inf", "12: workload.peak_factor: inf is too small"),
    (
        "value of an answer in words",
        "month: 1000",
        "month: 1000\n  hourly_wage_usd: much",
        "12: workload.hourly_wage_usd: 'much' is not an amount",
    ),
    ("profile called all", "  small:", "  all:", "13: profiles.all: cannot be a profile's name"),
    ("profile without questions", "test_questions: 2", "test_questions: 0", "14: profiles.small.test_questions: 0"),
]
#: What is appended to experiment.yaml, which has 16 lines; the line begins with the file's name.
APPENDED: list[tuple[str, ...]] = [
    ("field twice", "name: other\n", "17: 'name' stands twice", "keep one"),
    ("a YAML bomb", "a: &a [x]\nb: [*a, *a]\n", "17: a part of the file is repeated"),
    ("a recursive value", "a: &a [*a]\n", "17: a part of the file is repeated"),
    ("bytes", "seed: !!binary aGk=\n", "1: holds a value that no field takes", "bytes"),
    ("a Python object", "seed: !!python/object:os.system x\n", "17: is not YAML"),
    ("unknown field", "gates: 1\n", "17: gates: is unknown", "did you mean gate?"),
    ("number for money", "models: {generator: 5}\n", "17: models.generator: ", "quotes"),
    ("learning rate of 2", "training: {learning_rate: 2}\n", "17: training.learning_rate: "),
    ("no epochs", "training:\n  epochs_rag: 0\n", "18: training.epochs_rag: 0 is too small"),
    ("overlap above chunk", "retrieval: {chunk_overlap: 1200}\n", "17: retrieval.chunk_overlap: "),
    (
        "candidates without end",
        "retrieval: {candidates: 99999}\n",
        "17: retrieval.candidates: 99999 is too large",
        "500",
    ),
    ("answers without end", "prompt: {answer_tokens: 9999999}\n", "17: prompt.answer_tokens: 9999999 is too large"),
    ("batches without end", "training: {batch_size: 100000}\n", "17: training.batch_size: 100000 is too large"),
    ("hot", "prompt: {temperature: 3}\n", "17: prompt.temperature: 3", "0 to 1"),
    ("empty stop text", "prompt: {stop: ['']}\n", "17: prompt.stop: holds an empty text"),
    ("more pages than candidates", "retrieval: {candidates: 1}\n", "17: retrieval.candidates: "),
    ("model without provider", "models: {generator: gpt}\n", "17: models.generator: 'gpt' is not"),
    (
        "model of an unknown geography",
        "models: {generator: 'mars.amazon.nova-micro-v1:0'}\n",
        "17: models.generator: 'mars' is not a geography",
        "us, ",
    ),
    (
        "ARN with an odd region",
        "models: {embedding: 'arn:aws:bedrock:us-easy:123456789012:inference-profile/x'}\n",
        "17: models.embedding: 'us-easy' is not a region",
    ),
    ("base without owner", "models: {fine_tuning_base: smol}\n", "17: models.fine_tuning_base: "),
    ("odd instance", "models: {hosting_instance: g5.xlarge}\n", "17: models.hosting_instance: "),
    ("odd dimensions", "models: {embedding_dimensions: 384}\n", "17: models.embedding_dimensions: ", "512"),
]
#: A file and what it holds.
WRITTEN: list[tuple[Any, ...]] = [
    ("empty page", "documents/A.md", " \n", "documents/A.md: the page is empty", "remove"),
    ("page with front matter only", "documents/A.md", "---\nid: A\n---", "documents/A.md: the page is empty"),
    (
        "front matter that never ends",
        "documents/A.md",
        "---\nid: A\n",
        "documents/A.md:1: front matter is not closed",
        "three dashes",
    ),
    (
        "front matter with another field",
        "documents/A.md",
        "---\nid: A\nauthor: me\n---\nText\n",
        "documents/A.md:3: author: is unknown",
        "remove it",
    ),
    (
        "front matter with a number as id",
        "documents/A.md",
        "---\nid: 7\n---\nText\n",
        "documents/A.md:2: id: ",
        "string",
        "quotes",
    ),
    (
        "front matter that is a list",
        "documents/A.md",
        "---\n- id\n---\nText\n",
        "documents/A.md:2: front matter may hold id and title only",
    ),
    ("page id with a blank", "documents/A B.md", "Text", "documents/A B.md:1: id: 'A B' cannot be cited", "letters"),
    (
        "two pages with one id",
        "documents/copy.md",
        "---\ntitle: x\nid: TEA-1\n---\nText\n",
        "documents/copy.md:3: id: 'TEA-1' is the id of documents/TEA-1.md too",
        "its own id",
    ),
    ("page in a foreign format", "documents/A.pdf", b"%PDF", "documents/A.pdf: is not a page", "ladder init"),
    ("page in Latin-1", "documents/A.md", b"caf\xe9", "documents/A.md:1: is not UTF-8: byte 0xe9 at offset 3", "UTF-8"),
    ("empty experiment.yaml", YAML, "", "experiment.yaml:1: ", "name: value"),
    ("UTF-16", YAML, "name: x".encode("utf-16"), "experiment.yaml:1: is not UTF-8", "offset 0"),
    ("empty test file", TEST, "\n\n", f"{TEST}: holds no question", "nothing to measure"),
    ("empty train file", TRAIN, "", f"{TRAIN}: holds no question", "few-shot"),
    ("half a line", TEST, '\n{"id": "a",\n', f"{TEST}:2: is not JSON", "one JSON object a line"),
    ("a line that is a list", TEST, "[1]\n", f"{TEST}:1: ", "name: value"),
    ("field twice in a line", TEST, '{"id": "a", "id": "b"}\n', f"{TEST}:1: is not JSON: 'id' stands twice"),
    ("half a surrogate pair", TEST, '{"id": "\\ud800"}\n', f"{TEST}:1: "),
    ("Latin-1 question", TEST, b'{"id": "a"}\n"\xe9"\n', f"{TEST}:2: is not UTF-8: byte 0xe9 at offset 13"),
]
#: Fields of a question, by file and index; the line begins with the file's name and the question's line.
CHANGED: list[tuple[Any, ...]] = [
    ("unknown field of a question", "train", 0, {"anser": "x"}, "anser: is unknown", "answer?"),
    ("number as answer", "train", 0, {"answer": 9}, "answer: ", "quotes"),
    ("text as truth value", "test", 1, {"unanswerable": "yes"}, "unanswerable: ", "true or false"),
    ("question id twice", "test", 1, {"id": "test-1"}, f"id: 'test-1' is the id of {TEST}:1 too"),
    ("id of the other file", "test", 1, {"id": "train-1"}, f"id: 'train-1' is the id of {TRAIN}:1 too"),
    ("page that is not there", "test", 0, {"document": "TEA-9"}, "document: there is no page 'TEA-9'"),
    ("refusal with page", "test", 1, {"document": "TEA-1"}, "document: an unanswerable question has"),
    ("refusal in other words", "test", 1, {"answer": "No idea."}, "answer: ", "The pages do not say."),
    ("answer out of style", "test", 0, {"answer": "nine"}, "answer: 'nine' does not match"),
    ("answer that cites another page", "test", 0, {"answer": "nine [TEA-2]"}, "answer: it cites another"),
    ("empty question", "test", 0, {"question": " "}, "question: is empty"),
    (
        "question beyond the context",
        "test",
        0,
        {"question": "why " * 7000},
        "question: has 28,000 characters",
        "24,576",
    ),
    (
        "test question in training",
        "test",
        0,
        {"question": "when do you OPEN ?"},
        f"question: is asked in {TRAIN}:1 too",
        "known from training",
    ),
    (
        "test question twice",
        "test",
        1,
        {"question": "At what time is the door unlocked"},
        f"question: is asked in {TEST}:1 too",
        "count twice",
    ),
]
OTHERS: list[tuple[Any, ...]] = [
    ("no documents folder", lambda f: shutil.rmtree(f.path / "documents"), "documents/: is missing", "create"),
    (
        "no page in the folder",
        lambda f: [p.unlink() for p in (f.path / "documents").iterdir()],
        "documents/: holds no page",
        ".md or .txt",
    ),
    (
        "folder link that loops",
        lambda f: (f.path / "documents" / "again").symlink_to(f.path / "documents"),
        "documents/again: is a link to a folder",
        "files themselves",
    ),
    (
        "file link",
        lambda f: (f.path / "documents" / "loop.md").symlink_to(f.path / TEST),
        "documents/loop.md: is a link",
        "put the file itself there",
    ),
    (
        "questions that are a pipe",
        lambda f: ((f.path / TEST).unlink(), os.mkfifo(f.path / TEST)),
        f"{TEST}: is not a regular file",
    ),
    (
        "settings that are a folder",
        lambda f: ((f.path / YAML).unlink(), (f.path / YAML).mkdir()),
        f"{YAML}: is not a regular file",
    ),
    ("no experiment.yaml", lambda f: (f.path / YAML).unlink(), "experiment.yaml: cannot be read", "create it"),
    ("no test file", lambda f: (f.path / TEST).unlink(), f"{TEST}: cannot be read"),
]


def _replace(old: str, new: str) -> Break:
    return lambda f: f.replace(YAML, old, new)


def _append(text: str) -> Break:
    return lambda f: f.write(YAML, (f.path / YAML).read_text(encoding="utf-8") + text)


def _write(name: str, text: str | bytes) -> Break:
    return lambda f: f.write(name, text)


def _change(part: str, index: int, fields: dict[str, Any]) -> Break:
    return lambda f: f.change(part, index, **fields)


#: What breaks; how; the line, as it begins and what it must mention.
CASES: list[tuple[str, Break, str, tuple[str, ...]]] = [
    *((name, _replace(old, new), f"{YAML}:{line}", tuple(words)) for name, old, new, line, *words in REPLACED),
    *((name, _append(text), f"{YAML}:{line}", tuple(words)) for name, text, line, *words in APPENDED),
    *((name, _write(file, text), line, tuple(words)) for name, file, text, line, *words in WRITTEN),
    *(
        (name, _change(part, index, fields), f"questions.{part}.jsonl:{index + 1}: {line}", tuple(words))
        for name, part, index, fields, line, *words in CHANGED
    ),
    *((name, breaks, line, tuple(words)) for name, breaks, line, *words in OTHERS),
]
