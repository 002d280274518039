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


def window_asked(event: dict[str, Any], today: date) -> Window | None:
    """The window that `since` and `until` of an event ask for (`until` is the first day that is left out); null where
    it names neither.

    Raises:
        ValueError: a date is no date, or the window is empty.
    """
    since, until = _day(event, "since"), _day(event, "until")
    if since is None and until is None:
        return None
    usual = window_of(today)
    try:
        return Window(start=since or usual.start, end=until or usual.end)
    except ValueError as error:
        raise ValueError(f"since {since or usual.start}, until {until or usual.end}: {error}") from error


def time_asked(event: dict[str, Any], now: datetime) -> datetime:
    """`as_of` of an event, the clock of the embedded AWS's bill; without it, now.

    Raises:
        ValueError: it is no time, or this is AWS, whose bill nobody puts forward.
    """
    text = event.get("as_of")
    if text is None:
        return now
    if not on_embedded_aws():
        raise ValueError(f"as_of: {text!r} is for the simulated bill of an embedded AWS; this is AWS")
    try:
        return parse_time(text)
    except (TypeError, ValueError) as error:
        raise ValueError(f"as_of: {text!r} is no time: {error}") from error


def notes_on_time(asked: datetime, now: datetime) -> tuple[str, ...]:
    """What a reader must know of a bill whose clock is not the usual one."""
    if abs(asked - now) < CLOCKS_DIFFER:
        return ()
    return (f"The clock of this simulated bill was put forward: it shows what AWS would show at {stamp(asked)}.",)


def budget(text: str) -> Decimal | None:
    """USD a month; null where none is set (0).

    Raises:
        ValueError: it is no amount of money.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"MONTHLY_BUDGET_USD {text!r} is no amount in USD") from error
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"MONTHLY_BUDGET_USD {text!r} is no amount in USD")
    return amount or None


def is_day(text: str) -> bool:
    """Whether `text` is a day as reports are named by it, YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _day(event: dict[str, Any], name: str) -> date | None:
    text = event.get(name)
    if text is None:
        return None
    if not isinstance(text, str) or not is_day(text):
        raise ValueError(f"{name}: {text!r} is no day; write it as YYYY-MM-DD")
    return date.fromisoformat(text)
