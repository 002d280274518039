"""One row of a price file: read, checked, held against another. The catalogue is made of these."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar, get_args

from contracts.money import Confidence, PriceRow, UsageRow
from contracts.units import unit_of
from cost_reports.prices.usage_types import REGION_PREFIXES

T = TypeVar("T")
GLOBAL = "global"
#: Nothing that AWS sells costs more for a unit, or, unless it is free, less: such a price is a slip of the pen.
MOST_USD, LEAST_USD = Decimal(10) ** 9, Decimal("1E-18")


class PriceError(ValueError):
    """The catalogue is wrong, or does not know a price. The message names the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpublished:
    """A usage type that AWS bills at a rate without a public source: counted in `unit`, never given a price.

    `description` says in words what is billed, `why` what is known instead of a rate, `as_of` when it was looked for.
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
        """Return what is billed, in words, and its usage type."""
        return f"{self.description} ({self.service_code} {self.usage_type})"


def name_of(row: PriceRow | UsageRow) -> str:
    """Return `AmazonS3 Requests-Tier1`, with the operation where it tells rows apart."""
    return f"{row.service_code} {row.usage_type}" + (f" ({row.operation})" if row.operation else "")


def price_row(plain: Any) -> PriceRow:
    """Return a PriceRow from the values of a price file, numbers as text.

    Raises:
        PriceError: a field is unknown or missing, or a number is not one.
    """
    if not isinstance(plain, dict):
        raise PriceError(f"price: not an object with fields (got {plain!r})")
    name = f"price {plain.get('service_code')} {plain.get('usage_type')}"
    if unknown := sorted(set(plain) - {f.name for f in fields(PriceRow)}):
        raise PriceError(f"{name}: unknown field {unknown[0]!r}")
    if plain.get("usd") is None:
        raise PriceError(f"{name}: usd is missing")
    values = dict(plain)
    for number in ("usd", "tier_from", "tier_to"):
        if values.get(number) is not None:
            if not isinstance(values[number], str):
                raise PriceError(f"{name}: {number} must be a decimal number written as text")
            try:
                values[number] = Decimal(values[number])
            except InvalidOperation as error:
                raise PriceError(f"{name}: {number} is not a number (got {values[number]!r})") from error
    return build(PriceRow, values, name)


def build(cls: type[T], plain: Any, name: str) -> T:
    """Return a record from the values of a price file.

    Raises:
        PriceError: they are not an object, or a field is unknown or missing; the message begins with `name`.
    """
    if not isinstance(plain, dict):
        raise PriceError(f"{name}: not an object with fields (got {plain!r})")
    try:
        return cls(**plain)
    except TypeError as error:
        raise PriceError(f"{name}: {error}") from error


def check(row: PriceRow) -> None:
    """Refuse a row that cannot be a price.

    Raises:
        PriceError: source or date is missing, or a unit, region, confidence, number or range is impossible.
    """

    name = f"price {name_of(row)} {row.description!r}"

    def wrong(what: str) -> PriceError:
        return PriceError(f"{name}: {what}")

    for field in ("service_code", "usage_type", "source", "as_of"):
        if not str(getattr(row, field) or "").strip():
            raise wrong(f"{field} is missing")
    for field in ("service_code", "usage_type", "operation", "description", "unit", "region", "source", "as_of"):
        if not isinstance(value := getattr(row, field), str):
            raise wrong(f"{field} must be text (got {value!r})")
    for field in ("effective_from", "effective_to"):
        if (day := getattr(row, field)) is not None and not _is_date(day):
            raise wrong(f"{field} is not a date (got {day!r}); write YYYY-MM-DD")
    if not row.usd.is_finite() or row.usd < 0:
        raise wrong(f"usd is not a price (got {row.usd})")
    if row.usd and not LEAST_USD <= row.usd <= MOST_USD:
        raise wrong(f"usd {row.usd} is absurd: from {LEAST_USD} to {MOST_USD:,} for one {row.unit}, or 0")
    for field in ("tier_from", "tier_to"):
        if (bound := getattr(row, field)) is not None and not bound.is_finite():
            raise wrong(f"{field} is not a number (got {bound}); leave tier_to out where there is no end")
    if row.confidence not in get_args(Confidence):
        raise wrong(f"confidence {row.confidence!r} is unknown")
    if row.tier_from < 0 or (row.tier_to is not None and row.tier_to <= row.tier_from):
        raise wrong(f"tier {row.tier_from} to {row.tier_to} is empty")
    if row.effective_from and row.effective_to and row.effective_to <= row.effective_from:
        raise wrong(f"dates {row.effective_from} to {row.effective_to} are empty")
    _check_names(row, name)


def unpublished_row(plain: Any) -> Unpublished:
    """Return an `Unpublished` from the values of a price file.

    Raises:
        PriceError: a field is missing, unknown or empty, or the unit or region is not known.
    """
    kind = plain.get("usage_type") if isinstance(plain, dict) else None
    name = f"unpublished rate {kind}"
    row = build(Unpublished, plain, name)
    for field in fields(Unpublished):
        if not isinstance(value := getattr(row, field.name), str) or not value.strip():
            raise PriceError(f"{name}: {field.name} is missing")
    _check_names(row, name)
    return row


def _check_names(row: PriceRow | Unpublished, name: str) -> None:
    if row.region != GLOBAL and row.region not in REGION_PREFIXES:
        raise PriceError(f"{name}: region {row.region!r} is unknown")
    try:
        unit_of(row.unit)
    except ValueError as error:
        raise PriceError(f"{name}: {error}") from error


def _is_date(text: object) -> bool:
    try:
        return isinstance(text, str) and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def overlap(a: PriceRow, b: PriceRow) -> bool:
    """Return whether some usage on some day would have both prices."""
    operations = a.operation == b.operation or not a.operation or not b.operation
    tiers = (a.tier_to is None or b.tier_from < a.tier_to) and (b.tier_to is None or a.tier_from < b.tier_to)
    first = a.effective_to is None or (b.effective_from or "") < a.effective_to
    second = b.effective_to is None or (a.effective_from or "") < b.effective_to
    return operations and tiers and first and second
