"""Times and months, written and read in one way everywhere (ISO 8601 in UTC, with a Z), and deadlines."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Literal


def stamp(moment: datetime, timespec: Literal["auto", "seconds"] = "seconds") -> str:
    """Return `2026-11-26T22:52:04Z`; `auto` keeps microseconds where there are any.

    Raises:
        ValueError: `moment` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"time {moment.isoformat()} has no time zone; give it in UTC")
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Return an ISO 8601 time as UTC.

    Raises:
        ValueError: `text` is no time, has no offset, or lies beyond the years that there are.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r} has no offset; write it in UTC with a Z at its end")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"time {text!r} lies beyond the years that there are") from error


def first_of_month(day: date, months: int = 0) -> date:
    """Return the first day of the month of `day`, or of the month `months` later (earlier, where negative)."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


class Deadline:
    """A moment on the monotonic clock after which no new work begins."""

    def __init__(self, expires_at: float) -> None:
        self._expires_at = expires_at

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def remaining_s(self) -> float:
        """Return the seconds left, at least 0."""
        return max(0.0, self._expires_at - time.monotonic())

    @property
    def expired(self) -> bool:
        return self.remaining_s() <= 0
