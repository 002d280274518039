"""The indexes of one endpoint and their names: making, describing and removing them, aliases."""

from __future__ import annotations

import secrets
import threading
import time
from pathlib import Path
from typing import Any

from offline.opensearch.errors import ApiError, bad_request, index_missing, outside
from offline.opensearch.index import NEVER, Index
from offline.opensearch.mapping import Flavour, check_name, parse_body
from offline.opensearch.storage import Storage

Json = dict[str, Any]


class Catalogue:
    """Thread-safe. `visibility_delay_s`: how long a write, or a new index, stays invisible to searches."""

    def __init__(self, directory: Path, flavour: Flavour, visibility_delay_s: float = 0.0) -> None:
        self.flavour = flavour
        self._delay = visibility_delay_s
        self._storage = Storage(directory)
        self._lock = threading.Lock()
        self._indexes: dict[str, Index] = {}
        self._aliases: dict[str, set[str]] = {}
        for number, name, uuid, created, properties, settings in self._storage.indexes():
            index = Index(self._storage, number, name, uuid, created, properties, settings, visibility_delay_s)
            index.load()
            self._indexes[name] = index
        for alias, name in self._storage.aliases():
            self._aliases.setdefault(alias, set()).add(name)

    @property
    def serverless(self) -> bool:
        return self.flavour != "managed"

    def close(self) -> None:
        self._storage.close()

    def create_index(self, name: str, body: Json) -> Json:
        check_name(name)
        properties, settings = parse_body(body, self.flavour)
        with self._lock:
            if name in self._indexes or name in self._aliases:
                raise bad_request("resource_already_exists_exception", f"index [{name}] already exists")
            uuid, created = secrets.token_urlsafe(16), int(time.time() * 1000)
            number = self._storage.create_index(name, uuid, created, properties, settings)
            index = Index(self._storage, number, name, uuid, created, properties, settings, self._delay)
            if not self.serverless:
                index.searchable_at = -NEVER
            self._indexes[name] = index
        return {"acknowledged": True, "shards_acknowledged": True, "index": name}

    def delete_index(self, name: str) -> Json:
        with self._lock:
            index = self._indexes.pop(name, None)
            if index is None:
                raise index_missing(name)
            for names in self._aliases.values():
                names.discard(name)
            self._aliases = {alias: names for alias, names in self._aliases.items() if names}
        # Not under the engine's lock: a bulk request takes the two locks in the other order.
        with index.lock:
            self._storage.delete_index(index.number, name)
        return {"acknowledged": True}

    def exists(self, name: str) -> bool:
        with self._lock:
            return name in self._indexes or name in self._aliases

    def describe(self, name: str) -> Json:
        index = self.index(name)
        dynamic = index.settings.get("mapping.dynamic")
        settings = {key: str(value) for key, value in index.settings.items() if key != "mapping.dynamic"}
        settings |= {"uuid": index.uuid, "creation_date": str(index.created), "provided_name": index.name}
        with self._lock:
            aliases: Json = {alias: {} for alias, names in self._aliases.items() if index.name in names}
        mappings: Json = {"properties": index.properties} | ({"dynamic": dynamic} if dynamic else {})
        return {index.name: {"aliases": aliases, "mappings": mappings, "settings": {"index": settings}}}

    def mapping(self, name: str) -> Json:
        return {key: {"mappings": value["mappings"]} for key, value in self.describe(name).items()}

    def add_fields(self, name: str, body: Json) -> Json:
        """New fields join the mapping; a field that exists must stay as it is."""
        index = self.index(name)
        with index.lock:
            properties, _ = parse_body({"settings": index.settings, "mappings": body}, self.flavour)
            for field, definition in properties.items():
                if index.properties.get(field, definition) != definition:
                    reason = f"mapper [{field}] cannot be changed from {index.properties[field]} to {definition}"
                    raise bad_request("illegal_argument_exception", reason)
            index.map({f: d for f, d in properties.items() if f not in index.properties})
        return {"acknowledged": True}

    def update_aliases(self, body: Json) -> Json:
        """All actions or none, so that an alias can be swapped from one index to the next."""
        with self._lock:
            changed = {alias: set(names) for alias, names in self._aliases.items()}
            for action in body.get("actions", []):
                (verb, options), *more = action.items()
                if more or verb not in ("add", "remove") or set(options) - {"index", "alias"}:
                    raise outside(f"the alias action [{verb}] with {sorted(options)}")
                name, alias = options.get("index"), options.get("alias")
                if name not in self._indexes:
                    raise index_missing(str(name))
                if verb == "add":
                    check_name(str(alias))
                    if alias in self._indexes:
                        raise bad_request("invalid_alias_name_exception", f"an index exists with the name [{alias}]")
                    changed.setdefault(str(alias), set()).add(name)
                elif name not in changed.get(str(alias), set()):
                    raise ApiError(404, "aliases_not_found_exception", f"aliases [{alias}] missing")
                else:
                    changed[str(alias)].discard(name)
            self._aliases = {alias: names for alias, names in changed.items() if names}
            self._storage.replace_aliases((a, n) for a, names in self._aliases.items() for n in sorted(names))
        return {"acknowledged": True}

    def index(self, name: str, *, writing: bool = False) -> Index:
        with self._lock:
            if name in self._indexes:
                return self._indexes[name]
            names = self._aliases.get(name, set())
            if not names:
                raise index_missing(name)
            if len(names) > 1:
                raise outside(f"{'writing' if writing else 'reading'} through the alias [{name}] of several indexes")
            return self._indexes[next(iter(names))]

    def searchable(self, name: str) -> Index:
        if any(c in name for c in "*,"):
            raise outside(f"the index expression [{name}]")
        index = self.index(name)
        if not index.searchable:
            raise index_missing(name)
        return index
