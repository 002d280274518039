"""How DuckDB reads the files of an export: their columns, and the tables that files with the same columns make."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from billing_exports.formats import ExportError, Layout, layout_of
from billing_exports.sources import SourceFile

_CSV_BUFFER = 4_000_000
#: DuckDB takes a path that it reads for a pattern; in brackets, such a character stands for itself.
_PATTERN = re.compile(r"[*?\[]")
#: Three texts stand for NULL.
_CSV_OPTIONS = (
    "header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', nullstr = ['', 'NULL', 'null'], "
    f"buffer_size = {_CSV_BUFFER}, max_line_size = {_CSV_BUFFER // 4}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Files with the same columns. `header`: the column names of CSV files, which are read as c0, c1, ..., since
    headers may repeat a name; empty for Parquet. `types`: those of the columns that the SQL reads, for Parquet: of
    files read as one table, DuckDB would cast all to the types of the first.
    """

    layout: Layout
    files: tuple[SourceFile, ...]
    header: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """The SQL text of the table that the files make."""
        paths = [file.path for file in self.files]
        if not self.header:
            return parquet_table(paths)
        # Every column is text: the type of money is declared in the SQL files, never guessed from the first lines.
        columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(self.header)))
        return f"read_csv([{_listed(paths)}], columns = {{{columns}}}, {_CSV_OPTIONS})"

    def alone(self) -> list[Part]:
        """Return a part for each of the files."""
        return [replace(self, files=(file,)) for file in self.files]

    def spelled(self, column: str) -> str:
        """Return what the files call a column of the SQL."""
        name = self.layout.names[column]
        return self.header[int(name[1:])] if self.header else name


def parts_of(connection: Any, files: Sequence[SourceFile]) -> list[Part]:
    """Return the files by what columns they have.

    Raises:
        ExportError: a file cannot be read, lacks a column, or is of another format than the others; it is named.
    """
    parts: dict[tuple[Any, ...], Part] = {}
    for file in files:
        part = _csv_part(file) if file.is_csv else _parquet_part(connection, file)
        names = tuple(sorted(part.layout.names.items()))
        key = (part.layout.format, part.layout.tags, names, part.header, part.types)
        old = parts.get(key)
        parts[key] = part if old is None else replace(old, files=(*old.files, file))
        first = next(iter(parts.values()))
        if (part.layout.format, part.layout.tags) != (first.layout.format, first.layout.tags):
            raise ExportError(
                f"{file.name} is {part.layout.format} with tags as {part.layout.tags}, {first.files[0].name} is"
                f" {first.layout.format} with tags as {first.layout.tags}; files of different exports must not lie"
                " together"
            )
    return list(parts.values())


def parquet_table(paths: Iterable[Path]) -> str:
    """Return the SQL text of the table that Parquet files make; folders in their paths are not columns."""
    return f"read_parquet([{_listed(paths)}], hive_partitioning = false)"


def quoted(path: Path) -> str:
    """Return a path as SQL text, of a file that is written."""
    return "'" + str(path).replace("'", "''") + "'"


def first_line(error: Exception) -> str:
    """Return the first line of what DuckDB said, without its kind."""
    line = str(error).splitlines()[0]
    return line.partition("Error: ")[2] or line


def _parquet_part(connection: Any, file: SourceFile) -> Part:
    import duckdb

    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {parquet_table([file.path])}").fetchall()  # noqa: S608
    except duckdb.Error as error:
        raise ExportError(f"{file.name}: cannot be read, fetch it again: {first_line(error)}") from error
    columns = {str(name): str(kind) for name, kind, *_ in described}
    layout = layout_of(columns, file.name)
    return Part(layout=layout, files=(file,), types=tuple(columns[name] for _, name in sorted(layout.names.items())))


def _csv_part(file: SourceFile) -> Part:
    opened = gzip.open if file.name.lower().endswith(".gz") else Path.open
    try:
        with opened(file.path, "rt", encoding="utf-8-sig", newline="") as text:
            header = next(csv.reader(text), [])
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise ExportError(f"{file.name}: cannot be read, fetch it again: {error}") from error
    layout = layout_of(dict.fromkeys(header, "varchar"), file.name)
    places = {name: f"c{number}" for number, name in enumerate(header)}
    names = {name: places[spelled] for name, spelled in layout.names.items()}
    return Part(layout=replace(layout, names=names), files=(file,), header=tuple(header))


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(quoted(Path(_PATTERN.sub(r"[\g<0>]", str(path)))) for path in paths)
