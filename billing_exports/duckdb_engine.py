"""The DuckDB engine: reads the files of one month of an export into daily rows, in bounded memory.

DuckDB is imported only when a function is called. No extension is downloaded: the readers for Parquet and JSON are part
of its wheel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing_exports import culprit, formats
from billing_exports.formats import ExportError, Format
from billing_exports.query import ReportScope, RollupRow, report_query, rollup_query
from billing_exports.reading import Part, first_line, parquet_table, parts_of, quoted
from billing_exports.sources import Group

#: What Athena's functions are called in DuckDB. A macro hides a function of the same name: DuckDB's own `element_at`
#: gives a list. JSON paths are `$["key"]` in Athena and `$."key"` here.
MACROS = (
    "CREATE TEMP MACRO element_at(m, k) AS m[k]",
    "CREATE TEMP MACRO array_join(a, d) AS array_to_string(a, d)",
    "CREATE TEMP MACRO regexp_like(t, p) AS regexp_matches(t, p)",
    "CREATE TEMP MACRO date_format(d, f) AS strftime(d, f)",
    "CREATE TEMP MACRO json_extract_scalar(j, p) AS "
    "json_extract_string(j, replace(replace(p, '[\"', '.\"'), '\"]', '\"'))",
)
#: What the account names of an embedded AWS begin with.
SIMULATED = "SIMULATED"
#: Bounds what DuckDB keeps; the process needs about 60 MB beside it, whatever the number of lines.
MEMORY_LIMIT = "128MB"
THREADS = 2


def connect(temp: Path, *, memory_limit: str = MEMORY_LIMIT, threads: int = THREADS) -> Any:
    """Return a DuckDB in memory that understands the SQL files. What exceeds `memory_limit` goes to files in `temp`."""
    import duckdb

    connection = duckdb.connect(
        config={
            "memory_limit": memory_limit,
            "threads": threads,
            "temp_directory": str(temp),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    connection.execute("; ".join(("SET TimeZone = 'UTC'", *MACROS)))
    return connection


def query_of(parts: Sequence[Part]) -> str:
    """Return the query over the files of all parts, which have one format."""
    layout = parts[0].layout
    source = "\nUNION ALL\n".join(formats.source_select(part.layout, part.table) for part in parts)
    return rollup_query(layout.format, layout.tags, source)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledUp:
    """What the table `rollup` holds. `simulated`: a file of the group is of an embedded AWS."""

    format: Format
    periods: tuple[str, ...]
    simulated: bool


def roll_up(connection: Any, group: Group) -> RolledUp:
    """Put the daily rows of a group into the temporary table `rollup`.

    Raises:
        ExportError: a file is truncated or wrong; a line has no day, no cost, or is of another month. The message
            names the file. Nothing was written then.
    """
    import duckdb

    parts = parts_of(connection, group.files)
    try:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE rollup AS {query_of(parts)}")
    except duckdb.OutOfMemoryException as error:
        raise ExportError(
            f"{group.files[0].name}: memory or temporary space is used up; give the function more of both"
        ) from error
    except duckdb.Error as error:
        raise ExportError(culprit.failed(connection, parts, query_of, error)) from error
    return RolledUp(
        format=parts[0].layout.format,
        periods=tuple(_checked_periods(connection, parts, group)),
        simulated=_is_simulated(connection, parts),
    )


def write_period(connection: Any, period: str, path: Path) -> None:
    """Write one month of the table `rollup` as a Parquet file that is there whole or not at all."""
    unfinished = path.with_name(f".{path.name}.part")
    connection.execute(
        f"COPY (SELECT * FROM rollup WHERE billing_period = '{period}' ORDER BY {', '.join(RollupRow._fields)})"  # noqa: S608
        f" TO {quoted(unfinished)} (FORMAT parquet, COMPRESSION zstd)"
    )
    unfinished.replace(path)


def rolled_rows(connection: Any, scope: ReportScope) -> list[RollupRow]:
    """Return what a report reads of the last `roll_up`."""
    return _rollup_rows(connection, report_query("SELECT * FROM rollup", scope))


def report_rows(connection: Any, paths: Sequence[Path], scope: ReportScope) -> list[RollupRow]:
    """Return what a report reads of rollup files.

    Raises:
        ExportError: a rollup file is damaged; it can be deleted, the next call makes it again.
    """
    import duckdb

    if not paths:
        return []
    try:
        return _rollup_rows(connection, report_query(f"SELECT * FROM {parquet_table(paths)}", scope))  # noqa: S608
    except duckdb.Error as error:
        raise ExportError(
            f"{paths[0].parent}: a rollup cannot be read, delete the folder and try again: {first_line(error)}"
        ) from error


def _rollup_rows(connection: Any, text: str) -> list[RollupRow]:
    return [RollupRow._make(row) for row in _rows(connection, text)]


def _rows(connection: Any, text: str) -> list[Any]:
    rows: list[Any] = connection.execute(text).fetchall()
    return rows


def _is_simulated(connection: Any, parts: Sequence[Part]) -> bool:
    """Return whether a file is of an embedded AWS, which names its account so in every line: the first one tells."""
    sources = (formats.source_select(one.layout, one.table) for part in parts for one in part.alone())
    first = (f"(SELECT {formats.ACCOUNT_NAME} FROM ({source}) LIMIT 1)" for source in sources)  # noqa: S608
    return any(str(name).startswith(SIMULATED) for (name,) in _rows(connection, " UNION ALL ".join(first)))


def _checked_periods(connection: Any, parts: Sequence[Part], group: Group) -> list[str]:
    """Return the months of the table `rollup`, once every line has a time, a month and a cost."""
    counts = connection.execute(
        "SELECT COUNT(*) - COUNT(day_utc), COUNT(*) - COUNT(billing_period), SUM(n) - SUM(n_billed) FROM rollup"
    ).fetchall()[0]
    essentials = formats.essentials(parts[0].layout.format)
    for column, missing in zip(essentials, counts, strict=True):
        if missing:
            raise ExportError(culprit.without(connection, parts, column))
    distinct = connection.execute("SELECT DISTINCT billing_period FROM rollup ORDER BY 1").fetchall()
    periods = [str(period) for (period,) in distinct]
    if group.period and (other := next((period for period in periods if period != group.period), None)):
        name = culprit.of_month(connection, parts, essentials[1], other)
        raise ExportError(f"{name}: the folder of {group.period} holds lines of {other}; put files where they belong")
    return periods
