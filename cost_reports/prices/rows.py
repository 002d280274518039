"""One row of a price file: read, checked, held against another. The catalogue is made of these."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from contracts.money import Confidence, PriceRow, UsageRow
from contracts.units import unit_of
from cost_reports.prices.usage_types import REGION_PREFIXES

GLOBAL = "global"
#: Nothing that AWS sells costs more for a unit, or, unless it is free, less: such a price is a slip of the pen.
DEAREST_USD, CHEAPEST_USD = Decimal(10) ** 9, Decimal("1E-18")


class PriceError(ValueError):
    """The catalogue is wrong, or does not know a price. The message names the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpublished:
    """A usage type that AWS bills at a rate which no public source gives: counted in `unit`, never given a price.

    `description` says in words what is billed, `why` what was found instead of a rate, `as_of` when it was looked for.
    """

    service_code: str
    usage_type: str
    description: str
    unit: str
    region: str
    why: str
    as_of: str

    @property
    def name(self) -> str:
        """What is billed, in words, and its usage type."""
        return f"{self.description} ({self.service_code} {self.usage_type})"


def name_of(row: PriceRow | UsageRow) -> str:
    """`AmazonS3 Requests-Tier1`, with the operation where it tells rows apart."""
    return f"{row.service_code} {row.usage_type}" + (f" ({row.operation})" if row.operation else "")


def price_row(plain: dict[str, Any]) -> PriceRow:
    """A PriceRow from the values of a price file, numbers as text.

    Raises:
        PriceError: a field is unknown or missing, or a number is none.
    """
    if not isinstance(plain, dict):
        raise PriceError(f"price {plain!r} is no object with fields")
    known = {f.name for f in fields(PriceRow)}
    name = f"{plain.get('service_code')} {plain.get('usage_type')}"
    if unknown := sorted(set(plain) - known):
        raise PriceError(f"price {name}: unknown field {unknown[0]!r}")
    if plain.get("usd") is None:
        raise PriceError(f"price {name}: usd is missing")
    values = dict(plain)
    for number in ("usd", "tier_from", "tier_to"):
        if values.get(number) is not None:
            if not isinstance(values[number], str):
                raise PriceError(f"price {name}: {number} must be a decimal number written as text")
            try:
                values[number] = Decimal(values[number])
            except InvalidOperation as error:
                raise PriceError(f"price {name}: {number} {values[number]!r} is no number") from error
    try:
        return PriceRow(**values)
    except TypeError as error:
        raise PriceError(f"price {name}: {error}") from error


def check(row: PriceRow) -> None:
    """Refuse a row that cannot be a price.

    Raises:
        PriceError: source or date is missing, or a unit, region, confidence, number or range is impossible.
    """

    def wrong(what: str) -> PriceError:
        return PriceError(f"price {name_of(row)} {row.description!r}: {what}")

    for name in ("service_code", "usage_type", "source", "as_of"):
        if not str(getattr(row, name) or "").strip():
            raise wrong(f"{name} is missing")
    for name in ("service_code", "usage_type", "operation", "description", "unit", "region", "source", "as_of"):
        if not isinstance(getattr(row, name), str):
            raise wrong(f"{name} {getattr(row, name)!r} is no text")
    for name in ("effective_from", "effective_to"):
        if (day := getattr(row, name)) is not None and not _is_date(day):
            raise wrong(f"{name} {day!r} is no date; write YYYY-MM-DD")
    if not row.usd.is_finite() or row.usd < 0:
        raise wrong(f"usd {row.usd} is not a price")
    if row.usd and not CHEAPEST_USD <= row.usd <= DEAREST_USD:
        raise wrong(f"usd {row.usd} is absurd: from {CHEAPEST_USD} to {DEAREST_USD:,} for one {row.unit}, or 0")
    for name in ("tier_from", "tier_to"):
        if (bound := getattr(row, name)) is not None and not bound.is_finite():
            raise wrong(f"{name} {bound} is no number; leave tier_to out where there is no end")
    if row.region != GLOBAL and row.region not in REGION_PREFIXES:
        raise wrong(f"region {row.region!r} is unknown")
    if row.confidence not in get_args(Confidence):
        raise wrong(f"confidence {row.confidence!r} is unknown")
    if row.tier_from < 0 or (row.tier_to is not None and row.tier_to <= row.tier_from):
        raise wrong(f"tier {row.tier_from} to {row.tier_to} is empty")
    if row.effective_from and row.effective_to and row.effective_to <= row.effective_from:
        raise wrong(f"dates {row.effective_from} to {row.effective_to} are empty")
    try:
        unit_of(row.unit)
    except ValueError as error:
        raise wrong(str(error)) from error


def unpublished_row(plain: dict[str, Any]) -> Unpublished:
    """An `Unpublished` from the values of a price file.

    Raises:
        PriceError: a field is missing, unknown or empty, or the unit or region is not known.
    """
    if not isinstance(plain, dict):
        raise PriceError(f"unpublished rate {plain!r} is no object with fields")
    name = f"unpublished rate {plain.get('service_code')} {plain.get('usage_type')}"
    try:
        row = Unpublished(**plain)
    except TypeError as error:
        raise PriceError(f"{name}: {error}") from error
    for field in fields(Unpublished):
        if not isinstance(value := getattr(row, field.name), str) or not value.strip():
            raise PriceError(f"{name}: {field.name} is missing")
    if row.region != GLOBAL and row.region not in REGION_PREFIXES:
        raise PriceError(f"{name}: region {row.region!r} is unknown")
    try:
        unit_of(row.unit)
    except ValueError as error:
        raise PriceError(f"{name}: {error}") from error
    return row


def _is_date(text: object) -> bool:
    try:
        return isinstance(text, str) and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def overlap(a: PriceRow, b: PriceRow) -> bool:
    """Whether some usage on some day would have both prices."""
    operations = a.operation == b.operation or not a.operation or not b.operation
    tiers = (a.tier_to is None or b.tier_from < a.tier_to) and (b.tier_to is None or a.tier_from < b.tier_to)
    first = a.effective_to is None or (b.effective_from or "") < a.effective_to
    second = b.effective_to is None or (a.effective_from or "") < b.effective_to
    return operations and tiers and first and second
