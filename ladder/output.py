"""Where the documents of the money commands go: the terminal, and the files that the user names."""

from __future__ import annotations

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
    texts = (
        (json_file, output.json),
        (csv_file, output.csv),
        (html_file, html.render(output.document)),
        (markdown_file, markdown.render(output.document)),
    )
    written = []
    for option, path in zip(FORMS, (json_file, csv_file, html_file, markdown_file), strict=True):
        if path is not None and path.suffix not in FORMS[option]:
            raise LadderError(f"{option} {path}: the name must end in {FORMS[option][0]}")
    for path, text in texts:
        if path is not None:
            write_text(path, text)
            written.append(f"  {path}")
    terminal.render(output.document, Console(), written)


def print_document(document: Document) -> None:
    """Print a document that no file is written of."""
    terminal.render(document, Console())
