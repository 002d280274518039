"""The fact table of an experiment in its bucket: what was billed, one object for each source and billing period.

Each object is replaced whole, by a conditional put. A report that is stopped between two periods leaves each of them as
it was or as it is now; the next report reads the window again and repeats the change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts import fact_table, keys
from contracts.money import ChargeRow, Cut, Source
from cost_reports.spend_report.records import Window
from lambdas.common.runtime import on_embedded_aws
from lambdas.common.store import Results, StoredObject

#: What an object's metadata say of the window that was read last.
_START, _END, _READ_AT, _DIGEST = "window-start", "window-end", "read-at", "digest"
CONTENT_TYPE = "application/gzip"
#: The format of versions before 0.1.0.
_OLD_FORMAT = ".parquet"


class FactsError(ValueError):
    """An object of the fact table cannot be read, or a row does not belong into it; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedWindow:
    """That a window was read, whether or not anything was found in it. `digest`: of the files that it was read from."""

    window: Window
    read_at: str
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodCharges:
    """What a source billed for a period. `imported`: the last reading of it; None: it was never read."""

    rows: tuple[ChargeRow, ...] = ()
    imported: ImportedWindow | None = None


class Facts:
    """The fact table of `experiment` in the results bucket."""

    def __init__(self, results: Results, experiment: str) -> None:
        self._results = results
        self._experiment = experiment

    def uri(self, source: Source, period: str) -> str:
        return self._results.uri(keys.charges(self._experiment, source, period))

    def read(self, source: Source, period: str) -> PeriodCharges:
        """Return what is kept of a period (YYYY-MM); nothing where it was never read.

        Raises:
            FactsError: the object is damaged.
        """
        stored, _ = self._results.get_with_etag(keys.charges(self._experiment, source, period))
        return self._decoded(stored, source, period)

    def read_window(self, source: Source, window: Window) -> dict[str, PeriodCharges]:
        """Return what is kept of the periods that a window touches, by period. Errors as for `read`."""
        return {period: self.read(source, period) for period in periods_of(window)}

    def written(self, source: Source) -> dict[str, datetime]:
        """Return the periods that are kept and when each was written, by what S3 lists: nothing is read."""
        prefix = f"{keys.charges_prefix(self._experiment)}source={source}/period="
        objects = ((str(o["Key"]).removeprefix(prefix).partition("/")[0], o) for o in self._results.objects(prefix))
        return {period: o["LastModified"] for period, o in objects}

    def update(self, source: Source, period: str, change: Callable[[PeriodCharges], PeriodCharges]) -> None:
        """Replace what is kept of a period by what `change` makes of it. Unchanged, it is not written.

        Optimistic locking: `change` is called again where another report wrote the period meanwhile.

        Raises:
            OvertakenError: other writers came first in every attempt.
            FactsError: the object is damaged, or an amount is not a number.
        """

        def replaced(stored: StoredObject | None) -> StoredObject | None:
            kept = self._decoded(stored, source, period)
            changed = change(kept)
            encoded = None if changed == kept else self._encoded(changed, source, period)
            return None if encoded == stored else encoded

        self._results.update(keys.charges(self._experiment, source, period), replaced)

    def replace_period(self, source: Source, period: str, charges: PeriodCharges) -> None:
        """Replace a period whole. Where a newer reading is kept, that one stays. Errors as for `update`."""
        self.update(source, period, lambda kept: kept if _is_newer(kept, charges.imported) else charges)

    def replace_window(
        self,
        rows: Iterable[ChargeRow],
        *,
        source: Source,
        account: str | None,
        imported: ImportedWindow,
        groupings: Collection[Cut] | None = None,
    ) -> None:
        """Replace all rows of (source, account) whose day lies in the window that was imported, period by period.

        `groupings` narrows it to these: a grouping that was refused this time keeps what was read before. A period of
        which a newer reading is kept stays as it is.

        Raises:
            FactsError: a row is outside the window, or of another source, account or grouping. Nothing is changed then.
        """
        window = imported.window
        by_period: dict[str, list[ChargeRow]] = {period: [] for period in periods_of(window)}
        for number, row in enumerate(rows, start=1):
            if (wrong := _wrong(row, source, account, window, groupings)) is not None:
                raise FactsError(f"{self._folder()}: row {number} ({_name(row)}) {wrong}; nothing was changed")
            by_period[row.billing_period].append(row)

        def is_replaced(row: ChargeRow) -> bool:
            is_among = groupings is None or row.cut in groupings
            return row.account == account and is_among and window.start.isoformat() <= row.day < window.end.isoformat()

        for period, new in by_period.items():

            def change(kept: PeriodCharges, new: Sequence[ChargeRow] = new) -> PeriodCharges:
                if _is_newer(kept, imported):
                    return kept
                others = [row for row in kept.rows if not is_replaced(row)]
                return PeriodCharges(rows=(*others, *new), imported=imported)

            self.update(source, period, change)

    def old_format(self) -> str | None:
        """Return one line about objects of an earlier format, None without any."""
        prefix = keys.report_prefix(self._experiment, "facts")
        old = [key for key in self._results.list_keys(prefix) if key.endswith(_OLD_FORMAT)]
        if not old:
            return None
        others = f" and {len(old) - 1} more {_OLD_FORMAT} objects below {prefix}" if len(old) > 1 else ""
        return (
            f"{self._results.uri(old[0])}{others}: an earlier version kept there what was billed; nothing reads it any"
            " more, so delete it. Each daily report reads its whole window again."
        )

    def _folder(self) -> str:
        return self._results.uri(keys.charges_prefix(self._experiment))

    def _encoded(self, charges: PeriodCharges, source: Source, period: str) -> StoredObject:
        imported = charges.imported
        if imported is None:
            raise FactsError(f"{self.uri(source, period)}: rows without the window that they were read of")
        try:
            body = fact_table.encode(charges.rows, simulated=on_embedded_aws())
        except ValueError as error:
            raise FactsError(f"{self.uri(source, period)}: cannot be written: {error}") from error
        metadata = {
            _START: imported.window.start.isoformat(),
            _END: imported.window.end.isoformat(),
            _READ_AT: imported.read_at,
            _DIGEST: imported.digest,
        }
        return StoredObject(
            body=body, content_type=CONTENT_TYPE, metadata={name: text for name, text in metadata.items() if text}
        )

    def _decoded(self, stored: StoredObject | None, source: Source, period: str) -> PeriodCharges:
        if stored is None:
            return PeriodCharges()
        try:
            rows = fact_table.decode(stored.body)
            about = stored.metadata
            missing = [name for name in (_START, _END, _READ_AT) if name not in about]
            if missing:
                raise ValueError(f"its metadata have no {', '.join(missing)}")
            window = Window(start=date.fromisoformat(about[_START]), end=date.fromisoformat(about[_END]))
            foreign = next((row for row in rows if (row.source, row.billing_period) != (source, period)), None)
            if foreign is not None:
                raise ValueError(f"it holds a row of {foreign.source} {foreign.billing_period}")
        except ValueError as error:
            raise FactsError(
                f"{self.uri(source, period)}: the charges cannot be read ({error}); delete the object, and what is read"
                " next makes a new one"
            ) from error
        imported = ImportedWindow(window=window, read_at=about[_READ_AT], digest=about.get(_DIGEST, ""))
        return PeriodCharges(rows=tuple(rows), imported=imported)


