"""The options that several commands share, each written once. Imports nothing heavy: `ladder --help` stays fast."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ladder.errors import LadderError

ExperimentFolder = Annotated[
    Path, typer.Option("--experiment", "-e", help="Folder with experiment.yaml, documents/ and questions.*.jsonl.")
]
OutFolder = Annotated[Path, typer.Option("--out", "-o", help="Where runs and reports are written.")]
Region = Annotated[str, typer.Option(help="AWS region whose prices are used.")]
PriceFile = Annotated[Path | None, typer.Option("--prices", help="A price file; default: the newest that ships.")]

JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the result there as JSON.")]
CsvFile = Annotated[Path | None, typer.Option("--csv", help="Write its lines there as CSV.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="Write one self-contained page there.")]
MarkdownFile = Annotated[Path | None, typer.Option("--markdown", help="Write it there as Markdown.")]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print everything that the report says, and the time of each step.")
]

EXPERIMENT = Path("experiments/handbook")
OUT = Path("out")
REGION = "us-east-1"


def _day(text: str) -> Any:
    return typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help=text)


Since = Annotated[datetime | None, _day("First day (UTC); default: the first day of the previous month.")]
Until = Annotated[datetime | None, _day("The day after the last one; default: tomorrow.")]


def days(since: datetime | None, until: datetime | None) -> tuple[date | None, date | None]:
    """Return the days of `--since` and `--until`.

    Raises:
        LadderError: both are given, and no day lies between them.
    """
    first, end = since and since.date(), until and until.date()
    if first and end and end <= first:
        raise LadderError(f"--until {end} is not after --since {first}; it is the first day that is left out")
    return first, end
