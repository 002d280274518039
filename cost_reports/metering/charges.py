"""Usage times price. Amounts are exact to 12 decimals, sums are exact and do not depend on the order of the rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeVar

from contracts.aws_names import report_name
from contracts.money import ChargeRow, PriceRow, UsageRow
from contracts.times import parse_time, stamp
from contracts.units import MONEY, WIDE, ratio, reading_unit, to_decimal
from cost_reports.prices.catalogue import Catalogue, PriceError, name_of

K = TypeVar("K", bound=Hashable)

Kind = Literal["estimated", "metered"]
MICROSECOND = timedelta(microseconds=1)
UTC_ENDS = ("Z", "+00:00")


def total(rows: Iterable[ChargeRow]) -> Decimal:
    """Return the sum of `amount_usd`, exact."""
    return exact_sum(row.amount_usd for row in rows)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Return the sum without rounding, in any order: the context is wider than any money at 12 decimals."""
    result = Decimal(0)
    for amount in amounts:
        result = WIDE.add(result, amount)
    return result


def sum_by(rows: Iterable[ChargeRow], key: Callable[[ChargeRow], K]) -> dict[K, Decimal]:
    """Return exact sums of `amount_usd` by `key`, in the order of falling amount, then of the key's text."""
    sums: dict[K, Decimal] = {}
    for row in rows:
        k = key(row)
        sums[k] = WIDE.add(sums.get(k, Decimal(0)), row.amount_usd)
    return dict(sorted(sums.items(), key=lambda item: (-item[1], str(item[0]))))


