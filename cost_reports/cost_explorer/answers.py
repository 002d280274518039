"""What Cost Explorer answered, as charges: exact, one currency, every group on one day of the window and once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from contracts.aws_names import BEDROCK, bill_name
from contracts.money import ChargeRow, Cut
from contracts.units import WIDE
from cost_reports.compare.reconcile import USAGE_CATEGORIES
from cost_reports.cost_explorer.requests import GROUPS, INTERVAL_PERCENT
from cost_reports.metering.charges import exact_sum
from cost_reports.prices import bill_names
from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.bill import USAGE_GROUPINGS
from cost_reports.spend_report.records import Forecast, Window

CURRENCY = "USD"
#: Half a step of the tenth decimal: how far the amount of one group may be rounded.
ROUNDING = bill_names.CE_PRECISION / 2
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?")
#: Amounts within these bounds add up exactly in the width that this library calculates with.
MOST, DECIMALS = Decimal(10**18), 30


class AnswerError(ValueError):
    """An answer of Cost Explorer that cannot be read; the message names period and group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A day and cell of which two groupings, that hold the same usage, say different money."""

    day: str
    experiment: str | None
    approach: str | None
    grouping: Cut
    usd: Decimal
    other_grouping: Cut
    other_usd: Decimal


def charges(
    grouping: Cut,
    results: Iterable[Mapping[str, Any]],
    *,
    window: Window,
    catalogue: Catalogue,
    as_of: str,
    account: str | None = None,
) -> list[ChargeRow]:
    """Return the rows of a grouping, from the `ResultsByTime` of all its pages.

    `as_of`: when they were read, ISO 8601 UTC. Groups without money and without quantity are left out. Quantities exist
    by usage type only, and only where their unit is one of this library's.

    Raises:
        AnswerError: a period is not a day of the window, a group is there twice or not grouped as asked, an amount is
            not a number, or the currency is not USD.
    """
    names_of = _Names(grouping, catalogue)
    seen: set[tuple[str, ...]] = set()
    rows: list[ChargeRow] = []
    for result in results:
        day = _day(grouping, result.get("TimePeriod"), window)
        for group in result.get("Groups") or ():
            keys = tuple(str(key) for key in group.get("Keys") or ())
            where = f"Cost Explorer, grouping {grouping}, {day}, group {' + '.join(keys) or '(none)'}"
            cell, value = _split(where, grouping, keys)
            if (day, *keys) in seen:
                raise AnswerError(
                    f"{where}: it is there twice; a page was answered twice or the bill changed meanwhile"
                )
            seen.add((day, *keys))
            metrics = group.get("Metrics") or {}
            amount = _money(where, metrics, "UnblendedCost")
            if amount is None:
                raise AnswerError(f"{where}: UnblendedCost is missing")
            effective = _money(where, metrics, "AmortizedCost")
            counted = _amount(where, metrics, "UsageQuantity") if grouping == "usage-type" else None
            if not amount and not effective and not counted:
                continue
            experiment, approach = _cell(cell)
            service, service_code = names_of.service(value)
            unit = names_of.unit(value, metrics)
            row = ChargeRow(
                day=day,
                billing_period=day[:7],
                account=account,
                experiment=experiment,
                approach=approach,
                variant=None,
                service_code=service_code,
                service=service,
                usage_type=value if grouping == "usage-type" else None,
                model=(value or None) if grouping in ("model", "role") else None,
                charge_category=value if grouping == "record-type" else "Usage",
                unit=unit,
                quantity=None if unit is None else counted,
                amount_usd=amount,
                effective_usd=effective,
                list_usd=None,
                source="billed-ce",
                estimated=bool(result.get("Estimated", True)),
                as_of=as_of,
                cut=grouping,
            )
            rows.append(row)
    return rows


def forecast(answer: Mapping[str, Any]) -> Forecast:
    """Return the forecast of a `GetCostForecast` by day.

    The interval's ends are the sums of the days' ends: wider than the interval of the sum unless all days are off in
    the same way.

    Raises:
        AnswerError: an amount is missing or not a number, there is no day, or the currency is not USD.
    """
    unit = (answer.get("Total") or {}).get("Unit", CURRENCY)
    if unit != CURRENCY:
        raise AnswerError(f"Cost Explorer, forecast: it is in {unit}; this report adds {CURRENCY} only")
    days = answer.get("ForecastResultsByTime") or ()
    if not days:
        raise AnswerError("Cost Explorer, forecast: it has no day")
    sums = []
    for name in ("MeanValue", "PredictionIntervalLowerBound", "PredictionIntervalUpperBound"):
        sums.append(
            exact_sum(_number(f"Cost Explorer, forecast, {_start(day)}: {name}", day.get(name)) for day in days)
        )
    return Forecast(usd=sums[0], low_usd=sums[1], high_usd=sums[2], interval_percent=INTERVAL_PERCENT)


def disagreements(rows: Iterable[ChargeRow]) -> list[Disagreement]:
    """Return days and cells of which groupings of the same usage differ beyond the rounding of their groups.

    Groupings without any row were not read, and are not compared.
    """
    sums: dict[Cut, dict[tuple[str, str | None, str | None], list[Decimal]]] = {}
    for row in rows:
        if row.cut in USAGE_GROUPINGS:
            cells = sums.setdefault(row.cut, {})
            if row.charge_category in USAGE_CATEGORIES:
                cells.setdefault((row.day, row.experiment, row.approach), []).append(row.amount_usd)
    present = [grouping for grouping in USAGE_GROUPINGS if grouping in sums]
    differing = []
    for other in present[1:]:
        first = present[0]
        for key in sorted({*sums[first], *sums[other]}, key=lambda k: tuple(part or "" for part in k)):
            amounts, other_amounts = sums[first].get(key, []), sums[other].get(key, [])
            usd, other_usd = exact_sum(amounts), exact_sum(other_amounts)
            if abs(WIDE.subtract(usd, other_usd)) > ROUNDING * (len(amounts) + len(other_amounts)):
                day, experiment, approach = key
                differing.append(
                    Disagreement(
                        day=day,
                        experiment=experiment,
                        approach=approach,
                        grouping=first,
                        usd=usd,
                        other_grouping=other,
                        other_usd=other_usd,
                    )
                )
    return differing


def _day(grouping: Cut, period: Any, window: Window) -> str:
    try:
        start, end = date.fromisoformat(period["Start"]), date.fromisoformat(period["End"])
    except (KeyError, TypeError, ValueError) as error:
        raise AnswerError(f"Cost Explorer, grouping {grouping}: the period is invalid (got {period!r})") from error
    if end != start + timedelta(days=1) or not window.start <= start < window.end:
        raise AnswerError(
            f"Cost Explorer, grouping {grouping}: the period {start} to {end} is not a day of {window.start} to"
            f" {window.end}"
        )
    return start.isoformat()


def _split(where: str, grouping: Cut, keys: Sequence[str]) -> tuple[str, str]:
    """Return the values of the two groups. Tags and product attributes come as `key$value`; a value may hold `$`."""
    tag, kind, key = GROUPS[grouping]
    prefixes = (f"{tag}$", f"{key}$" if kind == "PRODUCT_ATTRIBUTE" else "")
    if len(keys) != len(prefixes) or not all(k.startswith(p) for k, p in zip(keys, prefixes, strict=True)):
        raise AnswerError(f"{where}: not grouped by {tag} and {key}")
    return keys[0].removeprefix(prefixes[0]), keys[1].removeprefix(prefixes[1])


def _cell(value: str) -> tuple[str | None, str | None]:
    """Return experiment and approach of `<experiment>/<approach>`; None for both where nothing is tagged."""
    experiment, _, approach = value.partition("/")
    return (experiment, approach or None) if experiment else (None, None)


class _Names:
    """The names that a grouping tells beside its money: service, service code, unit of a quantity."""

    def __init__(self, grouping: Cut, catalogue: Catalogue) -> None:
        self._grouping = grouping
        counts = grouping == "usage-type"
        self._codes = bill_names.service_codes_of_usage_types(catalogue) if counts else {}
        self._price_units: dict[str, set[str]] = {}
        for price in catalogue.prices if counts else ():
            self._price_units.setdefault(price.usage_type, set()).add(price.unit)

    def service(self, value: str) -> tuple[str, str | None]:
        """Return name and code of the service; an empty name where the grouping does not tell."""
        if self._grouping == "service":
            return value, bill_names.service_code(value)
        if self._grouping == "usage-type":
            code = self._codes.get(value)
            return bill_name(code or ""), code
        # Models that AWS Marketplace bills belong to another service code, so the code stays open.
        return (bill_name(BEDROCK) if self._grouping in ("model", "role") else ""), None

    def unit(self, usage_type: str, metrics: Mapping[str, Any]) -> str | None:
        """Return the unit of this library in which the quantity is; None where it is not known.

        A usage type that several services have keeps its quantity where all of them price it in one unit.
        """
        unit = (metrics.get("UsageQuantity") or {}).get("Unit")
        if self._grouping != "usage-type" or not isinstance(unit, str):
            return None
        known = self._price_units.get(usage_type, set())
        return bill_names.ladder_unit(unit, next(iter(known), None)) if len(known) < 2 else None


def _money(where: str, metrics: Mapping[str, Any], name: str) -> Decimal | None:
    amount = _amount(where, metrics, name)
    unit = (metrics.get(name) or {}).get("Unit")
    if amount is not None and unit != CURRENCY:
        raise AnswerError(f"{where}: {name} is in {unit or 'no currency'}; this report adds {CURRENCY} only")
    return amount


def _amount(where: str, metrics: Mapping[str, Any], name: str) -> Decimal | None:
    metric = metrics.get(name)
    return None if metric is None else _number(f"{where}: {name}", metric.get("Amount"))


def _number(what: str, text: Any) -> Decimal:
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        raise AnswerError(f"{what}: not an amount (got {text!r})")
    number = Decimal(text)
    if abs(number) >= MOST or int(number.as_tuple().exponent) < -DECIMALS:
        raise AnswerError(f"{what}: not an amount of a bill (got {text!r})")
    return number


def _start(day: Mapping[str, Any]) -> str:
    return str((day.get("TimePeriod") or {}).get("Start", "no day"))
