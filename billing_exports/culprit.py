"""Which file is to blame. Asked only after reading several at once has failed, since it reads them one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from billing_exports import formats
from billing_exports.formats import ExportError
from billing_exports.reading import Part, said


def failed(connection: Any, parts: Sequence[Part], text_of: Callable[[Sequence[Part]], str], error: Exception) -> str:
    """What is wrong with which file, in one line; `error` is what DuckDB said of all of them together."""
    import duckdb

    for part in _single(parts):
        try:
            connection.execute(text_of([part])).fetchall()
        except duckdb.Error as found:
            reason = _wrong_value(connection, part) or f"cannot be read, fetch it again: {said(found)}"
            return f"{part.files[0].name}: {reason}"
    return f"{parts[0].files[0].name} and {sum(len(p.files) for p in parts) - 1} others cannot be read: {said(error)}"


def without(connection: Any, parts: Sequence[Part], column: str) -> str:
    """Which file has lines without a value in `column`, in one line.

    Raises:
        ExportError: none has any more.
    """
    part, found = _first(connection, parts, f"{column} IS NULL")
    return f"{part.files[0].name}: {found} lines have no {part.spelled(column)}; fetch the file again"


def of_month(connection: Any, parts: Sequence[Part], column: str, period: str) -> str:
    """The name of the file that has lines of a month (YYYY-MM), which `column` says.

    Raises:
        ExportError: none has any more.
    """
    part, _ = _first(connection, parts, f"strftime({column}, '%Y-%m') = '{period}'")
    return part.files[0].name


def _first(connection: Any, parts: Sequence[Part], condition: str) -> tuple[Part, int]:
    for part in _single(parts):
        source = formats.source_select(part.layout, part.table)
        ((found,),) = connection.execute(f"SELECT COUNT(*) FROM ({source}) WHERE {condition}").fetchall()  # noqa: S608
        if found:
            return part, found
    raise ExportError(f"{parts[0].files[0].name}: the files changed while they were read; read them again")


def _wrong_value(connection: Any, part: Part) -> str | None:
    """A value that is no number or no time, where that is what is wrong."""
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
            return f"{part.spelled(column.name)} {rows[0][0]!r} is no {kind}; fetch the file again"
    return None


def _single(parts: Sequence[Part]) -> list[Part]:
    return [one for part in parts for one in part.alone()]
