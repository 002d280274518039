"""Writes an experiment folder: pages, questions, and an experiment.yaml that says what can be set."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from contracts import json_codec
from contracts.experiment import Document, Question, TaskKind
from ladder.experiment.checks import EXPERIMENT_NAME
from ladder.experiment.defaults import DEFAULTS, WORKLOAD
from ladder.experiment.folder import DOCUMENTS, TEST_FILE, TRAIN_FILE, YAML_FILE
from ladder.files import write_text
from ladder.intake.text_files import IntakeError

_NAME_LENGTH = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What experiment.yaml says. `instruction` is the system prompt of the questions' file, None where it has none."""

    name: str
    description: str
    task: TaskKind
    seed: int
    instruction: str | None = None


def require_empty(folder: Path) -> None:
    """Return if `folder` does not exist or holds nothing.

    Raises:
        IntakeError: something is in it, or in its place.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise IntakeError(f"{folder}: is not empty, and nothing is overwritten; name a new folder")
    if folder.exists() and not folder.is_dir():
        raise IntakeError(f"{folder}: is a file; name a new folder")


def name_of(given: str | None, folder: Path) -> str:
    """Return the experiment's name: the given one, or one made of the folder's.

    Raises:
        IntakeError: the given name cannot be used, or the folder's name has no Latin letter.
    """
    if given is not None:
        if not EXPERIMENT_NAME.fullmatch(given):
            raise IntakeError(f"--name {given}: use 2 to {_NAME_LENGTH} of a-z, 0-9 and single -, a letter first")
        return given
    plain = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower())
    found = re.sub(r"^[^a-z]+", "", plain)[:_NAME_LENGTH].strip("-")
    if not EXPERIMENT_NAME.fullmatch(found):
        raise IntakeError(f"{folder}: no experiment can be called so; give it a --name of 2 to {_NAME_LENGTH} letters")
    return found


def write(
    folder: Path, head: Head, pages: Iterable[Document], train: Iterable[Question], test: Iterable[Question]
) -> None:
    """Write the folder; experiment.yaml comes last, so that one that was interrupted is seen to be incomplete."""
    documents = folder / DOCUMENTS
    documents.mkdir(parents=True, exist_ok=True)
    for page in pages:
        front = f"---\nid: {_quoted(page.id)}\ntitle: {_quoted(page.title)}\n---\n\n"
        (documents / f"{page.id}.md").write_text(f"{front}{page.text}\n", encoding="utf-8", newline="")
    for name, questions in ((TRAIN_FILE, train), (TEST_FILE, test)):
        write_text(folder / name, json_codec.dump_lines(questions))
    write_text(folder / YAML_FILE, _yaml(head))


def _yaml(head: Head) -> str:
    lines = [
        "# Made by `ladder init`. What is left out has a default that fits the kind of task: docs/your-experiment.md.",
        _line("name", head.name),
        _line("description", head.description),
        "# What an answer is: short-value, label or free-form.",
        _line("task", head.task),
        *(
            (
                "# The system prompt of the questions' file; it is part of every prompt.",
                _line("house_style", {"instruction": head.instruction}),
            )
            if head.instruction
            else ()
        ),
        "# What an approach must reach: metrics, and their least values over the test questions.",
        _line("gate", DEFAULTS[head.task]["gate"]),
        "# What production will ask, for the cost of a month.",
        _line("workload", WORKLOAD),
        "# Draws the test questions and the examples of a run.",
        _line("seed", head.seed),
    ]
    return "\n".join(lines) + "\n"


def _line(name: str, value: object) -> str:
    """Return one line of YAML; nested values stand in braces and brackets on the same line."""
    shown = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=2**31, sort_keys=False)
    return f"{name}: " + shown.removesuffix("\n").removesuffix("\n...")


def _quoted(text: str) -> str:
    # A JSON text is a YAML text; what YAML cannot hold as it is (U+2028, say) is escaped.
    return json.dumps(text, ensure_ascii=not text.isprintable())