def periods_of(window: Window) -> list[str]:
    """Return the months (YYYY-MM) that a window touches."""
    last = window.end - timedelta(days=1)
    first_month, last_month = (12 * day.year + day.month - 1 for day in (window.start, last))
    return [f"{month // 12}-{month % 12 + 1:02}" for month in range(first_month, last_month + 1)]


def _is_newer(kept: PeriodCharges, imported: ImportedWindow | None) -> bool:
    return kept.imported is not None and imported is not None and kept.imported.read_at > imported.read_at


def _wrong(
    row: ChargeRow, source: Source, account: str | None, window: Window, groupings: Collection[Cut] | None
) -> str | None:
    """Return why a row is not part of a reading; None where it is."""
    try:
        day = date.fromisoformat(row.day)
    except ValueError:
        return f"has an invalid day (got {row.day!r}; write it as YYYY-MM-DD)"
    if row.day != day.isoformat() or not window.start <= day < window.end:
        return f"lies outside {window.start} to {window.end} (exclusive)"
    if row.billing_period not in periods_of(window):
        return f"is billed in {row.billing_period}, outside {window.start} to {window.end} (exclusive)"
    if row.source != source:
        return f"is {row.source}, not {source}"
    if row.account != account:
        return f"is of account {row.account}, not {account}"
    if groupings is not None and row.cut not in groupings:
        return f"is of the grouping {row.cut}, which is not among those that are replaced"
    for name in fact_table.AMOUNTS:
        amount = getattr(row, name)
        if amount is not None and not amount.is_finite():
            return f"has {name} {amount}, which is not a number"
    return None


def _name(row: ChargeRow) -> str:
    parts = (row.day, row.cut, row.experiment, row.approach, row.service, row.usage_type)
    return " ".join(part for part in parts if part)
