"""Errors that a person can act on: one line that says what is wrong, where, and what to do."""

from __future__ import annotations


class LadderError(Exception):
    """Shown as `error: <text>` with exit code 1; never with a traceback."""
