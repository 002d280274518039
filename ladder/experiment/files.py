"""The files of an experiment folder as records, each with the place it came from. What cannot be read is a problem."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, TypeVar

from contracts.experiment import Document
from ladder.experiment.validation import Location, Problems, Sourced, parse_yaml, validated

T = TypeVar("T")
PAGE_SUFFIXES = (".md", ".txt")
DOCUMENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_FRONT_MATTER = re.compile(r"---[ \t]*\n(?:(.*?)\n)?---[ \t]*(?:\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)


def read_text(folder: Path, name: str, problems: Problems) -> str | None:
    """The file's text with `\\n` line ends and without a byte order mark; None (and a problem) if it cannot be read."""
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        problems.add(name, f"cannot be read ({error.strerror})", "create it, or make it readable")
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        what = f"is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
        problems.add(name, what, "save the file as UTF-8", line=line)
        return None
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def read_yaml(folder: Path, name: str, cls: type[T], problems: Problems) -> Sourced[T] | None:
    """`name` as an instance of the dataclass `cls`."""
    text = read_text(folder, name, problems)
    parsed = None if text is None else parse_yaml(text, name, 0, problems)
    if parsed is None:
        return None
    value, lines = parsed
    return validated(cls, value, name, 1, lines, problems)


def read_lines(folder: Path, name: str, cls: type[T], problems: Problems) -> list[Sourced[T]]:
    """The records of a JSON Lines file; empty lines are skipped, broken ones are problems."""
    text = read_text(folder, name, problems)
    records = []
    for number, line in enumerate((text or "").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            problems.add(name, f"is not JSON: {error}", "write one JSON object a line", line=number)
            continue
        record = validated(cls, value, name, number, {}, problems)
        if record is not None:
            records.append(record)
    return records


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} stands twice in an object")
    return dict(pairs)


def read_documents(folder: Path, name: str, problems: Problems) -> list[Sourced[Document]]:
    """All pages below `folder/name`, sorted by path."""
    root = folder / name
    if not root.is_dir():
        problems.add(f"{name}/", "is missing", "create the folder and put one .md or .txt file a page into it")
        return []
    before = len(problems.found)
    documents = []
    for path in _page_files(root, name, problems):
        document = _read_document(folder, path, problems)
        if document is not None:
            documents.append(document)
    if not documents and len(problems.found) == before:
        problems.add(f"{name}/", "holds no page", "put one .md or .txt file a page into it")
    first: dict[str, str] = {}
    for document in documents:
        other = first.setdefault(document.value.id, document.file)
        if other != document.file:
            what = f"{document.value.id!r} is the id of {other} too"
            problems.add(document.file, what, "give each page its own id", line=document.line_of("id"), field="id")
    return documents


def _page_files(root: Path, name: str, problems: Problems) -> list[str]:
    """Paths below the experiment folder. Hidden files are skipped; links to folders are not followed, they may loop."""
    found = []
    for directory, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        here = f"{name}/{Path(directory).relative_to(root).as_posix()}".removesuffix("/.")
        for link in [f for f in folders if (Path(directory) / f).is_symlink()]:
            problems.add(f"{here}/{link}", "is a link to a folder", "put the files themselves there")
        for file in sorted(f for f in files if not f.startswith(".")):
            if Path(file).suffix.lower() in PAGE_SUFFIXES:
                found.append(f"{here}/{file}")
            else:
                problems.add(f"{here}/{file}", "is not a page", "convert it to .md or .txt, or move it away")
    return found


def _read_document(folder: Path, path: str, problems: Problems) -> Sourced[Document] | None:
    text = read_text(folder, path, problems)
    if text is None:
        return None
    stem = Path(path).stem
    given: dict[str, Any] = {}
    lines: dict[Location, int] = {}
    if re.match(r"---[ \t]*\n", text):
        front = _FRONT_MATTER.match(text)
        if front is None:
            problems.add(path, "front matter is not closed", "end it with a line of three dashes", line=1)
            return None
        parsed = parse_yaml(front[1] or "", path, 1, problems)
        if parsed is None:
            return None
        given, lines = {} if parsed[0] is None else parsed[0], parsed[1]
        text = text[front.end() :]
    heading = _HEADING.search(text) if path.lower().endswith(".md") else None
    defaults = {"id": stem, "title": heading[1] if heading else stem}
    if not isinstance(given, dict) or "text" in given:
        problems.add(path, "front matter may hold id and title only", "remove the rest", line=2)
        return None
    document = validated(Document, {**defaults, **given, "text": text.strip()}, path, 1, lines, problems)
    if document is None:
        return None
    if not DOCUMENT_ID.fullmatch(document.value.id):
        todo = "use letters, digits and . _ : - (100 at most), in the file's name or as `id:` in front matter"
        what = f"{document.value.id!r} cannot be cited"
        problems.add(path, what, todo, line=document.line_of("id"), field="id")
    if not document.value.title.strip():
        problems.add(
            path, "is empty", "write a title or remove the line", line=document.line_of("title"), field="title"
        )
    if not document.value.text:
        problems.add(path, "the page is empty", "write its text or remove the file")
    return document
