"""How AWS names on a bill what this library names in its price list: services, units, record types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from contracts.aws_names import MARKETPLACE, code_of_bill_name
from contracts.money import ChargeRow
from contracts.units import UNITS, ratio, to_decimal, unit_of
from cost_reports.metering.charges import exact_sum
from cost_reports.prices.catalogue import Catalogue

#: Cost Explorer writes amounts and quantities with up to 10 decimals.
CE_PRECISION = Decimal("0.0000000001")

#: The models of the Marketplace are services of their own on a bill: "Claude Haiku 5.5 (Amazon Bedrock Edition)".
EDITION = " (Amazon Bedrock Edition)"

#: Unit of the price list -> unit on the bill. What is missing here is written as it stands.
_BILL_UNITS = {
    "instance-hour": "Hrs",
    "OCU-hour": "OCU-Hours",
    "ACU-hour": "ACU-Hr",
    "model-unit-hour": "Hrs",
    "GB-month": "GB-Mo",
    "GB-second": "Lambda-GB-Second",
    "requests": "Requests",
    "transitions": "StateTransitions",
    "read units": "ReadRequestUnits",
    "write units": "WriteRequestUnits",
    "alarm-month": "Alarms",
}
#: Spellings of bills that other services and years used.
_SPELLINGS = {
    "hours": "hour",
    "hrs": "hour",
    "hr": "hour",
    "ocu-hours": "hour",
    "ocu-hour": "hour",
    "acu-hr": "hour",
    "seconds": "second",
    "second": "second",
    "lambda-gb-second": "second",
    "gb-second": "second",
    "gb-mo": "month",
    "gb-month": "month",
    "alarms": "month",
}


def service_code(service: str) -> str | None:
    """Return the service code of a service name on a bill; None where the name is not known here."""
    return MARKETPLACE if service.endswith(EDITION) else code_of_bill_name(service)


def service_codes_of_usage_types(catalogue: Catalogue) -> dict[str, str]:
    """Return usage type -> service code, for the usage types that only one service of the price list has."""
    owners: dict[str, set[str]] = {}
    for price in catalogue.prices:
        owners.setdefault(price.usage_type, set()).add(price.service_code)
    return {kind: next(iter(codes)) for kind, codes in owners.items() if len(codes) == 1}


def bill_unit(price_unit: str) -> str:
    """Return the unit on the bill of something priced in `price_unit`: `instance-hour` -> `Hrs`.

    Counts other than tokens are billed one by one.
    """
    unit = unit_of(price_unit)
    counted = unit.counted and "tokens" not in price_unit
    return _BILL_UNITS.get(unit.dimension if counted else price_unit, unit.dimension if counted else price_unit)


def ladder_unit(billed: str, price_unit: str | None) -> str | None:
    """Return the unit of this library that a unit on a bill is, given the unit in which its usage type is priced.

    `Hrs` is an OCU-hour of `USE1-SearchOCU` and an instance-hour of `USE1-Host:ml.g5.xlarge`. None where it cannot be
    told: a quantity is never read in a guessed unit.
    """
    text = billed.strip()
    if price_unit is None:
        return text if text in UNITS else None
    if text in UNITS:
        return text if unit_of(text).dimension == unit_of(price_unit).dimension else None
    if text == bill_unit(price_unit):
        unit = unit_of(price_unit)
        return unit.dimension if unit.counted and "tokens" not in price_unit else price_unit
    ending = _SPELLINGS.get(text.lower())
    thing = price_unit.rpartition("-")[0]
    candidate = f"{thing}-{ending}" if ending and thing else None
    return candidate if candidate in UNITS else None


def at_bill_precision(
    rows: Iterable[ChargeRow], catalogue: Catalogue, places: Decimal = CE_PRECISION
) -> list[ChargeRow]:
    """Return `rows` as a bill shows them: comparing them with it leaves no difference that only comes from rounding.

    One row for each (day, experiment, approach, service code, usage type, category), quantity in the bill's unit. Money
    is rounded half-even to `places`, quantities to 10 decimals: Cost Explorer has no more, and exports carry quantities
    as doubles, whose last digits are noise.
    """
    groups: dict[tuple[str | None, ...], list[ChargeRow]] = {}
    for row in rows:
        names = (row.day, row.experiment, row.approach, row.service_code, row.usage_type, row.charge_category)
        groups.setdefault(names, []).append(row)
    result = []
    for key in sorted(groups, key=lambda k: tuple(part or "" for part in k)):
        group = groups[key]
        first = group[0]
        unit = _unit_on_bill(first, catalogue)
        quantity = _sum_of_quantities(group, unit)
        models = {r.model for r in group}
        result.append(
            replace(
                first,
                variant=None,
                model=first.model if len(models) == 1 else None,
                unit=unit,
                quantity=None if quantity is None else to_decimal(quantity, CE_PRECISION),
                amount_usd=to_decimal(Fraction(exact_sum(r.amount_usd for r in group)), places),
                effective_usd=None,
                list_usd=None,
            )
        )
    return result


def _sum_of_quantities(rows: Iterable[ChargeRow], unit: str | None) -> Fraction | None:
    """Return the sum in `unit`; None where a row does not say how much it was, or counts something else."""
    total = Fraction(0)
    for row in rows:
        if unit is None or row.quantity is None or row.unit is None:
            return None
        if row.unit != unit and unit_of(row.unit).dimension != unit_of(unit).dimension:
            return None
        total += Fraction(row.quantity) * ratio(row.unit, unit, row.day)
    return total


def _unit_on_bill(row: ChargeRow, catalogue: Catalogue) -> str | None:
    """Return the unit of this library in which the bill counts the usage of `row`."""
    price_unit = catalogue.unit_for(row.service_code or "", row.usage_type or "")
    return row.unit if price_unit is None else ladder_unit(bill_unit(price_unit), price_unit)
