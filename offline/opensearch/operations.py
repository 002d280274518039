"""The calls on documents and searches, as plain functions of parsed JSON. HTTP is in `api`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

from offline.opensearch import query as queries
from offline.opensearch.errors import ApiError, bad_request, outside
from offline.opensearch.index import Document, Index
from offline.opensearch.state import Indexes, Json

_SHARDS = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
_WRITTEN = {"_version": 1, "_shards": {"total": 1, "successful": 1, "failed": 0}}


class Engine(Indexes):
    """Thread-safe."""

    def bulk(self, lines: list[Any], default: str | None, *, refuse_first: bool = False) -> Json:
        """Return the answer of `_bulk`. `refuse_first`: the first item is refused with 429 (fault injection)."""
        started = time.monotonic()
        items: list[Json] = []
        pending: dict[Index, list[Document]] = {}
        for verb, meta, source in list(bulk_actions(lines)):
            name = str(meta.get("_index", default))
            identifier = str(meta.get("_id") or secrets.token_urlsafe(15))
            item: Json = {"_index": name, "_id": identifier}
            try:
                index = self.index(name)
                if refuse_first and not items:
                    raise ApiError(429, "rejected_execution_exception", "rejected execution: too many requests")
                with index.lock:
                    if verb == "index":
                        pending.setdefault(index, []).append((identifier, *index.check(source)))
                        result, status = "created", 201
                    else:
                        result, status = ("deleted", 200) if index.remove(identifier) else ("not_found", 404)
                item |= {**_WRITTEN, "result": result, "status": status}
            except ApiError as error:
                item |= {"status": error.status, "error": {"type": error.kind, "reason": error.reason}}
            items.append({verb: item})
        for index, documents in pending.items():
            with index.lock:
                index.write(documents)
        errors = any("error" in item for entry in items for item in entry.values())
        return {"took": _took(started), "errors": errors, "items": items}

    def search(self, name: str, body: Any) -> Json:
        started = time.monotonic()
        body = queries.check_body(body)
        index = self.searchable(name)
        names = queries.source_names(body.get("_source", True))
        with index.lock:
            page = queries.search(index, body, index.visible())
            hits: list[Json] = []
            for position, row in enumerate(page.rows):
                score = page.scores[position] if page.scores is not None else None
                hit: Json = {"_index": index.name, "_id": index.identifier(row), "_score": score}
                if names is None or names:
                    hit["_source"] = index.source(row, names)
                if page.sort_values is not None:
                    hit["sort"] = page.sort_values[position]
                hits.append(hit)
        relation = "gte" if page.total > queries.MAX_WINDOW else "eq"
        total = {"value": min(page.total, queries.MAX_WINDOW), "relation": relation}
        best = max(page.scores) if page.scores else None
        answer = {"took": _took(started), "timed_out": False, "_shards": _SHARDS}
        return answer | {"hits": {"total": total, "max_score": best, "hits": hits}}

    def msearch(self, lines: list[Any]) -> Json:
        started = time.monotonic()
        if len(lines) % 2:
            raise bad_request("parse_exception", "a multi search needs a header line and a body line for each search")
        responses = []
        for header, body in zip(lines[::2], lines[1::2], strict=True):
            try:
                for name in set(header) - {"index"}:
                    raise outside(f"the multi-search header [{name}]")
                responses.append(self.search(header["index"], body) | {"status": 200})
            except ApiError as error:
                responses.append(error.body())
        return {"took": _took(started), "responses": responses}

    def count(self, name: str, body: Any) -> Json:
        index = self.searchable(name)
        for key in set(body) - {"query"}:
            raise bad_request("parsing_exception", f"request does not support [{key}]")
        with index.lock:
            hits = queries.matches(index, body.get("query", {"match_all": {}}), index.visible())
        return {"count": len(hits.rows), "_shards": _SHARDS}


def bulk_actions(lines: list[Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield (verb, meta, source or None) of each action of a bulk body.

    Raises:
        ApiError: a line is malformed, or an action is not in the subset.
    """
    rest = iter(lines)
    for action in rest:
        verb, meta = queries.single(action)
        if verb not in ("index", "delete"):
            raise outside(f"the bulk action [{verb}]")
        for name in set(meta) - {"_index", "_id"}:
            raise outside(f"the bulk metadata [{name}]")
        if verb == "index" and "_id" in meta:
            reason = "Document ID is not supported in create/index operation request"
            raise bad_request("illegal_argument_exception", reason)
        if verb == "delete":
            if "_id" not in meta:
                reason = "Validation Failed: 1: an id must be provided;"
                raise bad_request("action_request_validation_exception", reason)
            yield verb, meta, None
            continue
        source = next(rest, None)
        if source is None:
            reason = "The bulk request must hold a source for every index action"
            raise bad_request("illegal_argument_exception", reason)
        yield verb, meta, source


def _took(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
