"""Rows of a rollup as charges: our names and units, whatever engine and format they came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from billing_exports.formats import ExportError
from billing_exports.query import RollupRow
from contracts.money import ChargeRow
from cost_reports.compare.reconcile import USAGE_CATEGORIES
from cost_reports.prices.bill_names import EDITION, ladder_unit, service_code
from cost_reports.prices.catalogue import CURRENCY, Catalogue
from cost_reports.prices.usage_types import REGION_PREFIXES, TOKEN_METERS

#: AWS closes a month between the 6th and the 14th of the next one.
CLOSED_ON_DAY = 15
#: Amounts with no more decimals than this in every row were rounded when the export was made.
ROUNDED_DECIMALS = 4
_GLOBAL = "-cross-region-global"
_METERS = tuple(sorted((f"-{meter}" for meter in TOKEN_METERS.values()), key=len, reverse=True))
_REGIONS = tuple(f"{prefix}-" for prefix in REGION_PREFIXES.values())

_Named = tuple[str | None, str | None, str | None]


def charge_rows(rows: Iterable[RollupRow], catalogue: Catalogue, *, today: date) -> list[ChargeRow]:
    """Return the charges, in the order of the rows. A quantity in a unit that the catalogue does not know is None.

    Raises:
        ExportError: there are several currencies, one that is not USD, or lines without an amount.
    """
    rollup = list(rows)
    _need_dollars(rollup)
    names: dict[tuple[str | None, str | None, str | None, str | None], _Named] = {}
    closed: dict[str, bool] = {}
    as_of = today.isoformat()
    result = []
    for row in rollup:
        if row.billed is None or row.n_billed < row.n:
            raise ExportError(
                f"{row.day_utc} {row.service} {row.usage_type}: {row.n - row.n_billed} lines have no cost; read the"
                " export again"
            )
        key = (row.service, row.service_code, row.usage_type, row.unit)
        if key not in names:
            names[key] = _names(catalogue, *key)
        service_code, unit, model = names[key]
        period = row.billing_period
        if period not in closed:
            closed[period] = today >= closes_on(period)
        result.append(
            ChargeRow(
                day=row.day_utc.isoformat(),
                billing_period=period,
                account=row.account,
                experiment=row.experiment,
                approach=row.approach,
                variant=None,
                service_code=service_code,
                service=row.service or row.service_code or "(no service)",
                usage_type=row.usage_type,
                model=model,
                charge_category=row.charge_category or "(no category)",
                unit=unit,
                quantity=None if unit is None else row.quantity,
                amount_usd=row.billed,
                effective_usd=row.effective,
                list_usd=row.list_cost,
                source="billed-export",
                estimated=not closed[period] and row.n_invoiced < row.n,
                as_of=as_of,
            )
        )
    return result


def through(rows: Sequence[ChargeRow]) -> date | None:
    """Return the last day of which usage was billed, by itself or by a commitment; None without usage."""
    days = [row.day for row in rows if row.charge_category in USAGE_CATEGORIES]
    return date.fromisoformat(max(days)) if days else None


def notes(rows: Iterable[ChargeRow]) -> tuple[str, ...]:
    """Return what a reader of the amounts should know."""
    amounts = [row.amount_usd.normalize() for row in rows if row.amount_usd]
    decimals = max((-int(amount.as_tuple().exponent) for amount in amounts), default=None)
    if decimals is None or decimals > ROUNDED_DECIMALS:
        return ()
    return (
        f"No cost of the export has more than {max(decimals, 0)} decimals: it was rounded before it was delivered, and"
        " is taken as it is.",
    )


def closes_on(period: str) -> date:
    """Return the day from which the bill of a month (YYYY-MM) is final."""
    year, month = int(period[:4]), int(period[5:7])
    return date(year + month // 12, month % 12 + 1, CLOSED_ON_DAY)


def model_of(service: str | None, usage_type: str | None) -> str | None:
    """Return the model as the bill names it: in the service (marketplace models) or in the usage type of its tokens."""
    if service is not None and service.endswith(EDITION):
        return service.removesuffix(EDITION)
    name = usage_type or ""
    region = next((prefix for prefix in _REGIONS if name.startswith(prefix)), "")
    name = name[len(region) :].removesuffix(_GLOBAL)
    meter = next((ending for ending in _METERS if name.endswith(ending)), None)
    return name.removesuffix(meter) if meter else None


def _names(catalogue: Catalogue, service: str | None, code: str | None, kind: str | None, unit: str | None) -> _Named:
    """Return (service code, unit, model) as this library names them."""
    marketplace = service is not None and service.endswith(EDITION)
    known_code = service_code(service) if service is not None and (marketplace or code is None) else code
    known_unit = None if unit is None else ladder_unit(unit, catalogue.unit_for(known_code or "", kind or ""))
    return known_code, known_unit, model_of(service, kind)


def _need_dollars(rows: Sequence[RollupRow]) -> None:
    # Tax lines may lack a currency; they are in the currency of their bill.
    currencies = sorted({row.currency for row in rows if row.currency})
    if len(currencies) > 1:
        raise ExportError(
            f"the export is in {len(currencies)} currencies, {' and '.join(currencies)}, which cannot be added; export"
            " the bill of accounts that are billed in one"
        )
    if currencies and currencies[0] != CURRENCY:
        raise ExportError(f"the export is in {currencies[0]}; reports are in {CURRENCY} only")
