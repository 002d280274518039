"""The fact table: charges of all readings in one SQLite file. One writer at a time; a reading replaces its window.
`ledger_file` gives it the form in which it lies in a bucket.

Replacing, rather than updating row by row, is what makes groups that vanished from a bill vanish here too. It happens
in one transaction, so that whoever is stopped in between leaves the rows of before. Amounts are kept as text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any

from contracts.json_codec import plain_decimal
from contracts.money import ChargeRow, Cut, Source
from cost_reports.spend_report.records import Window

SCHEMA = 1
#: The path of a ledger that is gone when it is closed.
IN_MEMORY = Path(":memory:")
COLUMNS = tuple(field.name for field in fields(ChargeRow))
_VALUES = attrgetter(*COLUMNS)
AMOUNTS = ("quantity", "amount_usd", "effective_usd", "list_usd")
_NEEDED = frozenset(
    {"day", "billing_period", "service", "charge_category", "amount_usd", "source", "estimated", "as_of", "cut"}
)
_CREATE = (
    "CREATE TABLE charges ({}) STRICT".format(
        ", ".join(
            f"{name} {'INTEGER' if name == 'estimated' else 'TEXT'}{' NOT NULL' if name in _NEEDED else ''}"
            for name in COLUMNS
        )
    ),
    "CREATE INDEX charges_by_day ON charges (source, day)",
    "CREATE TABLE readings (source TEXT NOT NULL, account TEXT, start TEXT NOT NULL, end TEXT NOT NULL,"
    " read_at TEXT NOT NULL) STRICT",
    f"PRAGMA user_version = {SCHEMA}",
)
_INSERT = f"INSERT INTO charges ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
_INSERT_READING = "INSERT INTO readings (source, account, start, end, read_at) VALUES (?, ?, ?, ?, ?)"
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM charges"  # noqa: S608
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class LedgerError(ValueError):
    """The ledger cannot be read or written, or a row does not belong into it; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """That a window was read, whether or not anything was found in it."""

    source: str
    account: str | None
    window: Window
    read_at: str


