"""Where the documents of the money commands go: the terminal, and the files that the user names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cost_reports.render import html, markdown, terminal
from cost_reports.render.document import Document
from ladder.errors import LadderError
from ladder.files import write_text

#: How the names of written files end: a slip must not write over an experiment.
FORMS = {"--json": (".json",), "--csv": (".csv",), "--html": (".html", ".htm"), "--markdown": (".md", ".markdown")}


@dataclass(frozen=True, slots=True)
class Output:
    """A result in all its forms: a document for people, JSON, and the lines of a CSV file."""

    document: Document
    json: str
    csv: str


def show(
    output: Output, json_file: Path | None, csv_file: Path | None, html_file: Path | None, markdown_file: Path | None
) -> None:
    """Print the document, and write each form whose file is named."""
    texts = {
        "--json": (json_file, output.json),
        "--csv": (csv_file, output.csv),
        "--html": (html_file, html.render(output.document)),
        "--markdown": (markdown_file, markdown.render(output.document)),
    }
    print_document(output.document, write_forms(texts))


def write_forms(texts: Mapping[str, tuple[Path | None, str]]) -> list[str]:
    """Write each form, by its option, whose file is named; return a line for each file.

    Raises:
        LadderError: a name has the suffix of another form; nothing is written then.
    """
    named = [(option, path, text) for option, (path, text) in texts.items() if path is not None]
    for option, path, _ in named:
        if path.suffix not in FORMS[option]:
            raise LadderError(f"{option} {path}: the name must end in {FORMS[option][0]}")
    for _, path, text in named:
        write_text(path, text)
    return [f"  {path}" for _, path, _ in named]


def print_document(document: Document, written: Sequence[str] = ()) -> None:
    """Print a document, and last the files that were `written` of it."""
    terminal.render(document, Console(), written)
