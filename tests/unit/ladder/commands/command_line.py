"""The command line in this process."""

from __future__ import annotations

from typer.testing import CliRunner

from ladder.cli import app
from ladder.errors import LadderError


def run(*words: object, fails: str | None = None) -> str:
    """Run a command and return what it prints; with `fails`, its error must be one line that holds this text."""
    result = CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "160"})
    if fails is None:
        assert result.exception is None, result.exception
    else:
        assert isinstance(result.exception, LadderError), result.exception
        assert fails in str(result.exception)
        assert "\n" not in str(result.exception)
    return result.output
