"""Reads an experiment folder; each mistake in it becomes one line.

experiment.yaml          name; gate, workload, models ... where they differ from `defaults` (contracts.Experiment)
documents/**/*.md, .txt  one page each; optional front matter with id and title      (contracts.Document)
questions.train.jsonl    examples for few-shot prompts and fine-tuning               (contracts.Question)
questions.test.jsonl     what every approach is asked                                (contracts.Question)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from contracts import json_codec
from contracts.experiment import Document, Experiment, Question
from ladder.errors import LadderError
from ladder.experiment.checks import check_experiment, check_present, check_questions
from ladder.experiment.defaults import with_defaults
from ladder.experiment.files import read_documents, read_lines, read_yaml
from ladder.experiment.validation import Problem, Source, Sourced, validated

R = TypeVar("R", Document, Question)

YAML_FILE = "experiment.yaml"
TRAIN_FILE = "questions.train.jsonl"
TEST_FILE = "questions.test.jsonl"
DOCUMENTS = "documents"
SHOWN_PROBLEMS = 20


class ExperimentError(LadderError):
    """The folder cannot be used. The text is the problem, or lists several, one a line; `problems` holds all."""

    def __init__(self, folder: Path, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        if len(problems) == 1:
            alone = str(problems[0])
            super().__init__(alone if alone.startswith(str(folder)) else f"{folder}/{alone}")
            return
        lines = [f"{folder}: {len(problems)} problems", *(f"  {problem}" for problem in problems[:SHOWN_PROBLEMS])]
        if len(problems) > SHOWN_PROBLEMS:
            lines.append(f"  ... and {len(problems) - SHOWN_PROBLEMS} more")
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedExperiment:
    """A folder without problems. Documents and questions are sorted by id.

    `sha256` is that of the content: comments, file names and the order of lines do not change it.
    """

    experiment: Experiment
    documents: tuple[Document, ...]
    train: tuple[Question, ...]
    test: tuple[Question, ...]
    sha256: str
    folder: Path


def load(folder: Path) -> LoadedExperiment:
    """Return the experiment in `folder`.

    Raises:
        ExperimentError: the folder cannot be used; the error holds every problem.
    """
    problems: list[Problem] = []
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        todo = "name the folder that holds experiment.yaml"
        raise ExperimentError(folder, [Problem(file=str(folder), what=what, todo=todo)])
    written = read_yaml(folder, YAML_FILE, problems)
    documents = read_documents(folder, DOCUMENTS, problems)
    train = read_lines(folder, TRAIN_FILE, Question, problems)
    test = read_lines(folder, TEST_FILE, Question, problems)
    experiment = None if written is None else _experiment(*written, train, test)
    if experiment is not None:
        check_experiment(experiment, [q.value for q in test])
    check_present(train, Source(file=TRAIN_FILE, problems=problems), "few-shot prompts and fine-tuning need examples")
    check_present(test, Source(file=TEST_FILE, problems=problems), "there would be nothing to measure")
    check_questions(
        train,
        test,
        documents={d.value.id for d in documents},
        style=experiment.value.house_style if experiment else None,
    )
    if problems or experiment is None:
        raise ExperimentError(folder, problems)
    pages, examples, questions = _by_id(documents), _by_id(train), _by_id(test)
    return LoadedExperiment(
        experiment=experiment.value,
        documents=pages,
        train=examples,
        test=questions,
        sha256=_sha256(experiment.value, pages, examples, questions),
        folder=folder.resolve(),
    )


def _experiment(
    written: Any, source: Source, train: Sequence[Sourced[Question]], test: Sequence[Sourced[Question]]
) -> Sourced[Experiment] | None:
    values = with_defaults(written, [q.value for q in train], [q.value for q in test])
    return validated(Experiment, values, source)


def _by_id(records: Sequence[Sourced[R]]) -> tuple[R, ...]:
    return tuple(sorted((record.value for record in records), key=lambda value: value.id))


def _sha256(experiment: Experiment, *records: tuple[Any, ...]) -> str:
    parts = (json.dumps(json_codec.to_jsonable(experiment), sort_keys=True), *map(json_codec.dump_lines, records))
    # Each part's own digest keeps a line from moving between files without changing the sum.
    digests = b"".join(hashlib.sha256(part.encode("utf-8")).digest() for part in parts)
    return hashlib.sha256(digests).hexdigest()
