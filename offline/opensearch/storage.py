"""Sources of documents in one SQLite file: only vectors, postings and filter columns take memory.

The file belongs to one server and starts empty: the emulator, too, forgets every index when it ends.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FILE = "opensearch.sqlite3"


class Sources:
    """Thread-safe: one connection behind one lock, because SQLite serialises writers anyway."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / FILE).unlink(missing_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(directory / FILE, check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;"
            "CREATE TABLE sources (number INTEGER PRIMARY KEY, source TEXT NOT NULL);"
        )

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def add(self, sources: Iterable[dict[str, Any]]) -> list[int]:
        """Keep the sources and return their numbers, all in one transaction."""
        numbers: list[int] = []
        with self._lock, self._db:
            for source in sources:
                text = json.dumps(source, ensure_ascii=False)
                cursor = self._db.execute("INSERT INTO sources (source) VALUES (?)", (text,))
                numbers.append(cursor.lastrowid or 0)
        return numbers

    def remove(self, numbers: Iterable[int]) -> None:
        with self._lock, self._db:
            self._db.executemany("DELETE FROM sources WHERE number = ?", [(number,) for number in numbers])

    def get(self, number: int) -> dict[str, Any]:
        """Return a source; empty where it was removed meanwhile."""
        with self._lock:
            row = self._db.execute("SELECT source FROM sources WHERE number = ?", (number,)).fetchone()
        return dict(json.loads(row[0])) if row else {}
