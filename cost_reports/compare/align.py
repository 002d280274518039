"""Metered, estimated and billed charges, made comparable: the names, the units and the precision of the bill.

How lines find each other: by approach, service code and usage type. Cost Explorer groups usage types without their
service, and a few usage types (`TimedStorage-ByteHrs`) belong to several services. So where a billed row has no
service code, both sides of its usage type become one line without a service: its sum is right, while a split between
the services would be a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from contracts.money import ChargeRow, Cut
from contracts.units import MONEY, UNITS, WIDE, convert, to_decimal
from cost_reports.metering.charges import total
from cost_reports.prices.bill_names import CE_PRECISION, at_bill_precision
from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.bill import Bill, row_order

Kind = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparableCharges:
    """The three views at the names, units and precision of the bill; None is a view that is not known.

    `usage` is billed usage, `adjustments` what else was billed. `rounding_usd`: what the precision of the bill adds to
    the metered money. `odd_units`: (usage type, one unit, another) of quantities that cannot be compared and are left
    out.
    """

    estimated: tuple[ChargeRow, ...] | None
    metered: tuple[ChargeRow, ...] | None
    usage: tuple[ChargeRow, ...]
    adjustments: tuple[ChargeRow, ...]
    rounding_usd: Decimal | None
    odd_units: tuple[tuple[str, str, str], ...]


def align(
    bill: Bill, metered: Sequence[ChargeRow] | None, estimated: Sequence[ChargeRow] | None, catalogue: Catalogue
) -> ComparableCharges:
    """Return the three views of one experiment and window."""
    places = MONEY if bill.base == "whole" else CE_PRECISION
    ambiguous = {row.usage_type for row in bill.usage if row.service_code is None}
    ran, expected = (
        None
        if rows is None
        else at_bill_precision(_without_mixed_units(_at_level(rows, bill.base, ambiguous)), catalogue, places)
        for rows in (metered, estimated)
    )
    usage = _at_level(bill.usage, bill.base, ambiguous)
    if bill.base == "whole":
        usage = _at_precision_of_exports(usage, catalogue)
    units = _units([ran or (), expected or (), usage])
    odd: set[tuple[str, str, str]] = set()
    return ComparableCharges(
        metered=None if ran is None else _in_unit(ran, units, odd),
        estimated=None if expected is None else _in_unit(expected, units, odd),
        usage=_in_unit(usage, units, odd),
        adjustments=bill.adjustments,
        rounding_usd=None if ran is None or metered is None else WIDE.subtract(total(ran), total(metered)),
        odd_units=tuple(sorted(odd)),
    )


def _at_precision_of_exports(rows: Sequence[ChargeRow], catalogue: Catalogue) -> list[ChargeRow]:
    """Return rows at the precision of exports; rows in an unknown unit have no comparable quantity and stay."""
    known = [row for row in rows if row.unit in UNITS]
    return [*at_bill_precision(known, catalogue, MONEY), *(row for row in rows if row.unit not in UNITS)]


def _at_level(rows: Iterable[ChargeRow], base: Cut | None, ambiguous: set[str | None]) -> list[ChargeRow]:
    """Return `rows` with no more names than the grouping has that the bill is read from."""
    if base == "service":
        return [replace(r, usage_type=None, unit=None, quantity=None) for r in rows]
    if base == "record-type":
        return [replace(r, service_code=None, usage_type=None, unit=None, quantity=None) for r in rows]
    return [replace(r, service_code=None) if r.usage_type in ambiguous else r for r in rows]


def _without_mixed_units(rows: list[ChargeRow]) -> list[ChargeRow]:
    """Take the quantities off lines of several services that count in different units."""
    units: dict[Kind, set[str | None]] = {}
    for row in rows:
        units.setdefault((row.service_code, row.usage_type), set()).add(row.unit)
    mixed = {kind for kind, names in units.items() if kind[0] is None and len(names) > 1}
    return [
        replace(r, unit=None, quantity=None) if (r.service_code, r.usage_type) in mixed else r
        for r in sorted(rows, key=row_order)
    ]


def _units(sides: Iterable[Sequence[ChargeRow]]) -> dict[Kind, str]:
    """Return the unit of each line: that of the first side that has one."""
    units: dict[Kind, str] = {}
    for rows in sides:
        of_side: dict[Kind, str] = {}
        for row in rows:
            if row.unit is not None:
                kind = (row.service_code, row.usage_type)
                of_side[kind] = min(of_side.get(kind, row.unit), row.unit)
        units = {**of_side, **units}
    return units


def _in_unit(
    rows: Sequence[ChargeRow], units: Mapping[Kind, str], odd: set[tuple[str, str, str]]
) -> tuple[ChargeRow, ...]:
    result = []
    for row in rows:
        unit = units.get((row.service_code, row.usage_type))
        if row.quantity is None or row.unit is None or unit is None or row.unit == unit:
            result.append(row)
        elif row.unit in UNITS and unit in UNITS and UNITS[row.unit].dimension == UNITS[unit].dimension:
            quantity = to_decimal(convert(row.quantity, row.unit, unit, row.day))
            result.append(replace(row, unit=unit, quantity=quantity))
        else:
            odd.add((row.usage_type or "", unit, row.unit))
            result.append(replace(row, unit=unit, quantity=None))
    return tuple(result)
