"""Which column of a table of questions holds what: by its name, and for pages by what stands in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ladder.intake.text_files import IntakeError, storable

#: What a question file can say, and how columns are called that say it, best first. See `_plain`.
COLUMNS: dict[str, tuple[str, ...]] = {
    "question": (
        *("question", "query", "userinput", "prompt", "input", "utterance", "instruction", "message", "text", "user"),
        *("request", "q", "frage", "pregunta", "pergunta", "domanda", "質問", "问题", "問題", "질문"),
    ),
    "answer": (
        *("answer", "answers", "referenceanswer", "referenceresponse", "referenceoutput", "reference", "groundtruth"),
        *("groundtruths", "expectedanswer", "expectedoutput", "expectedresponse", "expected", "goldanswer", "ideal"),
        *("completion", "response", "output", "label", "intent", "class", "category", "target", "gold", "a"),
        *("antwort", "réponse", "reponse", "respuesta", "resposta", "risposta", "回答", "答え", "答案", "답변"),
    ),
    "document": (
        *("document", "documentid", "docid", "doc", "golddocument", "page", "pageid", "source", "sourceid"),
        *("sourcefile", "sourcedocument", "referencedocument", "file", "filename", "filepath", "path", "url", "uri"),
        *("link", "article", "title", "quelle", "seite", "datei", "fuente", "fonte", "ページ", "文档", "문서"),
    ),
    "context": ("context", "contexts", "referencecontexts", "passage", "passages", "paragraph"),
    "id": ("id", "questionid", "qid", "uuid", "number", "nr", "no"),
    "unanswerable": ("unanswerable", "isimpossible", "impossible", "noanswer"),
    "tags": ("tags", "tag", "category", "topic", "type", "kind", "section"),
}
NEEDED = ("question", "answer")
_TRUE = frozenset({"true", "yes", "y", "1", "x", "wahr", "ja"})

Row = Mapping[str, Any]


def guess(
    path: Path, header: Sequence[str], given: Mapping[str, str], rows: Sequence[Row], is_page: Callable[[str], bool]
) -> dict[str, str]:
    """Return field -> the column that holds it. Each column serves one field, and what is `given` is taken as it is.

    The column of pages is the first one with a fitting name of which at least half name a page; where no such column
    does, any other that does.

    Raises:
        IntakeError: a given column or field does not exist, or no column holds questions or answers.
    """
    for field, column in given.items():
        if field not in COLUMNS:
            raise IntakeError(f"--column {field}={column}: {field!r} is unknown; use one of {', '.join(COLUMNS)}")
        if column and column not in header:
            raise IntakeError(f"--column {field}={column}: {path} has no such column; it has {_listed(header)}")
    names = {field: column for field, column in given.items() if column}
    for field, candidates in COLUMNS.items():
        if field in given:
            continue
        free = [column for column in header if column not in names.values()]
        fitting = [c for name in candidates for c in free if _plain(c) == name]
        if field == "document":
            fitting = _of_pages(fitting, free, rows, is_page) or fitting
        if fitting:
            names[field] = fitting[0]
    missing = [field for field in NEEDED if field not in names]
    if missing:
        todo = " ".join(f"--column {field}=NAME" for field in missing)
        raise IntakeError(
            f"{path}: which column holds the {' and the '.join(missing)}? It has {_listed(header)}; {todo}"
        )
    return names


def _of_pages(fitting: list[str], free: list[str], rows: Sequence[Row], is_page: Callable[[str], bool]) -> list[str]:
    taken = {name for field in ("context", "id", "unanswerable") for name in COLUMNS[field]}
    others = [column for column in free if column not in fitting and _plain(column) not in taken]
    found = []
    for column in (*fitting, *others):
        values = [value for row in rows if (value := text_of(row.get(column)))]
        if values and 2 * sum(map(is_page, values)) >= len(values):
            found.append(column)
    return found


def _plain(name: str) -> str:
    """Return a column's name without case, spaces and signs: `Is_Impossible` is `isimpossible`."""
    return "".join(character for character in name.casefold() if character.isalnum())


def _listed(header: Sequence[str]) -> str:
    more = f" and {len(header) - 12} more" if len(header) > 12 else ""
    return ", ".join(repr(storable(name)[:40]) for name in header[:12]) + more


def header_of(records: Iterable[Row]) -> list[str]:
    """Return all names that records have, in the order in which they first stand."""
    return list(dict.fromkeys(str(name) for record in records for name in record))


def text_of(value: Any) -> str:
    """Return a cell as text: of a list the first entry, of content blocks their text, of `{"text": ...}` that text."""
    if isinstance(value, list):
        blocks = [block["text"] for block in value if isinstance(block, dict) and "text" in block]
        return storable("\n".join(map(str, blocks))) if blocks else text_of(value[0] if value else None)
    if isinstance(value, dict):
        return text_of(value.get("text") or value.get("content"))
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else storable(str(value))


def is_true(value: Any) -> bool:
    """Return whether a cell says yes."""
    return str(value).strip().casefold() in _TRUE


def tags_of(value: Any) -> tuple[str, ...]:
    """Return the tags of a cell: a list, or words between commas or semicolons."""
    items = value if isinstance(value, list) else str(value or "").replace(";", ",").split(",")
    return tuple(tag for tag in (storable(str(item)) for item in items) if tag)
