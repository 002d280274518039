"""Questions as teams have them: CSV, JSON Lines, a JSON array, SQuAD, fine-tuning and evaluation files.

The format of a file is recognised once. What was guessed is told, and what a file lacks is one error for all of it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cost_reports.text import counted
from ladder.intake.columns import Row, guess, header_of, is_true, tags_of, text_of
from ladder.intake.shapes import RawQuestion, Record, is_squad, read_squad, shape_of
from ladder.intake.text_files import IntakeError, read_text

FORMATS = "CSV, JSON Lines, a JSON array, SQuAD JSON, or a fine-tuning or evaluation file of Bedrock or OpenAI"
#: Fields of one object that hold all records, in files that are one JSON object.
_LISTS = ("data", "questions", "examples", "items", "records", "rows")
_BEDROCK = {
    ("prompt", "referenceResponse"): "Bedrock evaluation (prompt, referenceResponse)",
    ("prompt", "completion"): "Bedrock fine-tuning (prompt, completion)",
}
#: The first line by which Excel knows the separator.
_EXCEL_SEPARATOR = re.compile(r"\A\s*\"?sep=.\"?\n", re.IGNORECASE)
#: What messages call a field, where that differs.
FIELDS = {"document": "page"}
_LONGEST_CELL = 2**31 - 1
_SAMPLE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The questions of a file, its format, what was guessed, what was left out, and the pages that it brings itself."""

    format: str
    questions: tuple[RawQuestion, ...]
    guesses: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    pages: Mapping[str, str] = field(default_factory=dict)


def read_questions(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    is_page: Callable[[str], bool] = lambda _name: False,
) -> Intake:
    """Return the questions of `path`.

    Args:
        columns: field -> column, where the user says it.
        encoding: of the file; None for UTF-8 or what its byte order mark says.
        is_page: whether a document is called so.

    Raises:
        IntakeError: the file cannot be read, is in another format, or holds no question that has an answer.
    """
    text = read_text(path, encoding)
    if not text.strip():
        raise IntakeError(f"{path}: is empty; give a file of questions ({FORMATS})")
    given = dict(columns or {})
    if text.lstrip()[0] not in "{[" and path.suffix.lower() not in (".json", ".jsonl"):
        found = _csv(path, text, given, is_page)
    else:
        document = _whole(text)
        found = (
            _complete("SQuAD JSON", *_squad(path, document["data"]))
            if is_squad(document)
            else _json(path, text, document, given, is_page)
        )
    if not found.questions:
        reasons = f" ({'; '.join(found.left_out)})" if found.left_out else ""
        raise IntakeError(f"{path}: {found.format} without a question that has an answer{reasons}; check the file")
    return found


def _squad(path: Path, articles: Sequence[Any]) -> tuple[list[RawQuestion], list[str], Mapping[str, str]]:
    squad = read_squad(path, articles)
    return list(squad.questions), [f"page: the paragraph ({counted(len(squad.pages), 'context')})"], squad.pages


def _complete(
    kind: str,
    questions: Sequence[RawQuestion | None],
    guesses: Sequence[str],
    pages: Mapping[str, str] | None = None,
    left_out: Sequence[str] = (),
) -> Intake:
    """Return the questions that can be used; the others are counted by what they lack."""
    lacking = Counter(_lack(question) for question in questions)
    lacked = [f"{counted(count, 'record')} without {lack}" for lack, count in lacking.items() if lack]
    kept = tuple(question for question in questions if question is not None and not _lack(question))
    several = sum(question.turns > 1 for question in kept)
    told = [f"question: the last turn of {counted(several, 'chat')} with several turns"] if several else []
    return Intake(
        format=kind,
        questions=kept,
        guesses=(*guesses, *told),
        left_out=(*left_out, *lacked),
        pages=pages or {},
    )


def _lack(question: RawQuestion | None) -> str:
    if question is None or not question.question:
        return "a question"
    return "" if question.answer or question.unanswerable else "an answer"


