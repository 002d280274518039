"""One file as the title and text of a page: Markdown, plain text, HTML, PDF, Word. Parsers load when needed."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

from ladder.experiment.files import heading
from ladder.intake.text_files import IntakeError, read_text, storable

Page = tuple[str, str]

_FRONT_MATTER = re.compile(r"---[ \t]*\n(?P<fields>(?:.*\n)*?)---[ \t]*(?:\n|\Z)")
_FRONT_TITLE = re.compile(r"^title:(.*)$", re.MULTILINE)
#: Parts of a web page that are the same on every page.
_FURNITURE = ("script", "style", "nav", "header", "footer", "aside", "noscript", "template", "svg", "form", "button")
#: Titles that programs write when no person did.
_NO_TITLE = re.compile(r"untitled.*|microsoft \w+ - .*|.*\.(?:docx?|pdf|indd|tex|dvi)|document\d*|", re.IGNORECASE)


def read_page(path: Path, encoding: str | None = None) -> Page | None:
    """Return (title, text) of a file, either of which may be empty; None where files of its suffix are no pages.

    Raises:
        IntakeError: the file is damaged, protected or not what its suffix says.
    """
    reader = READERS.get(path.suffix.lower())
    return None if reader is None else reader(path, encoding)


def _text(path: Path, encoding: str | None) -> Page:
    return "", storable(read_text(path, encoding))


def _markdown(path: Path, encoding: str | None) -> Page:
    text, title = read_text(path, encoding), ""
    if front := _FRONT_MATTER.match(text):
        named = _FRONT_TITLE.search(front["fields"])
        title, text = (named[1].strip().strip("\"'") if named else ""), text[front.end() :]
    return title or heading(text), storable(text)


def _html(path: Path, encoding: str | None) -> Page:
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    # lxml takes broken HTML as browsers do, and is several times as fast as html.parser.
    soup = BeautifulSoup(path.read_bytes(), "lxml", from_encoding=encoding)
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    for tag in soup(_FURNITURE):
        tag.decompose()
    body = soup.find("main") or soup.find("article") or soup.body or soup
    text = str(MarkdownConverter(heading_style="ATX", bullets="-", strip=["a", "img"]).convert_soup(body))
    return title or heading(text), storable(re.sub(r"\n{3,}", "\n\n", text))


def _pdf(path: Path, _encoding: str | None) -> Page:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of each oddity that it can read all the same
    reader = PdfReader(path)
    try:
        locked = reader.is_encrypted and not reader.decrypt("")
    except DependencyError:
        locked = True
    if locked:
        raise IntakeError("is encrypted; save it without a password")
    text = "\n\n".join(page.extract_text() for page in reader.pages)
    title = storable(str(reader.metadata.title or "")) if reader.metadata else ""
    return "" if _NO_TITLE.fullmatch(title) else title, storable(text)


def _docx(path: Path, _encoding: str | None) -> Page:
    import docx
    from docx.table import Table

    document = docx.Document(str(path))
    parts: list[str] = []
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            parts.append("\n".join(" | ".join(cell.text.strip() for cell in row.cells) for row in block.rows))
        elif block.text.strip():
            level = re.fullmatch(r"Heading ([1-6])", (block.style.name if block.style else "") or "")
            parts.append(f"{'#' * int(level[1])} {block.text}" if level else block.text)
    return heading("\n".join(parts)) or document.core_properties.title or "", storable("\n\n".join(parts))


READERS: dict[str, Callable[[Path, str | None], Page]] = {
    ".md": _markdown,
    ".markdown": _markdown,
    ".txt": _text,
    ".text": _text,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
    ".docx": _docx,
}
#: What messages call a file of a suffix.
KINDS = {
    ".md": "Markdown",
    ".markdown": "Markdown",
    ".txt": "text",
    ".text": "text",
    ".html": "HTML",
    ".htm": "HTML",
    ".pdf": "PDF",
    ".docx": "Word",
}
