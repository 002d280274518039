"""The days of a report on the command line: two options that take days of UTC, the second exclusive."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import typer

from ladder.errors import LadderError


def _day(text: str) -> Any:
    return typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help=text)


Since = Annotated[datetime | None, _day("First day (UTC); default: the first day of the previous month.")]
Until = Annotated[datetime | None, _day("The day after the last one; default: tomorrow.")]


def need_order(first: date, end: date) -> None:
    """
    Raises:
        LadderError: no day lies between them.
    """
    if end <= first:
        raise LadderError(f"--until {end} is not after --since {first}; it is the first day that is left out")