class Ledger:
    """The fact table in the file `path`, which is made if there is none. Close it, or use it in a `with`.

    `name` is what messages call it. A writer waits at most `timeout_s` seconds for another one.
    """

    def __init__(self, path: Path, *, timeout_s: float = 10.0, name: str | None = None) -> None:
        self.name = name or str(path)
        self.timeout_s = timeout_s
        with self._explained():
            self._connection = sqlite3.connect(path, timeout=timeout_s, isolation_level=None)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def replace(
        self,
        rows: Iterable[ChargeRow],
        *,
        source: Source,
        account: str | None,
        window: Window,
        read_at: str,
        cuts: Collection[Cut] | None = None,
    ) -> None:
        """Put `rows` in the place of all rows of (source, account) whose day lies in the window; of these `cuts` only,
        where they are given, so that a cut that was refused this time keeps what was read before.

        Raises:
            LedgerError: a row is outside the window, of another source, account or cut, or has an amount that is no
                number (nothing is changed then); or another program has been writing for longer than the timeout.
        """
        first, end = window.start.isoformat(), window.end.isoformat()
        values = []
        for number, row in enumerate(rows, start=1):
            if (wrong := _wrong(row, source, account, window, cuts)) is not None:
                raise LedgerError(f"{self.name}: row {number} ({_name(row)}) {wrong}; nothing was changed")
            values.append(tuple(_text(value) for value in _VALUES(row)))
        chosen = "" if cuts is None else f" AND cut IN ({', '.join('?' * len(cuts))})"
        with self._transaction():
            self._connection.execute(
                f"DELETE FROM charges WHERE source = ? AND account IS ? AND day >= ? AND day < ?{chosen}",  # noqa: S608
                (source, account, first, end, *(cuts or ())),
            )
            self._connection.executemany(_INSERT, values)
            self._connection.execute(
                "DELETE FROM readings WHERE source = ? AND account IS ? AND start >= ? AND end <= ?",
                (source, account, first, end),
            )
            self._connection.execute(_INSERT_READING, (source, account, first, end, read_at))

    def contents(self) -> tuple[list[tuple[Any, ...]], list[Reading]]:
        """All rows as they are kept (fields as COLUMNS, amounts as text, estimated as 0 or 1), and all readings."""
        with self._explained():
            rows = self._connection.execute(f"{_SELECT} ORDER BY {', '.join(COLUMNS)}").fetchall()
        return rows, self.readings()

    def fill(self, rows: Iterable[Sequence[Any]], readings: Iterable[Reading]) -> None:
        """Put what `contents` gave into this ledger, which is empty."""
        windows = [
            (r.source, r.account, r.window.start.isoformat(), r.window.end.isoformat(), r.read_at) for r in readings
        ]
        with self._transaction():
            self._connection.executemany(_INSERT, rows)
            self._connection.executemany(_INSERT_READING, windows)

    def rows(
        self,
        *,
        source: Source,
        window: Window | None = None,
        cut: Cut | None = None,
        experiment: str | None = None,
        account: str | None = None,
    ) -> list[ChargeRow]:
        """The rows of a source, narrowed to what is given, ordered by day and then by name.

        Raises:
            LedgerError: a stored row is damaged.
        """
        wanted: list[tuple[str, str | None]] = [
            ("source = ?", source),
            ("day >= ?", window.start.isoformat() if window else None),
            ("day < ?", window.end.isoformat() if window else None),
            ("cut = ?", cut),
            ("experiment = ?", experiment),
            ("account = ?", account),
        ]
        given = [(condition, value) for condition, value in wanted if value is not None]
        where = " AND ".join(condition for condition, _ in given)
        with self._explained():
            found = self._connection.execute(
                f"{_SELECT} WHERE {where} ORDER BY {', '.join(COLUMNS)}",
                [value for _, value in given],
            ).fetchall()
        return [self._row(values) for values in found]

    def readings(self, *, source: Source | None = None) -> list[Reading]:
        """The windows that were read (of a source, or of all), oldest reading first."""
        with self._explained():
            found = self._connection.execute(
                "SELECT source, account, start, end, read_at FROM readings WHERE source = COALESCE(?, source)"
                " ORDER BY read_at, start, end, source, account",
                (source,),
            ).fetchall()
        return [
            Reading(
                source=found_source,
                account=account,
                window=Window(start=date.fromisoformat(start), end=date.fromisoformat(end)),
                read_at=read_at,
            )
            for found_source, account, start, end, read_at in found
        ]

    def _prepare(self) -> None:
        if self._version() == SCHEMA:
            return
        with self._transaction():
            version = self._version()  # another program may have made it meanwhile
            if version == SCHEMA:
                return
            tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version != 0 or tables:
                raise LedgerError(
                    f"{self.name}: schema {version} is not {SCHEMA}, which this program writes; move the file away, and"
                    " the next report reads its window again"
                )
            for statement in _CREATE:
                self._connection.execute(statement)

    def _version(self) -> int:
        with self._explained():
            return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _row(self, values: tuple[Any, ...]) -> ChargeRow:
        plain = dict(zip(COLUMNS, values, strict=True))
        for name in AMOUNTS:
            if plain[name] is not None:
                try:
                    plain[name] = Decimal(plain[name])
                except InvalidOperation as error:
                    raise LedgerError(
                        f"{self.name}: {name} {plain[name]!r} of {plain['day']} {plain['service']} is no number"
                    ) from error
        plain["estimated"] = bool(plain["estimated"])
        return ChargeRow(**plain)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One transaction that holds the file's write lock from its beginning."""
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) in _BUSY:
                raise LedgerError(
                    f"{self.name}: another program has been writing for more than {self.timeout_s:g} s; try again when"
                    " it has ended"
                ) from error
            raise LedgerError(
                f"{self.name}: the ledger cannot be used ({error}); if the file is damaged, move it away, and the next"
                " report reads its window again"
            ) from error


def _wrong(
    row: ChargeRow, source: Source, account: str | None, window: Window, cuts: Collection[Cut] | None
) -> str | None:
    try:
        day = date.fromisoformat(row.day)
    except ValueError:
        return f"has the day {row.day!r}, which is none"
    if row.day != day.isoformat() or not window.start <= day < window.end:
        return f"lies outside {window.start} to {window.end} (exclusive)"
    if row.source != source:
        return f"is {row.source}, not {source}"
    if row.account != account:
        return f"is of account {row.account}, not {account}"
    if cuts is not None and row.cut not in cuts:
        return f"is of the cut {row.cut}, which is not among those that are replaced"
    for name in AMOUNTS:
        amount = getattr(row, name)
        if amount is not None and not amount.is_finite():
            return f"has {name} {amount}, which is no number"
    return None


def _name(row: ChargeRow) -> str:
    parts = (row.day, row.cut, row.experiment, row.approach, row.service, row.usage_type)
    return " ".join(part for part in parts if part)


def _text(value: str | bool | Decimal | None) -> str | int | None:
    if isinstance(value, bool):
        return int(value)
    return plain_decimal(value) if isinstance(value, Decimal) else value
