"""Search bodies: the query forms of the subset, sorting, paging, source filtering. All else is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from offline.opensearch import vectors
from offline.opensearch.bm25 import Floats, Mask, TextField
from offline.opensearch.columns import KeywordField, NumberField
from offline.opensearch.errors import ApiError, bad_request, outside
from offline.opensearch.index import Index
from offline.opensearch.sorting import Page, as_list, single, sorted_page

MAX_WINDOW = 10_000
_BODY_KEYS = {"size", "_source", "query", "sort", "search_after", "pit", "track_total_hits"}
_KNOWN_ELSEWHERE = {
    *("aggs", "aggregations", "collapse", "docvalue_fields", "explain", "ext", "fields", "from", "highlight"),
    *("min_score", "post_filter", "profile", "rescore", "script_fields", "search_pipeline", "stored_fields", "suggest"),
}
_QUERIES_ELSEWHERE = {
    *("hybrid", "neural", "script_score", "function_score", "query_string", "simple_query_string", "multi_match"),
    *("exists", "prefix", "wildcard", "regexp", "fuzzy", "nested", "match_phrase", "constant_score", "dis_max"),
}


@dataclass(frozen=True, slots=True)
class Matches:
    """Matching rows and their scores; equal scores stand in the order in which they are to be returned."""

    rows: npt.NDArray[np.intp]
    scores: Floats


def check_body(body: Any) -> dict[str, Any]:
    """`body` as an object of known keys. Raises ApiError."""
    if not isinstance(body, dict):
        raise bad_request("parsing_exception", "the request body must be a JSON object")
    for key in body:
        if key in _KNOWN_ELSEWHERE:
            raise outside(f"the search option [{key}]")
        if key not in _BODY_KEYS:
            raise bad_request("parsing_exception", f"unknown key [{key}] in the search body")
    return body


def search(index: Index, body: dict[str, Any], mask: Mask | None) -> Page:
    """One page of hits among the rows of `mask` (None = all)."""
    size = body.get("size", 10)
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise bad_request("parsing_exception", f"[size] must be a whole number of at least 0, not {size!r}")
    if size > MAX_WINDOW:
        reason = (
            f"Result window is too large, from + size must be less than or equal to: [{MAX_WINDOW}] but was [{size}]"
        )
        raise ApiError(400, "illegal_argument_exception", reason, shard=True)
    found = matches(index, body.get("query", {"match_all": {}}), mask)
    if "sort" in body:
        return sorted_page(index, found.rows.tolist(), body, size)
    if "search_after" in body:
        reason = "Sort must contain at least one field when using search_after"
        raise ApiError(400, "illegal_argument_exception", reason, shard=True)
    kept = min(size, len(found.rows))
    order = vectors.best(found.scores, kept).tolist() if kept else []
    rows = [int(found.rows[i]) for i in order]
    return Page(rows, [float(found.scores[i]) for i in order], None, len(found.rows))


def matches(index: Index, query: Any, mask: Mask | None) -> Matches:
    """The rows of `mask` that `query` selects, with scores. Raises ApiError."""
    kind, inner = single(query)
    if kind == "knn":
        return _knn(index, inner, mask)
    if kind == "match":
        return _match(index, [inner], mask)
    if kind == "bool":
        return _bool(index, inner, mask)
    if kind in ("match_all", "ids", "terms"):
        chosen = _everything(index, mask) if kind == "match_all" else filter_mask(index, query, mask)
        rows = np.flatnonzero(chosen)
        return Matches(rows, np.ones(len(rows), np.float32))
    if kind in ("term", "range"):
        raise outside(f"a [{kind}] query that is not inside bool.filter")
    raise _unknown_query(kind)


def filter_mask(index: Index, query: Any, mask: Mask | None) -> Mask:
    """The rows of `mask` that pass a filter: term, terms, range, ids, match_all or a bool of filters."""
    kind, inner = single(query)
    everything = _everything(index, mask)
    if kind == "match_all":
        return everything
    if kind == "ids":
        rows = [index.row_of(str(i)) for i in inner.get("values", [])]
        chosen = np.zeros(len(index), np.bool_)
        chosen[[row for row in rows if row is not None]] = True
        return everything & chosen
    if kind == "bool":
        if set(inner) - {"filter"}:
            raise outside(f"bool.{min(set(inner) - {'filter'})} inside a filter")
        for item in as_list(inner.get("filter", [])):
            everything = filter_mask(index, item, everything)
        return everything
    if kind not in ("term", "terms", "range"):
        raise outside(f"a [{kind}] filter") if kind in (*_QUERIES_ELSEWHERE, "match", "knn") else _unknown_query(kind)
    name, value = single(inner)
    field = index.fields.get(name)
    if field is None:
        return np.zeros(len(index), np.bool_)
    if not isinstance(field, KeywordField | NumberField):
        raise outside(f"a [{kind}] filter on the field [{name}], which is neither keyword nor number")
    if kind == "range":
        if not isinstance(field, NumberField) or not isinstance(value, dict):
            raise outside(f"a [range] filter on the field [{name}], which is no number")
        return everything & field.within(value)
    if kind == "term":
        value = [value["value"] if isinstance(value, dict) and "value" in value else value]
    if not isinstance(value, list):
        raise bad_request("parsing_exception", f"[terms] query requires a list of values for [{name}]")
    return everything & field.matching(value, len(index))


def _knn(index: Index, inner: Any, mask: Mask | None) -> Matches:
    name, options = single(inner)
    if not isinstance(options, dict) or set(options) - {"vector", "k", "filter"}:
        raise outside(f"a [knn] option beside vector, k and filter on [{name}]")
    k = options.get("k")
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MAX_WINDOW:
        raise bad_request("illegal_argument_exception", f"[knn] requires k to be in the range (0, {MAX_WINDOW}]")
    field = index.fields.get(name)
    if not isinstance(field, vectors.VectorField):
        reason = f"failed to create query: Field '{name}' is not knn_vector type."
        raise ApiError(400, "query_shard_exception", reason, shard=True)
    vector = options.get("vector")
    if isinstance(vector, list) and len(vector) != field.dimension:
        reason = f"Query vector has invalid dimension: {len(vector)}. Dimension should be: {field.dimension}"
        raise ApiError(400, "query_shard_exception", f"failed to create query: {reason}", shard=True)
    try:
        parsed = vectors.parse(vector, field.dimension)
    except ValueError as error:
        raise bad_request("parsing_exception", f"[knn] failed to parse the vector of [{name}]: {error}") from error
    if "filter" in options:
        mask = filter_mask(index, options["filter"], mask)
    return Matches(*field.search(parsed, k, mask))


def _match(index: Index, clauses: list[Any], mask: Mask | None) -> Matches:
    """Rows that match every clause; their scores add up."""
    chosen = _everything(index, mask)
    total = np.zeros(len(index), np.float32)
    for clause in clauses:
        name, options = single(clause)
        options = options if isinstance(options, dict) else {"query": options}
        operator = str(options.get("operator", "or")).lower()
        if set(options) - {"query", "operator"} or operator not in ("or", "and"):
            raise outside(f"a [match] option beside query and operator on [{name}]")
        field = index.fields.get(name)
        if field is None:
            chosen = np.zeros(len(index), np.bool_)
            continue
        if not isinstance(field, TextField):
            raise outside(f"a [match] query on the field [{name}], which is no text")
        scores, found = field.search(str(options.get("query", "")), mask, every=operator == "and")
        total += scores
        chosen = chosen & found
    rows = np.flatnonzero(chosen)
    return Matches(rows, total[rows])


def _bool(index: Index, inner: Any, mask: Mask | None) -> Matches:
    if not isinstance(inner, dict) or set(inner) - {"must", "filter"}:
        names = sorted(set(inner) - {"must", "filter"}) if isinstance(inner, dict) else ["?"]
        raise outside(f"bool.{names[0]}")
    clauses = []
    for query in as_list(inner.get("must", [])):
        kind, clause = single(query)
        if kind == "match":
            clauses.append(clause)
        elif kind != "match_all":
            raise outside(f"a [{kind}] query inside bool.must")
    if "must" not in inner and "filter" not in inner:
        raise outside("an empty bool query")
    # Statistics of BM25 are those of the whole index: the filter cuts what was scored, it does not change scores.
    found = _match(index, clauses, mask) if clauses else None
    chosen = _everything(index, mask)
    for query in as_list(inner.get("filter", [])):
        chosen = filter_mask(index, query, chosen)
    if found is None:
        rows = np.flatnonzero(chosen)
        return Matches(rows, np.full(len(rows), 1.0 if "must" in inner else 0.0, np.float32))
    kept = chosen[found.rows]
    return Matches(found.rows[kept], found.scores[kept])


def _everything(index: Index, mask: Mask | None) -> Mask:
    return np.ones(len(index), np.bool_) if mask is None else mask


def _unknown_query(kind: str) -> ApiError:
    if kind in _QUERIES_ELSEWHERE:
        return outside(f"the query [{kind}]")
    return bad_request("parsing_exception", f"unknown query [{kind}]")
