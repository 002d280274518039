"""Everything that can be wrong with a user's files: how to break a sound folder, and the line that tells it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

Break = Callable[[Any], object]
YAML, TRAIN, TEST = "experiment.yaml", "questions.train.jsonl", "questions.test.jsonl"


def yaml(old: str, new: str) -> Break:
    return lambda f: f.replace(YAML, old, new)


def extra(text: str) -> Break:
    """Appends `text` to experiment.yaml, which has 16 lines."""
    return lambda f: f.write(YAML, (f.path / YAML).read_text(encoding="utf-8") + text)


def both(*changes: Break) -> Break:
    return lambda f: [change(f) for change in changes]


#: what breaks; how; the line, as it starts and what it must mention.
CASES: list[tuple[str, Break, str, tuple[str, ...]]] = [
    # ---- documents
    ("no documents folder", lambda f: shutil.rmtree(f.path / "documents"), "documents/: is missing", ("create",)),
    (
        "no page in the folder",
        lambda f: [p.unlink() for p in (f.path / "documents").iterdir()],
        "documents/: holds no page",
        (".md or .txt",),
    ),
    ("empty page", lambda f: f.write("documents/A.md", " \n"), "documents/A.md: the page is empty", ("remove",)),
    (
        "page with front matter only",
        lambda f: f.write("documents/A.md", "---\nid: A\n---"),
        "documents/A.md: the page is empty",
        (),
    ),
    (
        "front matter that never ends",
        lambda f: f.write("documents/A.md", "---\nid: A\n"),
        "documents/A.md:1: front matter is not closed",
        ("three dashes",),
    ),
    (
        "front matter with another field",
        lambda f: f.write("documents/A.md", "---\nid: A\nauthor: me\n---\nText\n"),
        "documents/A.md:3: author: is unknown",
        ("remove it",),
    ),
    (
        "front matter with a number as id",
        lambda f: f.write("documents/A.md", "---\nid: 7\n---\nText\n"),
        "documents/A.md:2: id: ",
        ("string", "quotes"),
    ),
    (
        "front matter that is a list",
        lambda f: f.write("documents/A.md", "---\n- id\n---\nText\n"),
        "documents/A.md:2: front matter may hold id and title only",
        (),
    ),
    (
        "page id with a blank",
        lambda f: f.write("documents/A B.md", "Text"),
        "documents/A B.md:1: id: 'A B' cannot be cited",
        ("letters",),
    ),
    (
        "two pages with one id",
        lambda f: f.write("documents/copy.md", "---\ntitle: x\nid: TEA-1\n---\nText\n"),
        "documents/copy.md:3: id: 'TEA-1' is the id of documents/TEA-1.md too",
        ("its own id",),
    ),
    (
        "page in a foreign format",
        lambda f: f.write("documents/A.pdf", b"%PDF"),
        "documents/A.pdf: is not a page",
        ("convert",),
    ),
    (
        "page in Latin-1",
        lambda f: f.write("documents/A.md", b"caf\xe9"),
        "documents/A.md:1: is not UTF-8: byte 0xe9 at offset 3",
        ("UTF-8",),
    ),
    (
        "folder link that loops",
        lambda f: (f.path / "documents" / "again").symlink_to(f.path / "documents"),
        "documents/again: is a link to a folder",
        ("files themselves",),
    ),
    (
        "file link that loops",
        lambda f: (f.path / "documents" / "loop.md").symlink_to("loop.md"),
        "documents/loop.md: cannot be read",
        ("symbolic links",),
    ),
    # ---- experiment.yaml, its form
    ("no experiment.yaml", lambda f: (f.path / YAML).unlink(), "experiment.yaml: cannot be read", ("create it",)),
    ("empty experiment.yaml", lambda f: f.write(YAML, ""), "experiment.yaml:1: ", ("name: value",)),
    ("broken YAML", yaml("gate:", "gate: ["), "experiment.yaml:", ("is not YAML",)),
    ("a tab", yaml("  instruction:", "\tinstruction:"), "experiment.yaml:4: is not YAML", ("\\t",)),
    ("UTF-16", lambda f: f.write(YAML, "name: x".encode("utf-16")), "experiment.yaml:1: is not UTF-8", ("offset 0",)),
    ("field twice", extra("name: other\n"), "experiment.yaml:17: 'name' stands twice", ("keep one",)),
    ("a YAML bomb", extra("a: &a [x]\nb: [*a, *a]\n"), "experiment.yaml:17: a part of the file is repeated", ()),
    ("a recursive value", extra("a: &a [*a]\n"), "experiment.yaml:17: a part of the file is repeated", ()),
    ("bytes", extra("seed: !!binary aGk=\n"), "experiment.yaml:1: holds a value that no field takes", ("bytes",)),
    ("a Python object", extra("seed: !!python/object:os.system x\n"), "experiment.yaml:17: is not YAML", ()),
    ("unknown field", extra("gates: 1\n"), "experiment.yaml:17: gates: is unknown", ("did you mean gate?",)),
    (
        "missing field",
        yaml("  refusal: The pages do not say.\n", ""),
        "experiment.yaml:3: house_style.refusal: is missing",
        (),
    ),
    (
        "unknown nested field",
        yaml("    minimum: 0.5", "    least: 0.5"),
        "experiment.yaml:9: gate[0].least: is unknown",
        (),
    ),
    (
        "text for a number",
        yaml("month: 1000", "month: lots"),
        "experiment.yaml:11: workload.requests_per_month: ",
        ('"lots"', "whole number"),
    ),
    (
        "quoted number",
        yaml("month: 1000", 'month: "1000"'),
        "experiment.yaml:11: workload.requests_per_month: ",
        ("without quotes",),
    ),
    (
        "number for money",
        extra("models: {generator: 5}\n"),
        "experiment.yaml:17: models.generator: ",
        ("quotes",),
    ),
    (
        "gate as text",
        yaml("gate:\n  - metric: exact\n    minimum: 0.5", "gate: high"),
        "experiment.yaml:7: gate: ",
        ("list",),
    ),
    # ---- experiment.yaml, its meaning
    (
        "capital in the name",
        yaml("name: tea-room", "name: Tea"),
        "experiment.yaml:1: name: 'Tea' cannot be a name",
        ("a-z",),
    ),
    ("name of one letter", yaml("name: tea-room", "name: t"), "experiment.yaml:1: name: 't' cannot be a name", ()),
    (
        "name too long for the vector store",
        yaml("name: tea-room", "name: the-tea-room-of-oz1"),
        "experiment.yaml:1: name: 'the-tea-room-of-oz1' cannot be a name",
        (),
    ),
    ("empty description", yaml("Questions about a tea room.", "''"), "experiment.yaml:2: description: is empty", ()),
    (
        "broken pattern",
        yaml("'[^\\[\\]]+ \\[[A-Z]+-\\d\\]'", "'([a-z'"),
        "experiment.yaml:5: house_style.pattern: is not a regular expression",
        ("single quotes",),
    ),
    (
        "refusal of two lines",
        yaml("The pages do not say.", '"a\\nb"'),
        "experiment.yaml:6: house_style.refusal: must be",
        (),
    ),
    (
        "unknown metric",
        yaml("metric: exact", "metric: vibes"),
        "experiment.yaml:8: gate[0].metric: 'vibes' is unknown",
        ("rouge-l",),
    ),
    (
        "metric that falls",
        yaml("metric: exact", "metric: fabricated"),
        "experiment.yaml:8: gate[0].metric: ",
        ("refusal-recall",),
    ),
    (
        "minimum in per cent",
        yaml("minimum: 0.5", "minimum: 50"),
        "experiment.yaml:9: gate[0].minimum: 50 is out of range",
        (),
    ),
    ("minimum that is no number", yaml("minimum: 0.5", "minimum: .nan"), "experiment.yaml:9: gate[0].minimum: nan", ()),
    (
        "gate on an unknown split",
        yaml("    minimum: 0.5", "    minimum: 0.5\n    split: hard"),
        "experiment.yaml:10: gate[0].split: no test question belongs to 'hard'",
        ("seen-fact, unanswerable",),
    ),
    (
        "gate on overlap alone",
        yaml("metric: exact", "metric: rouge-l"),
        "experiment.yaml:7: gate: no rule asks for right answers",
        ("wrong answers", "add a rule on exact or contained"),
    ),
    (
        "gate on refusals alone",
        yaml("    minimum: 0.5", "    minimum: 0.5\n    split: unanswerable"),
        "experiment.yaml:7: gate: no rule asks for right answers",
        (),
    ),
    (
        "no workload",
        yaml("month: 1000", "month: 0"),
        "experiment.yaml:11: workload.requests_per_month: 0 is too small",
        ("1",),
    ),
    ("negative workload", yaml("month: 1000", "month: -4"), "experiment.yaml:11: workload.requests_per_month: -4", ()),
    (
        "endless peak",
        yaml("month: 1000", "month: 1000\n  peak_factor: .inf"),
        "experiment.yaml:12: workload.peak_factor: inf is too small",
        (),
    ),
    (
        "value of an answer in words",
        yaml("month: 1000", "month: 1000\n  hourly_wage_usd: much"),
        "experiment.yaml:12: workload.hourly_wage_usd: 'much' is not an amount",
        (),
    ),
    (
        "profile called all",
        yaml("  small:", "  all:"),
        "experiment.yaml:13: profiles.all: cannot be a profile's name",
        (),
    ),
    (
        "profile without questions",
        yaml("test_questions: 2", "test_questions: 0"),
        "experiment.yaml:14: profiles.small.test_questions: 0",
        (),
    ),
    ("learning rate of 2", extra("training: {learning_rate: 2}\n"), "experiment.yaml:17: training.learning_rate: ", ()),
    ("no epochs", extra("training:\n  epochs_rag: 0\n"), "experiment.yaml:18: training.epochs_rag: 0 is too small", ()),
    (
        "overlap above chunk",
        extra("retrieval: {chunk_overlap: 1200}\n"),
        "experiment.yaml:17: retrieval.chunk_overlap: ",
        (),
    ),
    (
        "more pages than candidates",
        extra("retrieval: {candidates: 1}\n"),
        "experiment.yaml:17: retrieval.candidates: ",
        (),
    ),
    (
        "model without provider",
        extra("models: {generator: gpt}\n"),
        "experiment.yaml:17: models.generator: 'gpt' is not",
        (),
    ),
    (
        "model of an unknown geography",
        extra("models: {generator: 'mars.amazon.nova-micro-v1:0'}\n"),
        "experiment.yaml:17: models.generator: 'mars' is not a geography",
        ("us, ",),
    ),
    (
        "ARN with an odd region",
        extra("models: {embedding: 'arn:aws:bedrock:us-easy:123456789012:inference-profile/x'}\n"),
        "experiment.yaml:17: models.embedding: 'us-easy' is not a region",
        (),
    ),
    (
        "base without owner",
        extra("models: {fine_tuning_base: smol}\n"),
        "experiment.yaml:17: models.fine_tuning_base: ",
        (),
    ),
    (
        "odd instance",
        extra("models: {hosting_instance: g5.xlarge}\n"),
        "experiment.yaml:17: models.hosting_instance: ",
        (),
    ),
    (
        "odd dimensions",
        extra("models: {embedding_dimensions: 384}\n"),
        "experiment.yaml:17: models.embedding_dimensions: ",
        ("512",),
    ),
    # ---- questions
    ("no test file", lambda f: (f.path / TEST).unlink(), f"{TEST}: cannot be read", ()),
    ("empty test file", lambda f: f.write(TEST, "\n\n"), f"{TEST}: holds no question", ("nothing to measure",)),
    ("empty train file", lambda f: f.write(TRAIN, ""), f"{TRAIN}: holds no question", ("few-shot",)),
    ("half a line", lambda f: f.write(TEST, '\n{"id": "a",\n'), f"{TEST}:2: is not JSON", ("one JSON object a line",)),
    ("a line that is a list", lambda f: f.write(TEST, "[1]\n"), f"{TEST}:1: ", ("name: value",)),
    (
        "field twice in a line",
        lambda f: f.write(TEST, '{"id": "a", "id": "b"}\n'),
        f"{TEST}:1: is not JSON: 'id' stands twice",
        (),
    ),
    ("half a surrogate pair", lambda f: f.write(TEST, '{"id": "\\ud800"}\n'), f"{TEST}:1: ", ()),
    (
        "Latin-1 question",
        lambda f: f.write(TEST, b'{"id": "a"}\n"\xe9"\n'),
        f"{TEST}:2: is not UTF-8: byte 0xe9 at offset 13",
        (),
    ),
    (
        "unknown field of a question",
        lambda f: f.change("train", 0, anser="x"),
        f"{TRAIN}:1: anser: is unknown",
        ("answer?",),
    ),
    ("number as answer", lambda f: f.change("train", 0, answer=9), f"{TRAIN}:1: answer: ", ("quotes",)),
    (
        "text as truth value",
        lambda f: f.change("test", 1, unanswerable="yes"),
        f"{TEST}:2: unanswerable: ",
        ("true or false",),
    ),
    (
        "question id twice",
        lambda f: f.change("test", 1, id="test-1"),
        f"{TEST}:2: id: 'test-1' is the id of {TEST}:1 too",
        (),
    ),
    (
        "id of the other file",
        lambda f: f.change("test", 1, id="train-1"),
        f"{TEST}:2: id: 'train-1' is the id of {TRAIN}:1 too",
        (),
    ),
    (
        "page that is not there",
        lambda f: f.change("test", 0, document="TEA-9"),
        f"{TEST}:1: document: there is no page 'TEA-9'",
        (),
    ),
    (
        "answer without page",
        lambda f: f.change("test", 0, document=None),
        f"{TEST}:1: document: an answerable question needs",
        (),
    ),
    (
        "refusal with page",
        lambda f: f.change("test", 1, document="TEA-1"),
        f"{TEST}:2: document: an unanswerable question has",
        (),
    ),
    (
        "refusal in other words",
        lambda f: f.change("test", 1, answer="No idea."),
        f"{TEST}:2: answer: ",
        ("The pages do not say.",),
    ),
    (
        "answer out of style",
        lambda f: f.change("test", 0, answer="nine"),
        f"{TEST}:1: answer: 'nine' does not match",
        (),
    ),
    (
        "answer that cites another page",
        lambda f: f.change("test", 0, answer="nine [TEA-2]"),
        f"{TEST}:1: answer: it cites another",
        (),
    ),
    ("empty question", lambda f: f.change("test", 0, question=" "), f"{TEST}:1: question: is empty", ()),
    (
        "question beyond the context",
        lambda f: f.change("test", 0, question="why " * 6000),
        f"{TEST}:1: question: has 24,000 characters",
        ("22,176",),
    ),
    (
        "test question in training",
        lambda f: f.change("test", 0, question="when do you OPEN ?"),
        f"{TEST}:1: question: is asked in {TRAIN}:1 too",
        ("known from training",),
    ),
    (
        "test question twice",
        lambda f: f.change("test", 1, question="At what time is the door unlocked"),
        f"{TEST}:2: question: is asked in {TEST}:1 too",
        ("count twice",),
    ),
]
