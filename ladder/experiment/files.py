"""The files of an experiment folder as records, each with the place it came from. What cannot be read is a problem."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from contracts.experiment import Document
from ladder.experiment.validation import Problem, Source, Sourced, parse_yaml, validated

T = TypeVar("T")
PAGE_SUFFIXES = (".md", ".txt")
DOCUMENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_FRONT_MATTER = re.compile(r"---[ \t]*\n(?:(.*?)\n)?---[ \t]*(?:\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"#{1,6}\s")


def read_text(folder: Path, source: Source) -> str | None:
    """Return the file's text, with `\\n` line ends and without a byte order mark; None, and a problem, without one."""
    path = folder / source.file
    try:
        if path.exists() and not path.is_file():
            # A pipe or a device might block for ever.
            source.problem("is not a regular file", "put the file itself there")
            return None
        data = path.read_bytes()
    except OSError as error:
        source.problem(f"cannot be read ({error.strerror})", "create it, or make it readable")
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        what = f"is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
        source.at(line).problem(what, "save the file as UTF-8")
        return None
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def read_yaml(folder: Path, name: str, problems: list[Problem]) -> tuple[Any, Source] | None:
    """Return the plain values of the file, and where they stand."""
    source = Source(file=name, problems=problems)
    text = read_text(folder, source)
    place = source.at(1)
    parsed = None if text is None else parse_yaml(text, place)
    return None if parsed is None else (parsed[0], place)


def read_lines(folder: Path, name: str, cls: type[T], problems: list[Problem]) -> list[Sourced[T]]:
    """Return the records of a JSON Lines file; empty lines are skipped, broken ones are problems."""
    source = Source(file=name, problems=problems)
    text = read_text(folder, source) or ""
    if (other := _other_format(text)) is not None:
        source.problem(f"is {other}, not JSON Lines", "make a folder of it with `ladder init`")
        return []
    records = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = source.at(number)
        try:
            value = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            place.problem(f"is not JSON: {error}", "write one JSON object a line")
            continue
        records.append(validated(cls, value, place))
    return [record for record in records if record is not None]


def _other_format(text: str) -> str | None:
    """Return what a whole file is where it is not JSON Lines: that is one problem, and not one for every line."""
    whole = _json_or_none(text)
    if isinstance(whole, dict) and isinstance(whole.get("data"), list):
        return "one JSON document (SQuAD has this form)"
    if isinstance(whole, dict | list) and "\n" in text.strip():
        return "one JSON document"
    lines = [line for line in text.split("\n") if line.strip()][:5]
    if len(lines) > 1 and all(_json_or_none(line) is None and line.lstrip()[0] not in "[{" for line in lines):
        return "CSV" if any(sign in lines[0] for sign in ",;\t") else "text"
    return None


def _json_or_none(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} stands twice in an object")
    return dict(pairs)


def read_documents(folder: Path, name: str, problems: list[Problem]) -> list[Sourced[Document]]:
    """Return all pages below `folder/name`, sorted by path."""
    root = Source(file=f"{name}/", problems=problems)
    if not (folder / name).is_dir():
        root.problem("is missing", "create the folder and put one .md or .txt file a page into it")
        return []
    before = len(problems)
    pages = [_read_document(folder, source) for source in _page_files(folder / name, name, problems)]
    documents = [page for page in pages if page is not None]
    if not documents and len(problems) == before:
        root.problem("holds no page", "put one .md or .txt file a page into it")
    first: dict[str, str] = {}
    for document in documents:
        # Citations are compared without case, so ids that differ in case only would be taken for one another.
        other = first.setdefault(document.value.id.casefold(), document.source.file)
        if other != document.source.file:
            what = f"{document.value.id!r} is the id of {other} too (case aside)"
            document.source.problem(what, "give each page its own id", "id")
    return documents


def _page_files(root: Path, name: str, problems: list[Problem]) -> Iterator[Source]:
    """Yield the files of pages. Hidden files are skipped; links to folders are not followed, they may loop.

    Files that are no pages are one problem for each suffix.
    """
    others: dict[str, list[str]] = {}
    for directory, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        here = f"{name}/{Path(directory).relative_to(root).as_posix()}".removesuffix("/.")
        for link in [f for f in folders if (Path(directory) / f).is_symlink()]:
            Source(file=f"{here}/{link}", problems=problems).problem(
                "is a link to a folder", "put the files themselves there"
            )
        for file in sorted(f for f in files if not f.startswith(".")):
            source = Source(file=f"{here}/{file}", problems=problems)
            if (Path(directory) / file).is_symlink():
                source.problem("is a link", "put the file itself there")
            elif (suffix := Path(file).suffix.lower()) in PAGE_SUFFIXES:
                yield source
            else:
                others.setdefault(suffix, []).append(source.file)
    for first, *more in others.values():
        what = f"is not a page, nor are {len(more)} more of its kind" if more else "is not a page"
        todo = "make a folder of .md files with `ladder init`, or move it away"
        Source(file=first, problems=problems).problem(what, todo)


def heading(text: str) -> str:
    """Return the first Markdown heading of a text without its signs; empty without a heading."""
    for line in text.split("\n"):
        if _HEADING.match(line) and (words := line.strip().strip("#").strip()):
            return words
    return ""


def _read_document(folder: Path, source: Source) -> Sourced[Document] | None:
    text = read_text(folder, source)
    if text is None:
        return None
    place = source.at(1)
    stem = Path(source.file).stem
    given: Any = {}
    if re.match(r"---[ \t]*\n", text):
        front = _FRONT_MATTER.match(text)
        if front is None:
            place.problem("front matter is not closed", "end it with a line of three dashes")
            return None
        parsed = parse_yaml(front[1] or "", place, lines_before=1)
        if parsed is None:
            return None
        given = {} if parsed[0] is None else parsed[0]
        text = text[front.end() :]
    if not isinstance(given, dict) or "text" in given:
        source.at(2).problem("front matter may hold id and title only", "remove the rest")
        return None
    title = heading(text) if source.file.lower().endswith(".md") else ""
    defaults = {"id": stem, "title": title or stem}
    document = validated(Document, {**defaults, **given, "text": text.strip()}, place)
    if document is None:
        return None
    if not DOCUMENT_ID.fullmatch(document.value.id):
        todo = "use letters, digits and . _ : - (100 at most), in the file's name or as `id:` in front matter"
        place.problem(f"{document.value.id!r} cannot be cited", todo, "id")
    if not document.value.title.strip():
        place.problem("is empty", "write a title or remove the line", "title")
    if not document.value.text:
        source.problem("the page is empty", "write its text or remove the file")
    return document
