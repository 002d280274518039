"""The pages of a folder or file, each with an id that can be cited, and what was left out and why."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.experiment import Document
from cost_reports.text import counted
from ladder.intake.readers import KINDS, read_page
from ladder.intake.text_files import IntakeError, storable

#: An id has at most 100 characters (`ladder.experiment.files.DOCUMENT_ID`); a number may follow.
_ID_LENGTH = 90
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePage:
    """A page and what it was read from: a path within the folder, or the name that the questions' file gives it."""

    document: Document
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Pages in the order of their paths, what they were read from in words, and what was left out, in words."""

    pages: tuple[SourcePage, ...]
    told: str
    left_out: tuple[str, ...]


def read_documents(
    path: Path, *, encoding: str | None = None, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Documents:
    """Return the pages of a file, or of a folder and the folders in it. Hidden files are skipped, links not followed.

    `progress` is told after each file how many of how many are done.

    Raises:
        IntakeError: there is no such file or folder, or no page in it.
    """
    if not path.exists():
        raise IntakeError(f"{path}: does not exist; name the folder of your documents")
    root = path if path.is_dir() else path.parent
    files, links = _files(path) if path.is_dir() else ([path], 0)
    pages: list[SourcePage] = []
    kinds: Counter[str] = Counter()
    reasons: dict[str, list[str]] = {}
    taken: set[str] = set()
    for number, file in enumerate(files, start=1):
        source = file.relative_to(root).as_posix()
        found = _read(file, encoding)
        if isinstance(found, str):
            reasons.setdefault(found, []).append(source)
        else:
            pages.append(page_of(source, *found, taken))
            kinds[KINDS[file.suffix.lower()]] += 1
        progress(number, len(files))
    left_out = [f"{_and_more(names)}: {why}" for why, names in reasons.items()]
    if links:
        left_out.append(f"{counted(links, 'link')}: not followed; put the files themselves there")
    if not pages:
        todo = f"give {', '.join(dict.fromkeys(KINDS.values()))} files"
        raise IntakeError(f"{path}: holds no page{': ' + '; '.join(left_out) if left_out else ''}; {todo}")
    told = f"{counted(len(pages), 'page')} ({', '.join(f'{kind} {count:,}' for kind, count in kinds.most_common())})"
    return Documents(pages=tuple(pages), told=told, left_out=tuple(left_out))


def pages_of(texts: Mapping[str, str], taken: set[str]) -> tuple[SourcePage, ...]:
    """Return the pages that the questions' file brings itself, by the name that it gives them."""
    return tuple(page_of(name, name, text, taken) for name, text in texts.items() if text)


def page_of(source: str, title: str, text: str, taken: set[str]) -> SourcePage:
    """Return the page of a source. Its id is added to `taken`; without a title the name of the source stands for it."""
    name = page_id(source, taken)
    plain = storable(" ".join(title.split())) or storable(_SUFFIX.sub("", source.rpartition("/")[2])) or name
    return SourcePage(document=Document(id=name, title=plain, text=text), source=source)


def page_id(source: str, taken: set[str]) -> str:
    """Return an id that can be cited, made of a path without its suffix, and add it to `taken`.

    Accents are dropped, and signs of other scripts too: a name of which nothing is left becomes `page-` and a number.
    Citations are compared without case, so each id is unique without case; a second one gets a number.
    """
    letters = unicodedata.normalize("NFKD", _SUFFIX.sub("", source)).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", letters).strip("-._")[:_ID_LENGTH].rstrip("-._") or f"page-{len(taken) + 1}"
    found, number = plain, 2
    while found.casefold() in taken:
        found, number = f"{plain}-{number}", number + 1
    taken.add(found.casefold())
    return found


def _files(root: Path) -> tuple[list[Path], int]:
    """Return the files below a folder, sorted, and how many links there are: they may loop, or lead out of it."""
    found: list[Path] = []
    links = 0
    for directory, folders, files in os.walk(root):
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        links += sum((Path(directory) / folder).is_symlink() for folder in folders)
        shown = [Path(directory) / file for file in files if not file.startswith(".")]
        found += [file for file in shown if not file.is_symlink()]
        links += sum(file.is_symlink() for file in shown)
    return sorted(found), links


def _and_more(names: Sequence[str]) -> str:
    return names[0] + (f" and {counted(len(names) - 1, 'more file')}" if len(names) > 1 else "")


def _read(file: Path, encoding: str | None) -> tuple[str, str] | str:
    """Return title and text of a page, or in words why the file is left out."""
    if not file.is_file():
        return "is not a regular file"
    try:
        page = read_page(file, encoding)
    except IntakeError as error:
        return str(error).removeprefix(f"{file}: ")
    except Exception as error:  # noqa: BLE001 (parsers raise anything on a damaged file, which is counted and named)
        return f"cannot be read ({type(error).__name__}); open and save it again"
    if page is None:
        return f"{file.suffix or 'without a suffix'} is not read"
    if not page[1]:
        scan = file.suffix.lower() == ".pdf"
        return "holds no text; a scan needs text recognition (OCR) first" if scan else "holds no text"
    return page
