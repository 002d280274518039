"""Errors that a person can act on: one line that says what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class LadderError(Exception):
    """Shown as `error: <text>` with an exit code; never with a traceback."""

    def __init__(self, text: str, *, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class InterruptionError(LadderError):
    """The user, or the system, ended the command by a signal; the exit code is the one that shells give for it."""

    def __init__(self, text: str, number: int) -> None:
        super().__init__(text, exit_code=128 + number)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what the money library refuses (always a ValueError of one line) into an error of the command."""
    try:
        yield
    except ValueError as error:
        raise LadderError(str(error)) from error
