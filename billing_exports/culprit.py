"""Which file is to blame, once reading several at once has failed: reads them one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from billing_exports import formats
from billing_exports.formats import ExportError
from billing_exports.reading import Part, first_line


def failed(connection: Any, parts: Sequence[Part], text_of: Callable[[Sequence[Part]], str], error: Exception) -> str:
    """Return what is wrong with which file, in one line; `error` is what DuckDB said of all of them together."""
    import duckdb

    for part in _single(parts):
        try:
            connection.execute(text_of([part])).fetchall()
        except duckdb.Error as cause:
            reason = _wrong_value(connection, part) or f"cannot be read, fetch it again: {first_line(cause)}"
            return f"{part.files[0].name}: {reason}"
    others = sum(len(part.files) for part in parts) - 1
    return f"{parts[0].files[0].name} and {others} others cannot be read: {first_line(error)}"


def without(connection: Any, parts: Sequence[Part], column: str) -> str:
    """Return which file has lines without a value in `column`, in one line.

    Raises:
        ExportError: the files changed, and none has any more.
    """
    part, count = _first(connection, parts, f"{column} IS NULL")
    return f"{part.files[0].name}: {count} lines have no {part.spelled(column)}; fetch the file again"


def of_month(connection: Any, parts: Sequence[Part], column: str, period: str) -> str:
    """Return the name of the file that has lines of a month (YYYY-MM), which `column` says.

    Raises:
        ExportError: the files changed, and none has any more.
    """
    part, _ = _first(connection, parts, f"strftime({column}, '%Y-%m') = '{period}'")
    return part.files[0].name


def _first(connection: Any, parts: Sequence[Part], condition: str) -> tuple[Part, int]:
    for part in _single(parts):
        source = formats.source_select(part.layout, part.table)
        ((count,),) = connection.execute(f"SELECT COUNT(*) FROM ({source}) WHERE {condition}").fetchall()  # noqa: S608
        if count:
            return part, count
    raise ExportError(f"{parts[0].files[0].name}: the files changed while they were read; read them again")


def _wrong_value(connection: Any, part: Part) -> str | None:
    """Return which value is not a number or a time, where that is what is wrong."""
    import duckdb

    for column in formats.columns_of(part.layout):
        if column.name not in part.layout.names or column.type not in (formats.NUMBER, formats.TIMESTAMP):
            continue
        name = formats.identifier(part.layout.names[column.name])
        try:
            rows = connection.execute(
                f"SELECT CAST({name} AS VARCHAR) FROM {part.table}"  # noqa: S608
                f" WHERE {name} IS NOT NULL AND TRY_CAST({name} AS {column.type}) IS NULL LIMIT 1"
            ).fetchall()
        except duckdb.Error:
            return None  # the file itself is broken, which the caller says
        if rows:
            kind = "number" if column.type == formats.NUMBER else "time"
            return f"{part.spelled(column.name)} is not a {kind} (got {rows[0][0]!r}); fetch the file again"
    return None


def _single(parts: Sequence[Part]) -> list[Part]:
    return [one for part in parts for one in part.alone()]
