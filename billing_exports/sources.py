"""The files of an export: which there are, of which month, and a check that none of them is counted twice."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from billing_exports.formats import ExportError

_ENDINGS = (".parquet", ".csv", ".csv.gz")
#: `BILLING_PERIOD=2026-10` (Data Exports), `20261001-20261101` (the first Cost and Usage Reports).
_PERIOD = re.compile(r"(?:(?:billing_period=)?(\d{4})-(\d{2})(?:-\d{2})?|(\d{4})(\d{2})\d{2}-\d{8})", re.IGNORECASE)
#: `year=2026/month=9`, two folders (the first Cost and Usage Reports as Parquet).
_YEAR, _MONTH = re.compile(r"year=(\d{4})"), re.compile(r"month=(\d{1,2})")
#: Folders below an export that hold no lines of the bill.
_NO_LINES = frozenset({"cost_and_usage_data_status", "metadata", "rollup"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file of an export. `name`: its path below the export's place; `stamp` changes whenever its content does."""

    name: str
    path: Path
    size: int
    stamp: str

    @property
    def is_csv(self) -> bool:
        return not self.name.lower().endswith(".parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The files of one month of one export; `period` is None for files that do not lie in a folder of a month."""

    export: str
    period: str | None
    files: tuple[SourceFile, ...]

    @property
    def key(self) -> str:
        return f"{self.export}|{self.period or ''}"


def is_line_file(name: str) -> bool:
    """Return whether an object or file of this name holds lines of a bill."""
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith((".", "_")) for part in parts)
    return name.lower().endswith(_ENDINGS) and not hidden and not _NO_LINES.intersection(parts[:-1])


def place_of(name: str) -> tuple[str, str | None]:
    """Return (export, month) of a file: `x/data/BILLING_PERIOD=2026-10/1.parquet` -> (`x`, `2026-10`)."""
    folders = PurePosixPath(name).parts[:-1]
    for at, folder in enumerate(folders):
        if match := _PERIOD.fullmatch(folder):
            above = folders[: at - 1] if at and folders[at - 1] == "data" else folders[:at]
            year, month = match[1] or match[3], match[2] or match[4]
            return "/".join(above), f"{year}-{month}"
        inner = folders[at + 1] if at + 1 < len(folders) else ""
        if (of_year := _YEAR.fullmatch(folder)) and (of_month := _MONTH.fullmatch(inner)):
            return "/".join(folders[:at]), f"{of_year[1]}-{of_month[1]:0>2}"
    return "/".join(folders), None


def local_files(folder: Path) -> list[SourceFile]:
    """Return the files of exports below a folder, by name.

    Raises:
        ExportError: there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise ExportError(f"{folder}: no such folder; give one that holds the files of a billing export")
    files = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if is_line_file(name):
            about = path.stat()
            files.append(SourceFile(name=name, path=path, size=about.st_size, stamp=str(about.st_mtime_ns)))
    if not files:
        raise ExportError(f"{folder}: no Parquet or CSV file of a billing export in it")
    return files


def groups_of(files: Iterable[SourceFile]) -> list[Group]:
    """Return the files by export and month, in order.

    Raises:
        ExportError: a month lies there in several copies (Data Exports that keep every delivery), which would be
            counted several times.
    """
    by_place: dict[tuple[str, str | None], list[SourceFile]] = {}
    for file in files:
        by_place.setdefault(place_of(file.name), []).append(file)
    result = []
    for (export, period), group in sorted(by_place.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        copies = sorted({str(PurePosixPath(file.name).parent) for file in group})
        if period is not None and len(copies) > 1:
            raise ExportError(
                f"{copies[0]} and {copies[-1]}: {period} was delivered {len(copies)} times; keep the newest folder only"
                " (or let the export overwrite its files)"
            )
        result.append(Group(export=export, period=period, files=tuple(sorted(group, key=lambda file: file.name))))
    return result
