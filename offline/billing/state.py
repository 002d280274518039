"""What billing keeps, in one SQLite file: it outlives the buckets that the usage was read from."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["request", "row", "setting", "tag", "backfill", "export", "monitor", "subscription"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY, etag TEXT NOT NULL, bucket TEXT NOT NULL, tags TEXT NOT NULL, text TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (kind, id)
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageObject:
    """An object of usage rows. `tags` are those of its bucket."""

    key: str
    etag: str
    bucket: str
    tags: Mapping[str, str]
    text: str


class Store:
    """Usage objects by key, and JSON documents by kind and id. Not safe between threads: the engine has a lock.

    `usage_version` changes with the usage objects, `version` with everything.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(directory / "bill.sqlite", check_same_thread=False)
        self._database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _SCHEMA)
        self.version = self.usage_version = 0

    def close(self) -> None:
        self._database.close()

    # -- usage

    def etags(self) -> dict[str, str]:
        return dict(self._database.execute("SELECT key, etag FROM objects"))

    def put_objects(self, objects: Iterable[UsageObject]) -> None:
        """Add objects, or replace them."""
        values = [(o.key, o.etag, o.bucket, json.dumps(dict(o.tags)), o.text) for o in objects]
        with self._database:
            self._database.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", values)
        self.version += 1
        self.usage_version += 1

    def objects(self) -> list[UsageObject]:
        rows = self._database.execute("SELECT key, etag, bucket, tags, text FROM objects ORDER BY key")
        return [
            UsageObject(key=key, etag=etag, bucket=bucket, tags=json.loads(tags), text=text)
            for key, etag, bucket, tags, text in rows
        ]

    # -- documents

    def all(self, kind: Kind) -> dict[str, Any]:
        """Return id -> document, in the order of their first writing."""
        query = "SELECT id, document FROM records WHERE kind = ? ORDER BY rowid"
        return {name: json.loads(document) for name, document in self._database.execute(query, (kind,))}

    def get(self, kind: Kind, name: str) -> Any:
        """Return the document; None for an unknown id."""
        query = "SELECT document FROM records WHERE kind = ? AND id = ?"
        row = self._database.execute(query, (kind, name)).fetchone()
        return None if row is None else json.loads(row[0])

    def count(self, kind: Kind) -> int:
        (number,) = self._database.execute("SELECT count(*) FROM records WHERE kind = ?", (kind,)).fetchone()
        return int(number)

    def put(self, kind: Kind, documents: Mapping[str, Any]) -> None:
        """Add or replace documents, all of them or none."""
        values = [(kind, name, json.dumps(document)) for name, document in documents.items()]
        text = "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET document = excluded.document"
        with self._database:
            self._database.executemany(text, values)
        self.version += 1

    def delete(self, kind: Kind, name: str) -> None:
        with self._database:
            self._database.execute("DELETE FROM records WHERE kind = ? AND id = ?", (kind, name))
        self.version += 1

    def clear(self, kind: Kind) -> None:
        with self._database:
            self._database.execute("DELETE FROM records WHERE kind = ?", (kind,))
        self.version += 1
