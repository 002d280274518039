"""`ladder init`: an experiment folder out of what a team has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder; what exists is never overwritten.")],
    questions: Annotated[
        Path,
        typer.Option(
            help="CSV, JSON Lines, a JSON array, SQuAD JSON, or a fine-tuning or evaluation file of Bedrock or OpenAI."
        ),
    ],
    documents: Annotated[
        Path | None,
        typer.Option(help="Folder or file: Markdown, text, HTML, PDF, Word. Not needed if the questions bring pages."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the experiment; default: made of the folder's name.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN",
            help="Instead of a guess: question, answer, document, context, id, unanswerable or tags; may be repeated.",
        ),
    ] = None,
    test_share: Annotated[float, typer.Option(help="Share of the questions that are the test.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the split and of later draws.")] = 20261123,
    encoding: Annotated[
        str | None, typer.Option(help="Of text files that are not UTF-8 or UTF-16, for example cp1252.")
    ] = None,
) -> None:
    """Make an experiment folder out of a file of questions and a folder of documents.

    Says what it guessed and what it left out. Nothing is sent anywhere.
    """
    from rich.console import Console

    from cost_reports.text import printable
    from ladder.intake.make import Wanted, make, parse_column

    wanted = Wanted(
        folder=folder,
        questions=questions,
        documents=documents,
        name=name,
        seed=seed,
        test_share=test_share,
        columns=dict(map(parse_column, column or ())),
        encoding=encoding,
    )
    with Console(stderr=True).status("reading") as status:
        lines = make(wanted, lambda done, of: status.update(f"reading documents: {done:,} of {of:,}"))
    for line in lines:
        typer.echo(printable(line))
