"""Answers of Cost Explorer that were paid for, kept for as long as the bill is not refreshed (three times a day).

An entry is served only for the very same request, only while it is young, and only if nothing in it was changed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from contracts import keys
from cost_reports.cost_explorer.requests import Request, canonical
from lambdas.common.runtime import one_line
from lambdas.common.store import MissingObjectError, Results

TTL = timedelta(hours=8)


class TextStore(Protocol):
    """Where entries lie. `get` gives None where there is no readable text of that name."""

    def get(self, name: str) -> str | None: ...

    def put(self, name: str, text: str) -> None: ...


class BucketCache:
    """Entries as objects below the experiment's reports.

    Where the bucket refuses, nothing is found or kept: that costs requests, but must cost no report. `fault` is the
    first refusal, on one line.
    """

    def __init__(self, results: Results, experiment: str) -> None:
        self._results = results
        self._prefix = keys.report_prefix(experiment, "cache")
        self.fault: str | None = None

    def get(self, name: str) -> str | None:
        try:
            return self._results.read_text(f"{self._prefix}{name}")
        except (MissingObjectError, UnicodeDecodeError):
            return None
        except (ClientError, BotoCoreError) as error:
            self._refused(error)
            return None

    def put(self, name: str, text: str) -> None:
        try:
            self._results.write_text(f"{self._prefix}{name}", text)
        except (ClientError, BotoCoreError) as error:
            self._refused(error)

    def _refused(self, error: Exception) -> None:
        self.fault = self.fault or one_line(error)


class Renewed:
    """A store whose entries are all out of date: AWS is asked again, and the answers take their place."""

    def __init__(self, store: TextStore) -> None:
        self._store = store

    def get(self, name: str) -> None:  # noqa: ARG002  (the protocol's)
        return None

    def put(self, name: str, text: str) -> None:
        self._store.put(name, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """All pages of one request. `read_at` is when AWS gave them, ISO 8601 UTC."""

    pages: list[dict[str, Any]]
    read_at: str
    cached: bool = False


def recall(store: TextStore, request: Request, now: datetime) -> Answer | None:
    """Return the kept answer of `request`; None where it is missing, old, damaged, or of another request."""
    text = store.get(_name(request))
    if text is None:
        return None
    try:
        entry = json.loads(text)
        kept, read_at, pages = entry["request"], entry["read_at"], entry["pages"]
        age = now - datetime.fromisoformat(read_at)
    except (ValueError, KeyError, TypeError):
        return None
    whole = entry.get("sha256") == _sha256(kept, read_at, pages)
    # A time to come was written by a wrong clock: the age of the entry is not known.
    if not whole or kept != request.canonical or not timedelta(0) <= age < TTL:
        return None
    return Answer(pages=pages, read_at=read_at, cached=True)


def keep(store: TextStore, request: Request, answer: Answer) -> None:
    """Keep an answer for the reports of the next hours."""
    kept = request.canonical
    entry = {
        "request": kept,
        "read_at": answer.read_at,
        "pages": answer.pages,
        "sha256": _sha256(kept, answer.read_at, answer.pages),
    }
    store.put(_name(request), canonical(entry))


def _name(request: Request) -> str:
    return f"{request.digest}.json"


def _sha256(request: str, read_at: str, pages: object) -> str:
    return hashlib.sha256(canonical([request, read_at, pages]).encode()).hexdigest()
