"""Search bodies: the query forms of the subset, sorting, paging, source filtering. All else is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from offline.opensearch import vectors
from offline.opensearch.bm25 import Floats, Mask, TextField
from offline.opensearch.columns import KeywordField, NumberField
from offline.opensearch.errors import bad_request, outside
from offline.opensearch.index import Index

MAX_WINDOW = 10_000
_BODY_KEYS = {"size", "_source", "query", "sort", "search_after"}


@dataclass(frozen=True, slots=True)
class Matches:
    """Matching rows and their scores; equal scores stand in the order in which they are to be returned."""

    rows: npt.NDArray[np.intp]
    scores: Floats


@dataclass(frozen=True, slots=True)
class Page:
    """The rows to return, their scores (None when sorted), their sort values (None when scored) and the total."""

    rows: list[int]
    scores: list[float] | None
    sort_values: list[list[Any]] | None
    total: int


def check_body(body: Any) -> dict[str, Any]:
    """Return `body`, an object of known keys.

    Raises:
        ApiError: it is something else; names a key that is not in the subset.
    """
    if not isinstance(body, dict):
        raise bad_request("parsing_exception", "the request body must be a JSON object")
    for key in body.keys() - _BODY_KEYS:
        raise outside(f"the search option [{key}]")
    return body


def source_names(names: Any) -> frozenset[str] | None:
    """Return the names that `_source` of a search asks for; None = all of them."""
    if names is True:
        return None
    if names is False:
        return frozenset()
    if not isinstance(names, list) or not all(isinstance(name, str) and "*" not in name for name in names):
        raise outside(f"[_source] other than true, false or a list of names: {names!r}")
    return frozenset(names)


def search(index: Index, body: dict[str, Any], mask: Mask | None) -> Page:
    """Return one page of hits among the rows of `mask` (None = all)."""
    size = body.get("size", 10)
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise bad_request("parsing_exception", f"[size] must be a whole number of at least 0, not {size!r}")
    if size > MAX_WINDOW:
        reason = (
            f"Result window is too large, from + size must be less than or equal to: [{MAX_WINDOW}] but was [{size}]"
        )
        raise bad_request("illegal_argument_exception", reason, shard=True)
    hits = matches(index, body.get("query", {"match_all": {}}), mask)
    if "sort" in body:
        return _sorted_page(index, hits.rows.tolist(), body, size)
    if "search_after" in body:
        reason = "Sort must contain at least one field when using search_after"
        raise bad_request("illegal_argument_exception", reason, shard=True)
    kept = min(size, len(hits.rows))
    order = vectors.best(hits.scores, kept).tolist() if kept else []
    rows = [int(hits.rows[i]) for i in order]
    return Page(rows, [float(hits.scores[i]) for i in order], None, len(hits.rows))


def _sorted_page(index: Index, rows: list[int], body: dict[str, Any], size: int) -> Page:
    """Return a page in the ascending order of a keyword field; rows without a value come last."""
    sort = body["sort"]
    if not isinstance(sort, list) or len(sort) != 1 or not isinstance(sort[0], dict):
        raise outside(f"[sort] other than by one field in ascending order: {sort!r}"[:300])
    name, order = single(sort[0])
    if order != "asc":
        raise outside(f"the sort order [{order}] on [{name}]")
    field = index.fields.get(name)
    if not isinstance(field, KeywordField):
        reason = f"No mapping found for [{name}] in order to sort on"
        raise bad_request("query_shard_exception", reason, shard=True)
    hits = sorted(((field.sort_value(row), row) for row in rows), key=lambda item: (item[0] is None, item[0] or ""))
    total = len(hits)
    if "search_after" in body:
        after = body["search_after"]
        if not isinstance(after, list) or len(after) != 1 or not isinstance(after[0], str):
            raise bad_request("illegal_argument_exception", f"search_after must be one text, not {after!r}"[:300])
        hits = [(value, row) for value, row in hits if value is None or value > after[0]]
    page = hits[:size]
    return Page([row for _, row in page], None, [[value] for value, _ in page], total)


def matches(index: Index, query: Any, mask: Mask | None) -> Matches:
    """Return the rows of `mask` that `query` selects, with scores."""
    kind, inner = single(query)
    if kind == "knn":
        return _knn(index, inner, mask)
    if kind == "match":
        return _match(index, inner, mask)
    if kind == "bool":
        return _bool(index, inner, mask)
    if kind == "match_all":
        return _with_score(_everything(index, mask), 1.0)
    if kind in ("term", "terms", "range"):
        raise outside(f"a [{kind}] query that is not inside bool.filter")
    raise outside(f"the query [{kind}]")


def filter_mask(index: Index, query: Any, mask: Mask | None) -> Mask:
    """Return the rows of `mask` that pass a filter: term, terms, range or a bool of filters."""
    kind, inner = single(query)
    selected = _everything(index, mask)
    if kind == "bool":
        for name in set(inner) - {"filter"}:
            raise outside(f"bool.{name} inside a filter")
        for item in as_list(inner.get("filter", [])):
            selected = filter_mask(index, item, selected)
        return selected
    if kind not in ("term", "terms", "range"):
        raise outside(f"a [{kind}] filter")
    name, value = single(inner)
    field = index.fields.get(name)
    if field is None:
        return np.zeros(len(index), np.bool_)
    if not isinstance(field, KeywordField | NumberField):
        raise outside(f"a [{kind}] filter on the field [{name}]: it is neither keyword nor number")
    if kind == "range":
        if not isinstance(field, NumberField) or not isinstance(value, dict):
            raise outside(f"a [range] filter on the field [{name}]: it is not a number")
        return selected & field.within(value)
    values = [value] if kind == "term" else value
    if not isinstance(values, list):
        raise bad_request("parsing_exception", f"[terms] query requires a list of values for [{name}]")
    return selected & field.matching(values)


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
        raise bad_request("query_shard_exception", reason, shard=True)
    vector = options.get("vector")
    if isinstance(vector, list) and len(vector) != field.dimension:
        reason = f"Query vector has invalid dimension: {len(vector)}. Dimension should be: {field.dimension}"
        raise bad_request("query_shard_exception", f"failed to create query: {reason}", shard=True)
    try:
        parsed = vectors.parse(vector, field.dimension)
    except ValueError as error:
        raise bad_request("parsing_exception", f"[knn] failed to parse the vector of [{name}]: {error}") from error
    if "filter" in options:
        mask = filter_mask(index, options["filter"], mask)
    return Matches(*field.search(parsed, k, mask))


def _match(index: Index, inner: Any, mask: Mask | None) -> Matches:
    name, text = single(inner)
    if not isinstance(text, str):
        raise outside(f"a [match] query with options on [{name}]")
    field = index.fields.get(name)
    if field is None:
        return _with_score(np.zeros(len(index), np.bool_), 0.0)
    if not isinstance(field, TextField):
        raise outside(f"a [match] query on the field [{name}]: it is not a text")
    scores, selected = field.search(text, mask)
    rows = np.flatnonzero(selected)
    return Matches(rows, scores[rows])


def _bool(index: Index, inner: Any, mask: Mask | None) -> Matches:
    if not isinstance(inner, dict) or not inner:
        raise outside("an empty bool query")
    for name in set(inner) - {"must", "filter"}:
        raise outside(f"bool.{name}")
    clauses = as_list(inner.get("must", []))
    if len(clauses) > 1 or any(single(clause)[0] != "match" for clause in clauses):
        raise outside("bool.must other than one [match] query")
    selected = _everything(index, mask)
    for query in as_list(inner.get("filter", [])):
        selected = filter_mask(index, query, selected)
    if not clauses:
        return _with_score(selected, 0.0)
    # Statistics of BM25 are those of the whole index: the filter selects among scored rows, it does not change scores.
    scored = _match(index, single(clauses[0])[1], mask)
    kept = selected[scored.rows]
    return Matches(scored.rows[kept], scored.scores[kept])


def _with_score(selected: Mask, score: float) -> Matches:
    rows = np.flatnonzero(selected)
    return Matches(rows, np.full(len(rows), score, np.float32))


def _everything(index: Index, mask: Mask | None) -> Mask:
    return np.ones(len(index), np.bool_) if mask is None else mask


def single(value: Any) -> tuple[str, Any]:
    """Return name and value of an object that has exactly one key."""
    if not isinstance(value, dict) or len(value) != 1:
        raise bad_request("parsing_exception", f"an object with exactly one key is needed, not {value!r}"[:300])
    return next(iter(value.items()))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
