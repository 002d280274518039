"""The indexes of one endpoint and the API calls on them, as plain functions of parsed JSON. HTTP is in `server`."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from offline.opensearch import query as queries
from offline.opensearch.bm25 import Mask
from offline.opensearch.errors import ApiError, bad_request, index_missing, outside
from offline.opensearch.index import NEVER, Index
from offline.opensearch.mapping import Flavour, check_name, parse_body
from offline.opensearch.storage import Storage

Json = dict[str, Any]
_SHARDS = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
_NO_IDS = "Document ID is not supported in create/index operation request"


class Engine:
    """Thread-safe. `visibility_delay_s`: how long a write, or a new index, stays invisible to searches."""

    def __init__(self, directory: Path, flavour: Flavour, visibility_delay_s: float = 0.0) -> None:
        self.flavour = flavour
        self._delay = visibility_delay_s
        self._storage = Storage(directory)
        self._lock = threading.Lock()
        self._indexes: dict[str, Index] = {}
        self._aliases: dict[str, set[str]] = {}
        self._points: dict[str, tuple[Index, Mask | None, int]] = {}
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

    # ---- indexes -------------------------------------------------------------------------------------------------
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
            self._points = {key: point for key, point in self._points.items() if point[0] is not index}
            with index.lock:
                self._storage.delete_index(index.number, name)
        return {"acknowledged": True}

    def exists(self, name: str) -> bool:
        with self._lock:
            return name in self._indexes or name in self._aliases

    def describe(self, name: str) -> Json:
        index = self._index(name)
        dynamic = index.settings.get("mapping.dynamic")
        settings = {key: str(value) for key, value in index.settings.items() if key != "mapping.dynamic"}
        settings |= {"uuid": index.uuid, "creation_date": str(index.created), "provided_name": index.name}
        with self._lock:
            aliases: Json = {alias: {} for alias, names in self._aliases.items() if index.name in names}
        mappings: Json = {"properties": index.properties} | ({"dynamic": dynamic} if dynamic else {})
        return {index.name: {"aliases": aliases, "mappings": mappings, "settings": {"index": settings}}}

    def mapping(self, name: str) -> Json:
        return {key: {"mappings": value["mappings"]} for key, value in self.describe(name).items()}

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

    # ---- documents -----------------------------------------------------------------------------------------------
    def bulk(self, lines: list[Any], default: str | None, refresh: bool, failing: int | None = None) -> Json:
        """The answer of `_bulk`. `failing`: this many items are refused with 429 (fault injection)."""
        started = time.monotonic()
        actions = list(_pairs(lines))
        if self.serverless and any(verb == "index" and "_id" in meta for verb, meta, _ in actions):
            raise bad_request("illegal_argument_exception", _NO_IDS)
        items: list[Json] = []
        pending: dict[str, list[tuple[str, Json, Any]]] = {}
        refused = failing or 0
        for verb, meta, source in actions:
            name = meta.get("_index", default)
            identifier = str(meta.get("_id") or secrets.token_urlsafe(15))
            try:
                index = self._index(str(name), writing=True)
                if refused > 0:
                    refused -= 1
                    raise ApiError(429, "rejected_execution_exception", "rejected execution: too many requests")
                with index.lock:
                    if verb == "index":
                        pending.setdefault(index.name, []).append((identifier, *index.check(source)))
                        result, status = "created", 201
                        if "_id" in meta and index.row_of(identifier) is not None:
                            result, status = "updated", 200
                    else:
                        self._flush(pending, refresh)
                        existed = index.remove([identifier], refresh=refresh)[0]
                        result, status = ("deleted", 200) if existed else ("not_found", 404)
                items.append({verb: _written(index.name, identifier, result) | {"status": status}})
            except ApiError as error:
                cause = {"type": error.kind, "reason": error.reason}
                item = {"_index": name, "_id": identifier, "status": error.status, "error": cause}
                items.append({verb: item})
        self._flush(pending, refresh)
        errors = any("error" in item for entry in items for item in entry.values())
        return {"took": _took(started), "errors": errors, "items": items}

    def _flush(self, pending: dict[str, list[tuple[str, Json, Any]]], refresh: bool) -> None:
        for name, documents in pending.items():
            index = self._index(name)
            with index.lock:
                index.write(documents, refresh=refresh)
        pending.clear()

    def put_document(self, name: str, identifier: str | None, source: Any, refresh: bool) -> tuple[int, Json]:
        if identifier is not None and self.serverless:
            raise bad_request("illegal_argument_exception", _NO_IDS)
        index = self._index(name, writing=True)
        with index.lock:
            known = identifier is not None and index.row_of(identifier) is not None
            identifier = identifier or secrets.token_urlsafe(15)
            index.write([(identifier, *index.check(source))], refresh=refresh)
        return (
            (200, _written(index.name, identifier, "updated"))
            if known
            else (
                201,
                _written(index.name, identifier, "created"),
            )
        )

    def delete_document(self, name: str, identifier: str, refresh: bool) -> tuple[int, Json]:
        index = self._index(name, writing=True)
        with index.lock:
            existed = index.remove([identifier], refresh=refresh)[0]
        return 200 if existed else 404, _written(index.name, identifier, "deleted" if existed else "not_found")

    def mget(self, body: Json, default: str | None) -> Json:
        wanted = body.get("docs") or [{"_id": i} for i in body.get("ids", [])]
        documents = []
        for item in wanted:
            index = self._index(str(item.get("_index", default)))
            with index.lock:
                row = index.row_of(str(item.get("_id")))
                found: Json = {"_index": index.name, "_id": item.get("_id"), "found": row is not None}
                if row is not None:
                    wants = _SourceFilter(item.get("_source", True), index.vector_name)
                    found["_source"] = wants.apply(index.source(row, with_vector=wants.vector))
            documents.append(found)
        return {"docs": documents}

    # ---- searches ------------------------------------------------------------------------------------------------
    def search(self, name: str | None, body: Any) -> Json:
        started = time.monotonic()
        body = queries.check_body(body)
        if "pit" in body:
            point = self._points.get(str((body["pit"] or {}).get("id")))
            if point is None:
                raise ApiError(404, "search_context_missing_exception", "No search context found for the point in time")
            index, frozen, size = point
        elif name is None:
            raise bad_request("illegal_argument_exception", "an index or a point in time is needed")
        else:
            index, frozen, size = self._searchable(name), None, -1
        wants = _SourceFilter(body.get("_source", True), index.vector_name)
        with index.lock:
            mask = index.visible()
            if size >= 0:
                mask = np.zeros(len(index), np.bool_)
                mask[:size] = True if frozen is None else frozen
            page = queries.search(index, body, mask)
            hits: list[Json] = []
            for position, row in enumerate(page.rows):
                score = page.scores[position] if page.scores is not None else None
                hit: Json = {"_index": index.name, "_id": index.identifier(row), "_score": score}
                if wants.any:
                    hit["_source"] = wants.apply(index.source(row, with_vector=wants.vector))
                if page.sort_values is not None:
                    hit["sort"] = page.sort_values[position]
                hits.append(hit)
        capped = page.total > queries.MAX_WINDOW and body.get("track_total_hits") is not True
        total = {"value": queries.MAX_WINDOW, "relation": "gte"} if capped else {"value": page.total, "relation": "eq"}
        best = max(page.scores) if page.scores else None
        answer = {"took": _took(started), "timed_out": False, "_shards": _SHARDS}
        return answer | {"hits": {"total": total, "max_score": best, "hits": hits}}

    def msearch(self, lines: list[Any], default: str | None) -> Json:
        started = time.monotonic()
        if len(lines) % 2:
            raise bad_request("parse_exception", "a multi search needs a header line and a body line for each search")
        responses = []
        for header, body in zip(lines[::2], lines[1::2], strict=True):
            try:
                if set(header) - {"index"}:
                    raise outside(f"the multi-search header [{min(set(header) - {'index'})}]")
                name = header.get("index", default)
                responses.append(self.search(name[0] if isinstance(name, list) else name, body) | {"status": 200})
            except ApiError as error:
                responses.append(error.body())
        return {"took": _took(started), "responses": responses}

    def count(self, name: str, body: Any) -> Json:
        index = self._searchable(name)
        if set(body) - {"query"}:
            raise bad_request("parsing_exception", f"request does not support [{min(set(body) - {'query'})}]")
        with index.lock:
            found = queries.matches(index, body.get("query", {"match_all": {}}), index.visible())
        return {"count": len(found.rows), "_shards": _SHARDS}

    def open_point(self, name: str) -> Json:
        if self.flavour == "aoss_nextgen":
            raise outside("a point in time on a NextGen collection (not documented there; use search_after)")
        index = self._searchable(name)
        with index.lock:
            point = (index, index.visible(), len(index))
        key = secrets.token_urlsafe(24)
        with self._lock:
            self._points[key] = point
        return {"pit_id": key, "_shards": _SHARDS, "creation_time": int(time.time() * 1000)}

    def close_points(self, keys: Iterable[str]) -> Json:
        with self._lock:
            pits = [{"successful": self._points.pop(k, None) is not None, "pit_id": k} for k in keys]
        return {"pits": pits}

    # ---- names ---------------------------------------------------------------------------------------------------
    def _index(self, name: str, *, writing: bool = False) -> Index:
        with self._lock:
            if name in self._indexes:
                return self._indexes[name]
            names = self._aliases.get(name, set())
            if not names:
                raise index_missing(name)
            if len(names) > 1:
                raise outside(f"{'writing' if writing else 'reading'} through the alias [{name}] of several indexes")
            return self._indexes[next(iter(names))]

    def _searchable(self, name: str) -> Index:
        if any(c in name for c in "*,"):
            raise outside(f"the index expression [{name}]")
        index = self._index(name)
        if not index.searchable:
            raise index_missing(name)
        return index


class _SourceFilter:
    """`_source` of a search: true, false, a name, names, or includes and excludes; `*` at the end of a name only."""

    def __init__(self, wanted: Any, vector_name: str | None) -> None:
        self._includes: list[str] | None = None
        self._excludes: list[str] = []
        self.any = wanted is not False
        if isinstance(wanted, str | list):
            self._includes = [wanted] if isinstance(wanted, str) else wanted
        elif isinstance(wanted, dict):
            if set(wanted) - {"includes", "excludes"}:
                raise bad_request("parsing_exception", f"unknown key in [_source]: {sorted(wanted)}")
            self._includes = wanted.get("includes")
            self._excludes = wanted.get("excludes") or []
        elif not isinstance(wanted, bool):
            raise bad_request("parsing_exception", f"[_source] cannot be {wanted!r}")
        self.vector = self.any and vector_name is not None and self._keeps(vector_name)

    def apply(self, source: Json) -> Json:
        return {name: value for name, value in source.items() if self._keeps(name)}

    def _keeps(self, name: str) -> bool:
        if any(_fits(name, pattern) for pattern in self._excludes):
            return False
        return self._includes is None or any(_fits(name, pattern) for pattern in self._includes)


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _pairs(lines: list[Any]) -> Iterable[tuple[str, Json, Any]]:
    """(verb, meta, source or None) of each action of a bulk body."""
    position = 0
    while position < len(lines):
        action = lines[position]
        if not isinstance(action, dict) or len(action) != 1:
            raise bad_request("illegal_argument_exception", f"Malformed action/metadata line [{position + 1}]")
        verb, meta = next(iter(action.items()))
        if verb not in ("index", "delete"):
            raise outside(f"the bulk action [{verb}]")
        if set(meta) - {"_index", "_id"}:
            raise outside(f"the bulk metadata [{min(set(meta) - {'_index', '_id'})}]")
        if verb == "delete":
            if "_id" not in meta:
                raise bad_request(
                    "action_request_validation_exception", "Validation Failed: 1: an id must be provided;"
                )
            yield verb, meta, None
            position += 1
            continue
        if position + 1 == len(lines):
            raise bad_request(
                "illegal_argument_exception", "The bulk request must hold a source for every index action"
            )
        yield verb, meta, lines[position + 1]
        position += 2


def _written(name: str, identifier: str, result: str) -> Json:
    shards = {"total": 1, "successful": 1, "failed": 0}
    return {"_index": name, "_id": identifier, "_version": 1, "result": result, "_shards": shards}


def _took(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
