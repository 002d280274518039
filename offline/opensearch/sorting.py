"""Pages of sorted hits: `sort` and `search_after`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from offline.opensearch.columns import KeywordField, NumberField, SortValue
from offline.opensearch.errors import ApiError, bad_request, outside
from offline.opensearch.index import Index


@dataclass(frozen=True, slots=True)
class Page:
    """The rows to return, their scores (None when sorted), their sort values (None when scored) and the total."""

    rows: list[int]
    scores: list[float] | None
    sort_values: list[list[SortValue]] | None
    total: int


def sorted_page(index: Index, rows: list[int], body: dict[str, Any], size: int) -> Page:
    keys = [_sort_key(item) for item in as_list(body["sort"])]
    for name, _ in keys:
        if not isinstance(index.fields.get(name), KeywordField | NumberField):
            raise ApiError(
                400, "query_shard_exception", f"No mapping found for [{name}] in order to sort on", shard=True
            )
    columns = [index.fields[name] for name, _ in keys]
    for (_, descending), column in reversed(list(zip(keys, columns, strict=True))):
        assert isinstance(column, KeywordField | NumberField)  # noqa: S101  (checked above; tells mypy)
        present = [row for row in rows if column.sort_value(row) is not None]
        missing = [row for row in rows if column.sort_value(row) is None]
        present.sort(key=column.sort_value, reverse=descending)  # type: ignore[arg-type]
        rows = present + missing
    values = [[c.sort_value(row) for c in columns if isinstance(c, KeywordField | NumberField)] for row in rows]
    start = 0
    if "search_after" in body:
        after = body["search_after"]
        if not isinstance(after, list) or len(after) != len(keys):
            reason = f"search_after has a wrong number of values; the sort has {len(keys)}"
            raise bad_request("illegal_argument_exception", reason)
        directions = [descending for _, descending in keys]
        start = next((i for i, v in enumerate(values) if _follows(v, after, directions)), len(rows))
    return Page(rows[start : start + size], None, values[start : start + size], len(rows))


def _follows(value: list[SortValue], after: list[Any], descending: list[bool]) -> bool:
    for mine, other, down in zip(value, after, descending, strict=True):
        if mine == other:
            continue
        if mine is None or other is None:
            return mine is None
        try:
            return bool(mine < other) if down else bool(mine > other)
        except TypeError as error:
            reason = f"Failed to parse search_after value [{other!r}] for a field of another type"
            raise bad_request("illegal_argument_exception", reason) from error
    return False


def _sort_key(item: Any) -> tuple[str, bool]:
    if isinstance(item, str):
        return item, False
    name, order = single(item)
    if isinstance(order, dict):
        if set(order) - {"order"}:
            raise outside(f"the sort option [{min(set(order) - {'order'})}]")
        order = order.get("order", "asc")
    if order not in ("asc", "desc"):
        raise bad_request("parsing_exception", f"unknown sort order [{order}] on [{name}]")
    return name, order == "desc"


def single(value: Any) -> tuple[str, Any]:
    if not isinstance(value, dict) or len(value) != 1:
        raise bad_request("parsing_exception", f"an object with exactly one key is needed, not {value!r}"[:300])
    return next(iter(value.items()))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
