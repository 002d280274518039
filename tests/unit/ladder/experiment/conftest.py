"""A small experiment folder without problems, for tests to break."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

YAML = """\
name: tea-room
description: Questions about a tea room.
house_style:
  instruction: Answer with value and page.
  pattern: '[^\\[\\]]+ \\[[A-Z]+-\\d\\]'
  refusal: The pages do not say.
gate:
  - metric: exact
    minimum: 0.5
workload:
  requests_per_month: 1000
profiles:
  small:
    test_questions: 2
    closed_book_examples: 1
    rag_examples: 1
"""


class ExperimentFolder:
    """Writes and changes the files of an experiment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("experiment.yaml", YAML)
        self.write("documents/TEA-1.md", "---\nid: TEA-1\ntitle: Opening hours\n---\nWe open at nine.\n")
        self.write("documents/TEA-2.txt", "A scone costs 4 crowns.\n")
        self.train = [
            self.question("train-1", "When do you open?", "nine [TEA-1]", "TEA-1"),
            self.question("train-2", "What is a scone?", "4 crowns [TEA-2]", "TEA-2"),
        ]
        self.test = [
            self.question("test-1", "At what time is the door unlocked?", "nine [TEA-1]", "TEA-1", tags=["seen-fact"]),
            self.question(
                "test-2", "Who bakes?", "The pages do not say.", None, unanswerable=True, tags=["unanswerable"]
            ),
        ]
        self.save()

    @staticmethod
    def question(name: str, question: str, answer: str, document: str | None, **more: Any) -> dict[str, Any]:
        return {"id": name, "question": question, "answer": answer, "document": document, **more}

    def write(self, name: str, text: str | bytes) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def save(self) -> None:
        for name, questions in (("train", self.train), ("test", self.test)):
            lines = "".join(json.dumps(q, ensure_ascii=False) + "\n" for q in questions)
            self.write(f"questions.{name}.jsonl", lines)

    def change(self, part: str, index: int, **fields: Any) -> None:
        getattr(self, part)[index].update(fields)
        self.save()


@pytest.fixture
def folder(tmp_path: Path) -> ExperimentFolder:
    return ExperimentFolder(tmp_path / "tea")
