"""The indexes of one endpoint, by name."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from offline.opensearch.errors import bad_request, index_missing, outside
from offline.opensearch.index import Index
from offline.opensearch.mapping import Flavour, check_name, parse_body
from offline.opensearch.storage import Sources

Json = dict[str, Any]


class Indexes:
    """Thread-safe. `visibility_delay_s`: how long a write, or a new index, stays invisible to searches."""

    def __init__(self, directory: Path, flavour: Flavour, visibility_delay_s: float = 0.0) -> None:
        self.flavour = flavour
        self._delay = visibility_delay_s
        self._sources = Sources(directory)
        self._lock = threading.Lock()
        self._indexes: dict[str, Index] = {}

    @property
    def serverless(self) -> bool:
        return self.flavour != "managed"

    def close(self) -> None:
        self._sources.close()

    def create_index(self, name: str, body: Json) -> Json:
        check_name(name)
        properties = parse_body(body, self.flavour)
        with self._lock:
            if name in self._indexes:
                raise bad_request("resource_already_exists_exception", f"index [{name}] already exists")
            # Only a serverless collection needs a while until it can search a new index.
            wait_s = self._delay if self.serverless else 0.0
            self._indexes[name] = Index(name, properties, self._sources, delay_s=self._delay, searchable_after_s=wait_s)
        return {"acknowledged": True, "shards_acknowledged": True, "index": name}

    def delete_index(self, name: str) -> Json:
        with self._lock:
            index = self._indexes.pop(name, None)
        if index is None:
            raise index_missing(name)
        with index.lock:
            index.clear()
        return {"acknowledged": True}

    def exists(self, name: str) -> bool:
        with self._lock:
            return name in self._indexes

    def index(self, name: str) -> Index:
        with self._lock:
            if name not in self._indexes:
                raise index_missing(name)
            return self._indexes[name]

    def searchable(self, name: str) -> Index:
        if any(c in name for c in "*,"):
            raise outside(f"the index expression [{name}]")
        index = self.index(name)
        if not index.searchable:
            raise index_missing(name)
        return index
