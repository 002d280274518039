"""What an event and the settings ask of a spend report: which days, which time, which budget."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from contracts.times import parse_time, stamp
from cost_reports.cost_explorer.requests import window_of
from cost_reports.spend_report.records import Window
from lambdas.common.runtime import on_embedded_aws

CLOCKS_DIFFER = timedelta(minutes=5)


def requested_window(event: dict[str, Any], today: date) -> Window | None:
    """Return the window of `since` and `until` of an event (end exclusive); None where it names neither.

    Raises:
        ValueError: a date is not a date, or the window is empty.
    """
    since, until = _day(event, "since"), _day(event, "until")
    if since is None and until is None:
        return None
    usual = window_of(today)
    try:
        return Window(start=since or usual.start, end=until or usual.end)
    except ValueError as error:
        raise ValueError(f"since {since or usual.start}, until {until or usual.end}: {error}") from error


def requested_time(event: dict[str, Any], now: datetime) -> datetime:
    """Return `as_of` of an event, the clock of the embedded AWS's bill; without it, now.

    Raises:
        ValueError: it is not a time, or this is AWS, whose bill has no clock to put forward.
    """
    text = event.get("as_of")
    if text is None:
        return now
    if not on_embedded_aws():
        raise ValueError(f"as_of: only the simulated bill of an embedded AWS takes a time (got {text!r}); leave it out")
    try:
        return parse_time(text)
    except (TypeError, ValueError) as error:
        raise ValueError(f"as_of: not a time (got {text!r}): {error}") from error


def notes_on_time(now: datetime, clock: datetime) -> tuple[str, ...]:
    """Return what a reader must know of a bill of `now`, where that is not what the clock says."""
    if abs(now - clock) < CLOCKS_DIFFER:
        return ()
    return (f"The clock of this simulated bill was put forward: it shows what AWS would show at {stamp(now)}.",)


def budget(text: str) -> Decimal | None:
    """Return USD a month; None where no budget is set (0).

    Raises:
        ValueError: it is not an amount of money.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"MONTHLY_BUDGET_USD: not an amount in USD (got {text!r}); set 0 or more")
    return amount or None


def is_day(text: str) -> bool:
    """Return whether `text` is a day as reports are named by it, YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _day(event: dict[str, Any], name: str) -> date | None:
    text = event.get(name)
    if text is None:
        return None
    if not isinstance(text, str) or not is_day(text):
        raise ValueError(f"{name}: not a day (got {text!r}); write it as YYYY-MM-DD")
    return date.fromisoformat(text)
