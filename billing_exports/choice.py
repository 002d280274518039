"""Which exports to read where several hold the same bill: for each month the most useful one that holds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from billing_exports.formats import PREFERENCE, ExportError, Format
from billing_exports.sources import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The groups to read, by month; their formats, and notes where the reader should know which they are."""

    groups: tuple[Group, ...]
    formats: tuple[Format, ...]
    notes: tuple[str, ...]

    @property
    def format(self) -> str:
        """The formats in words."""
        return " and ".join(self.formats)


def choose(groups: Sequence[Group], formats: Mapping[str, Format]) -> Choice:
    """Return every month once. `formats`: that of each export.

    Where a file lies in no folder of a month, the months that it holds are not known: only one export is read then.

    Raises:
        ExportError: two exports of one format hold the same bill, or files without a month's folder cannot be told from
            those in one.
    """
    by_month = all(group.period is not None for group in groups)
    holders: dict[str | None, set[str]] = {}
    for group in groups:
        holders.setdefault(group.period if by_month else None, set()).add(group.export)
    best = {month: _best(exports, formats, month) for month, exports in holders.items()}
    selected = [group for group in groups if group.export == best[group.period if by_month else None]]
    if len(selected) > 1 and (loose := next((group for group in selected if group.period is None), None)):
        raise ExportError(
            f"{loose.files[0].name} lies beside the folders of months; whether they hold the same lines cannot be told:"
            " move it into the folder of its month, or away"
        )
    read = sorted({group.export for group in selected}, key=lambda export: _rank(export, formats))
    return Choice(
        groups=tuple(sorted(selected, key=lambda group: group.period or "")),
        formats=tuple(dict.fromkeys(formats[export] for export in read)),
        notes=(*_months_of(read, selected, formats), *_unread(set(formats) - set(read), formats, by_month=by_month)),
    )


def _best(exports: Iterable[str], formats: Mapping[str, Format], month: str | None) -> str:
    best, *others = sorted(exports, key=lambda export: _rank(export, formats))
    if others and formats[others[0]] == formats[best]:
        bill = "the same bill" if month is None else f"the same bill of {month}"
        raise ExportError(
            f"{best or '.'} and {others[0] or '.'} are both exports of {formats[best]} and may hold {bill}; name the"
            " folder of one, or move the other away"
        )
    return best


def _rank(export: str, formats: Mapping[str, Format]) -> tuple[int, str]:
    return PREFERENCE.index(formats[export]), export


def _months_of(read: Sequence[str], groups: Iterable[Group], formats: Mapping[str, Format]) -> Iterable[str]:
    if len(read) < 2:
        return
    months = {export: [str(group.period) for group in groups if group.export == export] for export in read}
    origins = (f"{', '.join(sorted(months[export]))} from {export or '.'} ({formats[export]})" for export in read)
    yield f"The months were read from several exports: {'; '.join(origins)}."


def _unread(exports: Iterable[str], formats: Mapping[str, Format], *, by_month: bool) -> Iterable[str]:
    for export in sorted(exports, key=lambda export: _rank(export, formats)):
        name = f"The export {export or '.'} ({formats[export]})"
        if by_month:
            yield f"{name} holds the same bill and was not read."
        else:
            yield f"{name} may hold the same bill and was not read; its folder can be read alone."
