"""Quantities convert exactly, and money is rounded once."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.units import UNITS, convert, ratio, reading_unit, to_decimal

amounts = st.decimals(min_value=0, max_value=10**9, places=3, allow_nan=False)


@given(st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)), amounts)
def test_units_convert_there_and_back(a: str, b: str, amount: Decimal) -> None:
    if UNITS[a].dimension != UNITS[b].dimension:
        with pytest.raises(ValueError, match="measure different things"):
            ratio(a, b, "2026-02-01")
        return
    there = convert(amount, a, b, "2026-02-01")
    assert there * ratio(b, a, "2026-02-01") == Fraction(amount)


def test_known_conversions() -> None:
    assert convert(Decimal(7200), "instance-second", "instance-hour") == 2
    assert convert(Decimal(1), "TB", "GB") == 1024
    assert convert(Decimal(1), "GB-month", "byte-second", "2026-02-10") == 1024**3 * 28 * 86400
    assert reading_unit("1M tokens") == "tokens"
    assert reading_unit("OCU-hour") == "OCU-hour"
    with pytest.raises(ValueError, match="only for a given month"):
        ratio("GB-month", "byte-second")
    with pytest.raises(ValueError, match="does not begin with YYYY-MM"):
        ratio("GB-month", "byte-second", "soon")


@pytest.mark.parametrize(
    ("value", "text"),
    [("1/3", "0.333333333333"), ("-1/3", "-0.333333333333"), ("0.0000000000005", "0"), ("0.0000000000015", "2E-12")],
)
def test_rounding_is_half_even(value: str, text: str) -> None:
    assert to_decimal(Fraction(value)) == Decimal(text)