def _csv(path: Path, text: str, given: Mapping[str, str], is_page: Callable[[str], bool]) -> Intake:
    csv.field_size_limit(_LONGEST_CELL)
    text = _EXCEL_SEPARATOR.sub("", text)
    delimiter = max(",;\t|", key=lambda sign: _fit(text, sign))
    try:
        rows = [row for row in _rows(text, delimiter) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise IntakeError(f"{path}: is not CSV ({error}); save it again as CSV UTF-8") from error
    header = [name.strip() for name in rows[0]]
    if len(header) < 2:
        raise IntakeError(f"{path}: one column is not enough for questions and answers; give {FORMATS}")
    if twice := [name for name, count in Counter(header).items() if count > 1 and name]:
        raise IntakeError(f"{path}: two columns are called {twice[0]!r}; rename one of them")
    if len(rows) == 1:
        raise IntakeError(f"{path}: has a header and no row; give a file with questions")
    longer = [number for number, row in enumerate(rows[1:], start=1) if any(map(str.strip, row[len(header) :]))]
    if longer:
        what = f"{counted(len(longer), 'row')} of {len(rows) - 1:,} with more cells than the header"
        raise IntakeError(f"{path}: {what} (the first is row {longer[0]}); put cells that hold {delimiter!r} in quotes")
    records = [dict(zip(header, row, strict=False)) for row in rows[1:]]
    kind = {"\t": "CSV (tabs)", ",": "CSV"}.get(delimiter, f"CSV ({delimiter})")
    return _table(path, kind, records, header, given, is_page)


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    # A cell may hold line ends: the text goes in whole, and the reader alone splits it.
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _fit(text: str, delimiter: str) -> tuple[int, int]:
    """Return how well a delimiter splits the first rows: rows as long as the header, and its length."""
    try:
        sample = [row for row, _ in zip(_rows(text, delimiter), range(_SAMPLE), strict=False) if row]
    except csv.Error:
        return (0, 0)
    width = len(sample[0]) if sample else 0
    return (sum(len(row) == width for row in sample), width) if width > 1 else (0, 0)


def _json(path: Path, text: str, document: Any, given: Mapping[str, str], is_page: Callable[[str], bool]) -> Intake:
    records, kind = _records(path, text, document)
    wrong = sum(not isinstance(record, dict) for record in records)
    if wrong or not records:
        what = f"{counted(wrong, 'entry', 'entries')} of {len(records):,} that are no objects" if wrong else "no record"
        raise IntakeError(f"{path}: holds {what}; give {FORMATS}")
    # Evals of OpenAI's platform wrap each row.
    records = [record["item"] if isinstance(record.get("item"), dict) else record for record in records]
    shapes = [shape_of(record) for record in records]
    shape = Counter(shapes).most_common(1)[0][0]
    same = [record for record, own in zip(records, shapes, strict=True) if own is shape]
    others = len(records) - len(same)
    left_out = [f"{counted(others, 'record')} of another shape"] if others else []
    if shape is not None:
        guesses = [] if len(same) == len(records) else [f"most records are {shape.name}"]
        return _complete(shape.name, [shape.read(record) for record in same], guesses, left_out=left_out)
    header = header_of(same)
    kind = next((name for fields, name in _BEDROCK.items() if set(fields) <= set(header)), kind)
    return _table(path, kind, same, header, given, is_page, left_out)


def _whole(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _records(path: Path, text: str, document: Any) -> tuple[list[Any], str]:
    if isinstance(document, list):
        return document, "JSON array"
    if isinstance(document, dict):
        lists = [document[name] for name in _LISTS if isinstance(document.get(name), list)]
        return (lists[0], "JSON") if lists else ([document], "JSON Lines")
    records: list[Any] = []
    broken: list[tuple[int, str]] = []
    # Only "\n" ends a record: U+2028 and others may stand inside a JSON text.
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                records.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                broken.append((number, str(error)))
    if broken:
        number, why = broken[0]
        count = f"{len(broken):,} of {len(records) + len(broken):,} lines are" if len(broken) > 1 else "is"
        raise IntakeError(f"{path}:{number}: {count} not JSON ({why}); write one JSON object a line")
    return records, "JSON Lines"


def _table(
    path: Path,
    kind: str,
    records: Sequence[Record],
    header: Sequence[str],
    given: Mapping[str, str],
    is_page: Callable[[str], bool],
    left_out: Sequence[str] = (),
) -> Intake:
    names = guess(path, header, given, records, is_page)
    own = _OwnPages(is_page)
    questions = [_question(record, names, own) for record in records]
    guesses = [f"{FIELDS.get(field, field)}: column {column!r}" for field, column in names.items()]
    return _complete(kind, questions, guesses, own.pages, left_out)


def _question(record: Row, names: Mapping[str, str], own: _OwnPages) -> RawQuestion:
    cells = {field: record.get(column) for field, column in names.items()}
    answer = cells.get("answer")
    # The rows of SQuAD 2.0 at Hugging Face say by an empty list of answers that the page has none.
    none = isinstance(answer, dict) and answer.get("text") == []
    document, context = text_of(cells.get("document")), text_of(cells.get("context"))
    return RawQuestion(
        question=text_of(cells["question"]),
        answer=text_of(answer),
        document=(own.name(document, context) if context else document) or None,
        id=text_of(cells.get("id")) or None,
        unanswerable=none or is_true(cells.get("unanswerable", "")),
        tags=tags_of(cells.get("tags")),
    )


class _OwnPages:
    """The pages that rows bring themselves, each text once; `pages` is their text by name."""

    def __init__(self, is_page: Callable[[str], bool]) -> None:
        self.pages: dict[str, str] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._is_page = is_page

    def name(self, document: str, context: str) -> str:
        """Return the name of a row's page: of the document that it names, or else of the text that it brings."""
        if document and self._is_page(document):
            return document
        known = self._names.get((document, context))
        if known is None:
            known = (
                document if document and document not in self.pages else f"{document or 'page'} {len(self.pages) + 1}"
            )
            self._names[document, context] = known
            self.pages[known] = context
        return known
