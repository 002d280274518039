from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from contracts.times import first_of_month, parse_time, stamp


def test_stamps_are_utc_with_a_z() -> None:
    assert stamp(datetime.fromisoformat("2026-11-30T23:30:00.5-10:00")) == "2026-12-01T09:30:00Z"
    assert stamp(datetime(2026, 11, 30, 1, 2, 3, 500, tzinfo=UTC), "auto") == "2026-11-30T01:02:03.000500Z"
    assert stamp(datetime(2026, 11, 30, tzinfo=UTC), "auto") == "2026-11-30T00:00:00Z"
    with pytest.raises(ValueError, match="has no time zone"):
        stamp(datetime(2026, 11, 30))  # noqa: DTZ001


def test_times_are_read_as_utc() -> None:
    assert parse_time("2026-11-30T23:30:00-10:00") == datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
    for text, message in (
        ("2026-11-30T00:00:00", "has no offset"),
        ("soon", "Invalid isoformat string"),
        ("9999-12-31T23:00:00-05:00", "lies beyond the years"),
    ):
        with pytest.raises(ValueError, match=message):
            parse_time(text)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 31), -1, date(2025, 12, 1)),
        (date(2026, 12, 1), 0, date(2026, 12, 1)),
        (date(2026, 3, 31), -12, date(2025, 3, 1)),
        (date(2026, 12, 31), 1, date(2027, 1, 1)),
        (date(2026, 1, 15), -13, date(2024, 12, 1)),
    ],
)
def test_months_are_counted_over_the_ends_of_years(day: date, months: int, expected: date) -> None:
    assert first_of_month(day, months) == expected
