"""What the money commands share: options, errors of one line, and where a document goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cost_reports.render import html, markdown, terminal
from cost_reports.render.document import Document
from ladder.errors import LadderError

ExperimentFolder = Annotated[
    Path, typer.Option("--experiment", "-e", help="Folder with experiment.yaml, documents/ and questions.*.jsonl.")
]
Region = Annotated[str, typer.Option(help="AWS region whose prices are used.")]
PriceFile = Annotated[Path | None, typer.Option("--prices", help="A price file; default: the newest that ships.")]

DEFAULT_EXPERIMENT = Path("experiments/handbook")


@contextmanager
def one_line_errors() -> Iterator[None]:
    """What the money library refuses (always a ValueError of one line) becomes an error of the command."""
    try:
        yield
    except ValueError as error:
        raise LadderError(str(error)) from error


def show(document: Document, as_json: str, as_csv: str, *paths: Path | None) -> None:
    """Print the document, and write it to those of the paths (JSON, CSV, HTML, Markdown) that were asked for."""
    texts = (as_json, as_csv, html.render(document), markdown.render(document))
    written = []
    for path, text in zip(paths, texts, strict=True):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
            written.append(f"  {path}")
    print_document(document, written)


def print_document(document: Document, paths: list[str] | None = None) -> None:
    terminal.render(document, Console(), paths or [])
