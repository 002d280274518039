"""When money appears on the bill, and when it is final: UTC, by the bill's own clock.

- A day is shown from 24 hours after its end: nothing of today or yesterday is on the bill.
- Storage and state transitions of a day come another 24 hours later, so the day is restated once.
- A month is closed, and no longer estimated, from the sixth day of the next month on.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from contracts.times import first_of_month
from offline.billing.bill.line import USAGE, Line

DAY = timedelta(days=1)
#: From a day's first moment to the moment when it is shown; late lines come another day later.
SHOWN_AFTER, LATE_AFTER = 2 * DAY, 3 * DAY
MONTH_CLOSES_ON = 6
#: The years that the bill and its clock know.
FIRST_YEAR, LAST_YEAR = 2000, 2199
LATE_SERVICE, LATE_USAGE = "AmazonStates", "Storage"


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def is_late(line: Line) -> bool:
    """Return whether the line comes a day after the rest of its day."""
    return line.record_type == USAGE and (line.service_code == LATE_SERVICE or LATE_USAGE in line.usage_type)


def shown_from(line: Line) -> datetime:
    if line.shown_from is not None:
        return line.shown_from
    return midnight(line.day) + (LATE_AFTER if is_late(line) else SHOWN_AFTER)


def last_shown(now: datetime) -> date:
    """Return the last day of which anything can be on the bill."""
    return (now - SHOWN_AFTER).date()


def last_complete(now: datetime) -> date:
    """Return the last day that is whole, late lines included."""
    return (now - LATE_AFTER).date()


def is_closed(day: date, now: datetime) -> bool:
    """Return whether the month of `day` is closed."""
    return now >= midnight(first_of_month(day, 1).replace(day=MONTH_CLOSES_ON))
