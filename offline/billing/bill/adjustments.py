"""Adjustments by the control route: rows of any kind, and later changes of lines that the bill has already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, TypeVar

from contracts import json_codec, times
from contracts.units import MONEY, WIDE, to_decimal
from cost_reports.prices.bill_names import service_code
from offline.billing.bill import dates
from offline.billing.bill.bedrock_names import SUPPORTED_CODES
from offline.billing.bill.line import Line

RecordType = Literal["Usage", "Credit", "Refund", "Tax", "Fee", "Support", "Discount"]
#: They lower the bill, so their amounts are not above zero.
REDUCTIONS = frozenset({"Credit", "Refund", "Discount"})
T = TypeVar("T")


class RowError(ValueError):
    """A row that is refused; the message names the row and the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line for the bill. `usd` and `quantity` are decimal text; `shown_from` is an ISO 8601 time (None: the usual
    rule). `attributes` are product attributes (`model`, `provider`, ...) of a row of Bedrock.
    """

    day: str
    service: str
    usd: Decimal
    record_type: RecordType = "Usage"
    service_code: str | None = None
    usage_type: str = ""
    operation: str = ""
    quantity: Decimal = Decimal(0)
    unit: str | None = None
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    shown_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """From the bill's time `at` on, amounts and quantities of matching lines are `factor` times what they were.

    None matches every line; `cell` is the value of the tag `cost-cell`.
    """

    at: str
    factor: Decimal
    day: str | None = None
    service: str | None = None
    usage_type: str | None = None
    record_type: str | None = None
    cell: str | None = None

    def fits(self, line: Line) -> bool:
        values = (line.day.isoformat(), line.service, line.usage_type, line.record_type, line.tags.get("cost-cell"))
        conditions = (self.day, self.service, self.usage_type, self.record_type, self.cell)
        return all(want is None or have == want for have, want in zip(values, conditions, strict=True))

    def amount(self, usd: Decimal) -> Decimal:
        """Return `usd` restated, rounded half-even to 12 decimals."""
        return to_decimal(Fraction(usd) * Fraction(self.factor))


def parse_rows(given: Any) -> list[Row]:
    """Return the rows of a control request.

    Raises:
        RowError: one of them is wrong.
    """
    rows = _parse(Row, given, "rows")
    for number, row in enumerate(rows):
        where = f"rows[{number}]"
        _day(row.day, f"{where}.day")
        _time(row.shown_from, f"{where}.shown_from")
        _number(row.usd, f"{where}.usd")
        _number(row.quantity, f"{where}.quantity")
        if WIDE.quantize(row.usd, MONEY) != row.usd:
            raise RowError(f"{where}.usd: {row.usd} has more than 12 decimals")
        if row.record_type in REDUCTIONS and row.usd > 0:
            raise RowError(f"{where}.usd: a {row.record_type} lowers the bill, so it is not above 0: {row.usd}")
        if not row.service:
            raise RowError(f"{where}.service: expected a name, for instance Amazon Bedrock")
        if row.quantity and row.unit is None:
            raise RowError(f"{where}.unit: a quantity needs a unit")
        if row.attributes and _code(row) not in SUPPORTED_CODES:
            raise RowError(f"{where}.attributes: only Amazon Bedrock has product attributes, not {row.service}")
    return rows


def parse_restatements(given: Any) -> list[Restatement]:
    """Return the restatements of a control request.

    Raises:
        RowError: one of them is wrong.
    """
    restatements = _parse(Restatement, given, "restatements")
    for number, restatement in enumerate(restatements):
        where = f"restatements[{number}]"
        _time(restatement.at, f"{where}.at")
        _number(restatement.factor, f"{where}.factor")
        if restatement.day is not None:
            _day(restatement.day, f"{where}.day")
    return restatements


def line_of(row: Row, region: str) -> Line:
    code = _code(row)
    return Line(
        day=date.fromisoformat(row.day),
        record_type=row.record_type,
        service=row.service,
        service_code=code,
        usage_type=row.usage_type,
        operation=row.operation,
        region=region,
        unit=row.unit,
        quantity=Fraction(row.quantity),
        usd=row.usd,
        description=row.description or f"{row.record_type} for {row.service}",
        tags=row.tags,
        attributes=row.attributes if code in SUPPORTED_CODES else None,
        shown_from=None if row.shown_from is None else times.parse_time(row.shown_from),
    )


def _code(row: Row) -> str:
    if row.service_code is not None:
        return row.service_code
    return service_code(row.service) or ""


def _parse(cls: type[T], given: Any, name: str) -> list[T]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise RowError(f"{name}: expected a list")
    entries = []
    for number, entry in enumerate(given):
        try:
            entries.append(json_codec.from_jsonable(cls, entry))
        except (ValueError, ArithmeticError) as error:
            text = str(error) if isinstance(error, ValueError) else "an amount is not a decimal number"
            raise RowError(f"{name}[{number}]: {text}") from error
    return entries


def _day(text: str, where: str) -> None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise RowError(f"{where}: invalid date {text!r}: expected YYYY-MM-DD")
    if not dates.FIRST_YEAR <= day.year <= dates.LAST_YEAR:
        raise RowError(f"{where}: {text} is not within the years {dates.FIRST_YEAR} to {dates.LAST_YEAR} of this bill")


def _time(text: str | None, where: str) -> None:
    try:
        if text is not None:
            times.parse_time(text)
    except ValueError as error:
        raise RowError(f"{where}: {error}") from error


def _number(number: Decimal, where: str) -> None:
    if not number.is_finite() or abs(number) >= Decimal(10) ** 18:
        raise RowError(f"{where}: invalid amount {number}: expected a number below 10^18")
