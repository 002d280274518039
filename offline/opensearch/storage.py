"""What outlives the process: indexes, aliases and documents in one SQLite file. Sources are read back from it for hits,
so that only vectors, postings and filter columns take memory."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

FILE = "opensearch.sqlite3"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS indexes (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL,
    uuid TEXT NOT NULL, created INTEGER NOT NULL, properties TEXT NOT NULL, settings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS aliases (alias TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (alias, name));
CREATE TABLE IF NOT EXISTS documents (seq INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL,
    id TEXT NOT NULL, source TEXT NOT NULL, vector BLOB);
CREATE INDEX IF NOT EXISTS documents_of ON documents (number, seq);
"""


class Storage:
    """One connection behind one lock; SQLite serialises writers anyway."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(directory / FILE, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def indexes(self) -> list[tuple[int, str, str, int, dict[str, Any], dict[str, Any]]]:
        """(number, name, uuid, created in ms, properties, settings) of every index."""
        with self._lock:
            rows = self._db.execute("SELECT number, name, uuid, created, properties, settings FROM indexes").fetchall()
        return [(n, name, uuid, created, json.loads(p), json.loads(s)) for n, name, uuid, created, p, s in rows]

    def create_index(self, name: str, uuid: str, created: int, properties: Any, settings: Any) -> int:
        """The number of the new index."""
        values = (name, uuid, created, json.dumps(properties), json.dumps(settings))
        with self._lock:
            cursor = self._db.execute(
                "INSERT INTO indexes (name, uuid, created, properties, settings) VALUES (?, ?, ?, ?, ?)", values
            )
        assert cursor.lastrowid is not None  # noqa: S101  (an INSERT always has one)
        return cursor.lastrowid

    def update_properties(self, number: int, properties: Any) -> None:
        with self._lock:
            self._db.execute("UPDATE indexes SET properties = ? WHERE number = ?", (json.dumps(properties), number))

    def delete_index(self, number: int, name: str) -> None:
        with self._lock, self._transaction():
            self._db.execute("DELETE FROM documents WHERE number = ?", (number,))
            self._db.execute("DELETE FROM indexes WHERE number = ?", (number,))
            self._db.execute("DELETE FROM aliases WHERE name = ?", (name,))

    def aliases(self) -> list[tuple[str, str]]:
        with self._lock:
            return self._db.execute("SELECT alias, name FROM aliases ORDER BY alias, name").fetchall()

    def replace_aliases(self, pairs: Iterable[tuple[str, str]]) -> None:
        with self._lock, self._transaction():
            self._db.execute("DELETE FROM aliases")
            self._db.executemany("INSERT INTO aliases VALUES (?, ?)", pairs)

    def insert(self, number: int, documents: Iterable[tuple[str, str, bytes | None]]) -> list[int]:
        """Sequence numbers of the (id, source JSON, float32 vector) triples, all in one transaction."""
        numbers: list[int] = []
        with self._lock, self._transaction():
            for identifier, source, vector in documents:
                cursor = self._db.execute(
                    "INSERT INTO documents (number, id, source, vector) VALUES (?, ?, ?, ?)",
                    (number, identifier, source, vector),
                )
                numbers.append(cursor.lastrowid or 0)
        return numbers

    def delete(self, numbers: Iterable[int]) -> None:
        with self._lock, self._transaction():
            self._db.executemany("DELETE FROM documents WHERE seq = ?", [(n,) for n in numbers])

    def source(self, seq: int) -> dict[str, Any]:
        """The source of a document without its vector; empty where it was deleted meanwhile."""
        with self._lock:
            row = self._db.execute("SELECT source FROM documents WHERE seq = ?", (seq,)).fetchone()
        return dict(json.loads(row[0])) if row else {}

    def documents(self, number: int) -> Iterator[tuple[int, str, dict[str, Any], bytes | None]]:
        """(seq, id, source, vector) in the order of writing, read in pages so that memory stays small."""
        last = 0
        while True:
            with self._lock:
                page = self._db.execute(
                    "SELECT seq, id, source, vector FROM documents WHERE number = ? AND seq > ? ORDER BY seq LIMIT 500",
                    (number, last),
                ).fetchall()
            if not page:
                return
            for seq, identifier, source, vector in page:
                yield seq, identifier, json.loads(source), vector
            last = page[-1][0]

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN")

    def __exit__(self, kind: object, *rest: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