def split_by_day(row: UsageRow) -> list[UsageRow]:
    """Return `row` as one row for each UTC day that it touches; the amounts add up to its amount exactly.

    Time-accruing usage (a unit that ends in `second`) is spread evenly over its time; counted usage stays on the day on
    which it began.

    Raises:
        ValueError: start or end is not an ISO 8601 time in UTC, or the end is before the start.
    """
    start, end = parse_time(row.start), parse_time(row.end)
    if not (row.start.endswith(UTC_ENDS) and row.end.endswith(UTC_ENDS)):
        raise ValueError(f"usage of {name_of(row)}: times must be UTC (got {row.start} to {row.end})")
    if end < start:
        raise ValueError(f"usage of {name_of(row)}: ends at {row.end}, before its start at {row.start}")
    if row.start[:10] == row.end[:10] or not row.unit.endswith("second") or start.date() == end.date():
        return [row]
    parts: list[UsageRow] = []
    left, moment, length = row.amount, start, end - start
    while moment < end:
        midnight = datetime.combine(moment.date() + timedelta(days=1), datetime.min.time(), tzinfo=UTC)
        until = min(midnight, end)
        share = Fraction((until - moment) // MICROSECOND, length // MICROSECOND) if until < end else None
        amount = left if share is None else to_decimal(Fraction(row.amount) * share)
        left = WIDE.subtract(left, amount)
        parts.append(replace(row, start=stamp(moment, "auto"), end=stamp(until, "auto"), amount=amount))
        moment = until
    return parts


class Pricer:
    """Prices usage rows of one account. Remembers what each month has used: tiers begin where the month has come to."""

    def __init__(self, catalogue: Catalogue, *, source: Kind = "metered", account: str | None = None) -> None:
        self.catalogue = catalogue
        self.source: Kind = source
        self.account = account
        self._tiers: dict[tuple[str, str, str, str, str], tuple[list[PriceRow], Decimal]] = {}
        self._used: dict[tuple[str, str, str], Fraction] = {}

    def charge(self, row: UsageRow) -> ChargeRow:
        """Return the charge of one usage row that lies within one UTC day.

        Raises:
            PriceError: the amount is negative or not a number, or there is no price.
        """
        price, amount = self._price(row)
        unit = reading_unit(price.unit)
        quantity = to_decimal(Fraction(row.amount) * ratio(row.unit, unit, row.start))
        return ChargeRow(
            day=row.start[:10],
            billing_period=row.start[:7],
            account=self.account,
            experiment=row.experiment,
            approach=row.approach,
            variant=row.variant,
            service_code=row.service_code,
            service=report_name(row.service_code),
            usage_type=row.usage_type,
            model=row.model,
            charge_category="Usage",
            unit=unit,
            quantity=quantity,
            amount_usd=amount,
            effective_usd=amount,
            list_usd=amount,
            source=self.source,
            estimated=self.source == "estimated",
            as_of=price.as_of,
        )

    def amount(self, row: UsageRow) -> Decimal:
        """Return USD of one usage row, rounded half-even to 12 decimals. Errors as in `charge`."""
        return self._price(row)[1]

    def _price(self, row: UsageRow) -> tuple[PriceRow, Decimal]:
        if not row.amount.is_finite() or row.amount < 0:
            raise PriceError(f"usage of {name_of(row)}: the amount must be 0 or more (got {row.amount})")
        key = (row.service_code, row.usage_type, row.operation, row.unit, row.start[:10])
        entry = self._tiers.get(key)
        if entry is None:
            tiers = self.catalogue.tiers_for(row)
            factor = Fraction(tiers[0].usd) * ratio(row.unit, tiers[0].unit, row.start)
            entry = self._tiers[key] = (tiers, WIDE.divide(Decimal(factor.numerator), Decimal(factor.denominator)))
        tiers, factor_usd = entry
        if len(tiers) == 1 and tiers[0].tier_from == 0 and tiers[0].tier_to is None:
            return tiers[0], WIDE.quantize(WIDE.multiply(row.amount, factor_usd), MONEY)
        return self._price_tiered(row, tiers)

    def _price_tiered(self, row: UsageRow, tiers: list[PriceRow]) -> tuple[PriceRow, Decimal]:
        month = (row.service_code, row.usage_type, row.start[:7])
        begin = self._used.get(month, Fraction(0))
        end = begin + Fraction(row.amount) * ratio(row.unit, tiers[0].unit, row.start)
        usd, covered = Fraction(0), Fraction(0)
        first: PriceRow | None = None
        for tier in tiers:
            low = max(begin, Fraction(tier.tier_from))
            high = end if tier.tier_to is None else min(end, Fraction(tier.tier_to))
            if first is None and (tier.tier_to is None or begin < tier.tier_to):
                first = tier
            if high > low:
                usd += (high - low) * Fraction(tier.usd)
                covered += high - low
        if first is None or covered != end - begin:
            raise PriceError(f"the price tiers of {name_of(row)} do not cover {row.amount} {row.unit}")
        self._used[month] = end
        return first, to_decimal(usd)


def charge_rows(
    catalogue: Catalogue, rows: Iterable[UsageRow], *, source: Kind = "metered", account: str | None = None
) -> list[ChargeRow]:
    """Return the charges of all `rows`, split by UTC day, in the order of time and name, whatever their own order.

    Raises:
        PriceError: a row has no price; the message names it.
    """
    pricer = Pricer(catalogue, source=source, account=account)
    daily = [part for row in rows for part in split_by_day(row)]
    daily.sort(key=_order)
    return [pricer.charge(row) for row in daily]


def totals(
    catalogue: Catalogue, rows: Iterable[UsageRow], key: Callable[[UsageRow], K], *, source: Kind = "metered"
) -> dict[K, Decimal]:
    """Return USD by `key`, for millions of rows: no charge rows are built and rows are not split by day.

    Rows of usage types that have tiers are priced last and in order: the result never depends on their order.
    """
    pricer = Pricer(catalogue, source=source)
    tiered: list[UsageRow] = []
    is_tiered: dict[tuple[str, str], bool] = {}
    sums: dict[K, Decimal] = {}
    zero = Decimal(0)

    def book(row: UsageRow) -> None:
        k = key(row)
        sums[k] = WIDE.add(sums.get(k, zero), pricer.amount(row))

    for row in rows:
        kind = (row.service_code, row.usage_type)
        if kind not in is_tiered:
            is_tiered[kind] = len(catalogue.tiers_for(row)) > 1
        if is_tiered[kind]:
            tiered.append(row)
        else:
            book(row)
    for row in sorted(tiered, key=_order):
        book(row)
    return sums


def _order(row: UsageRow) -> tuple[str, ...]:
    fixed = (row.start, row.end, row.service_code, row.usage_type, row.operation, row.approach, row.variant or "")
    return (*fixed, row.model or "", f"{row.amount:f}", row.unit, row.source)
