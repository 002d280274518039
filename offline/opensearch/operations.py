"""The API calls on documents and searches, as plain functions of parsed JSON. HTTP is in `server`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from offline.opensearch import query as queries
from offline.opensearch.bm25 import Mask
from offline.opensearch.bulk import pairs
from offline.opensearch.errors import ApiError, bad_request, outside
from offline.opensearch.index import Index
from offline.opensearch.mapping import Flavour
from offline.opensearch.source import SourceFilter
from offline.opensearch.state import Catalogue, Json

_SHARDS = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
_NO_IDS = "Document ID is not supported in create/index operation request"


class Engine(Catalogue):
    """Thread-safe. `visibility_delay_s`: how long a write, or a new index, stays invisible to searches."""

    def __init__(self, directory: Path, flavour: Flavour, visibility_delay_s: float = 0.0) -> None:
        super().__init__(directory, flavour, visibility_delay_s)
        self._points: dict[str, tuple[Index, Mask | None, int]] = {}

    def bulk(self, lines: list[Any], default: str | None, refresh: bool, failing: int | None = None) -> Json:
        """The answer of `_bulk`. `failing`: this many items are refused with 429 (fault injection)."""
        started = time.monotonic()
        actions = list(pairs(lines))
        if self.serverless and any(verb == "index" and "_id" in meta for verb, meta, _ in actions):
            raise bad_request("illegal_argument_exception", _NO_IDS)
        items: list[Json] = []
        pending: dict[str, list[tuple[str, Json, Any]]] = {}
        refused = failing or 0
        for verb, meta, source in actions:
            name = meta.get("_index", default)
            identifier = str(meta.get("_id") or secrets.token_urlsafe(15))
            try:
                index = self.index(str(name), writing=True)
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
            index = self.index(name)
            with index.lock:
                index.write(documents, refresh=refresh)
        pending.clear()

    def put_document(self, name: str, identifier: str | None, source: Any, refresh: bool) -> tuple[int, Json]:
        if identifier is not None and self.serverless:
            raise bad_request("illegal_argument_exception", _NO_IDS)
        index = self.index(name, writing=True)
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
        index = self.index(name, writing=True)
        with index.lock:
            existed = index.remove([identifier], refresh=refresh)[0]
        return 200 if existed else 404, _written(index.name, identifier, "deleted" if existed else "not_found")

    def mget(self, body: Json, default: str | None) -> Json:
        wanted = body.get("docs") or [{"_id": i} for i in body.get("ids", [])]
        documents = []
        for item in wanted:
            index = self.index(str(item.get("_index", default)))
            with index.lock:
                row = index.row_of(str(item.get("_id")))
                found: Json = {"_index": index.name, "_id": item.get("_id"), "found": row is not None}
                if row is not None:
                    wants = SourceFilter(item.get("_source", True), index.vector_name)
                    found["_source"] = wants.apply(index.source(row, with_vector=wants.vector))
            documents.append(found)
        return {"docs": documents}

    # ---- searches ------------------------------------------------------------------------------------------------
    def search(self, name: str | None, body: Any) -> Json:
        started = time.monotonic()
        body = queries.check_body(body)
        if "pit" in body:
            point = self._points.get(str((body["pit"] or {}).get("id")))
            if point is None or self._indexes.get(point[0].name) is not point[0]:
                raise ApiError(404, "search_context_missing_exception", "No search context found for the point in time")
            index, frozen, size = point
        elif name is None:
            raise bad_request("illegal_argument_exception", "an index or a point in time is needed")
        else:
            index, frozen, size = self.searchable(name), None, -1
        wants = SourceFilter(body.get("_source", True), index.vector_name)
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
        index = self.searchable(name)
        if set(body) - {"query"}:
            raise bad_request("parsing_exception", f"request does not support [{min(set(body) - {'query'})}]")
        with index.lock:
            found = queries.matches(index, body.get("query", {"match_all": {}}), index.visible())
        return {"count": len(found.rows), "_shards": _SHARDS}

    def open_point(self, name: str) -> Json:
        if self.flavour == "aoss_nextgen":
            raise outside("a point in time on a NextGen collection (not documented there; use search_after)")
        index = self.searchable(name)
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


def _written(name: str, identifier: str, result: str) -> Json:
    shards = {"total": 1, "successful": 1, "failed": 0}
    return {"_index": name, "_id": identifier, "_version": 1, "result": result, "_shards": shards}


def _took(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
