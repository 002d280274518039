"""Makes an experiment folder out of a file of questions and a folder of documents, and tells what was guessed."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contracts.experiment import Question
from cost_reports.text import counted
from ladder.experiment.defaults import REFUSAL, guess_task, labels_of
from ladder.intake.documents import Documents, SourcePage, pages_of, read_documents
from ladder.intake.experiment_folder import Head, name_of, require_empty, write
from ladder.intake.page_index import PageIndex
from ladder.intake.questions import Intake, read_questions
from ladder.intake.split import Split, clean, refusal_in, split
from ladder.intake.text_files import IntakeError
from lambdas.evaluation.text import tokens

_SPLIT_BY = {
    "page": "no page is in both",
    "label": "every label in both, so by question",
    "question": "by question",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asked for. `columns`: field -> column of the questions' file, where it is not to be guessed."""

    folder: Path
    questions: Path
    documents: Path | None = None
    name: str | None = None
    seed: int
    test_share: float
    columns: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None


def parse_column(text: str) -> tuple[str, str]:
    """Return `("question", "Frage")` for `question=Frage`."""
    name, sign, column = text.partition("=")
    if not sign:
        raise IntakeError(f"--column {text}: write field=column, for example question=Frage")
    return name.strip(), column.strip()


def make(wanted: Wanted, progress: Callable[[int, int], None] = lambda _done, _all: None) -> tuple[str, ...]:
    """Write the folder, and return what was read, guessed and left out, in lines.

    Raises:
        IntakeError: the folder is not empty, or what was given cannot be made into an experiment.
    """
    require_empty(wanted.folder)
    name = name_of(wanted.name, wanted.folder)
    if not 0 < wanted.test_share < 1:
        raise IntakeError(f"--test-share must be between 0 and 1, for example 0.5, not {wanted.test_share:g}")
    documents = None
    if wanted.documents is not None:
        documents = read_documents(wanted.documents, encoding=wanted.encoding, progress=progress)
    pages: tuple[SourcePage, ...] = documents.pages if documents else ()
    found = read_questions(
        wanted.questions, columns=wanted.columns, encoding=wanted.encoding, is_page=PageIndex(pages).knows
    )
    pages += pages_of(found.pages, {page.document.id.casefold() for page in pages})
    if not pages:
        raise IntakeError(f"{wanted.questions}: brings no pages; name the folder of your documents with --documents")
    cleaned = clean(found.questions, PageIndex(pages), refusal=refusal_in(found.questions) or REFUSAL)
    task = guess_task(cleaned.questions)
    parts = split(cleaned.questions, seed=wanted.seed, test_share=wanted.test_share, by_label=task == "label")
    instruction = _instruction(found)
    source = f" on {wanted.documents.name}" if wanted.documents else ""
    description = f"Questions of {wanted.questions.name}{source}."
    head = Head(name=name, description=description, task=task, seed=wanted.seed, instruction=instruction)
    write(wanted.folder, head, (page.document for page in pages), parts.train, parts.test)
    return (
        *_told_questions(wanted, found, cleaned.notes, instruction),
        *_told_pages(wanted, documents, found),
        f"task: {task} ({_why(task, cleaned.questions)}); change it in experiment.yaml",
        *_told_split(wanted, parts),
        f"{wanted.folder}: experiment {name!r} with {counted(len(pages), 'page')} is written",
        f"next: ladder check {shlex.quote(str(wanted.folder))}",
    )


def _told_questions(wanted: Wanted, found: Intake, notes: Sequence[str], instruction: str | None) -> list[str]:
    lines = [f"{wanted.questions}: {found.format}, {counted(len(found.questions), 'question')}"]
    lines += [f"  {guess}" for guess in found.guesses]
    if instruction:
        same = sum(question.system == instruction for question in found.questions)
        of = "" if same == len(found.questions) else f", which {same:,} of the questions have"
        lines.append(f"  instruction: the system prompt of the file{of}")
    unanswerable = sum(question.unanswerable for question in found.questions)
    if unanswerable:
        lines.append(f"  {unanswerable:,} of them unanswerable: their answer is the refusal")
    return lines + [f"  left out: {reason}" for reason in found.left_out] + [f"  {note}" for note in notes]


def _told_pages(wanted: Wanted, documents: Documents | None, found: Intake) -> list[str]:
    lines = []
    if documents:
        lines += [f"{wanted.documents}: {documents.told}", *(f"  left out: {reason}" for reason in documents.left_out)]
    if found.pages:
        lines.append(f"{wanted.questions}: {counted(len(found.pages), 'page')} of its own")
    return lines


def _told_split(wanted: Wanted, parts: Split) -> list[str]:
    def pages(questions: Sequence[Question]) -> str:
        return counted(len({question.document for question in questions if question.document}), "page")

    lines = [
        f"split: {counted(len(parts.train), 'example')} on {pages(parts.train)},"
        f" {counted(len(parts.test), 'test question')} on {pages(parts.test)}; {_SPLIT_BY[parts.by]};"
        f" seed {wanted.seed}"
    ]
    without = sum(not q.document and not q.unanswerable for q in (*parts.train, *parts.test))
    if without:
        lines.append(
            f"  {counted(without, 'question')} without a page: whether search finds it is not measured for them"
        )
    return lines


def _why(task: str, questions: Sequence[Question]) -> str:
    if task == "label":
        return counted(len(labels_of(questions)), "different answer")
    lengths = sorted(len(tokens(question.answer)) for question in questions if not question.unanswerable)
    if not lengths:
        return "no question has an answer"
    middle = lengths[(len(lengths) - 1) // 2]
    if lengths[0] == lengths[-1]:
        return f"answers of {counted(middle, 'word')}"
    return f"answers of {lengths[0]} to {lengths[-1]} words, the median {middle}"


def _instruction(found: Intake) -> str | None:
    """Return the system prompt that most of the questions have; None where most have none."""
    prompts = Counter(question.system for question in found.questions)
    return prompts.most_common(1)[0][0]
