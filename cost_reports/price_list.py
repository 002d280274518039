"""Reads answers of the AWS Price List API (pricing:GetProducts) and brings the catalogue up to date with them.

Pure: the caller fetches. Bedrock has three service codes and two units (1K and 1M tokens) for the same thing; units
are brought to those of the catalogue by the unit table, so that a change of unit never looks like a change of price.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from cost_reports.contracts import PriceRow
from cost_reports.prices import Catalogue, ModelInfo, PriceError
from cost_reports.report import plain_decimal
from cost_reports.units import UNITS, ratio, to_decimal

#: Service codes to ask for: one code of the catalogue may be spread over several of AWS.
SERVICE_CODES = {
    "AmazonBedrock": ("AmazonBedrock", "AmazonBedrockService"),
    "AmazonBedrockFoundationModels": ("AmazonBedrockFoundationModels",),
}
#: Unit of the Price List, lower case -> unit of the catalogue; null: the unit of the row that it renews (`Hrs`).
PRICE_LIST_UNITS: dict[str, str | None] = {
    "1k tokens": "1K tokens",
    "1m tokens": "1M tokens",
    "tokens": "tokens",
    "gb-mo": "GB-month",
    "gb": "GB",
    "requests": "requests",
    "api requests": "requests",
    "lambda-gb-second": "GB-second",
    "statetransitions": "transitions",
    "statetransition": "transitions",
    "readrequestunits": "read units",
    "writerequestunits": "write units",
    "alarms": "alarm-month",
    "ocu-hour": "OCU-hour",
    "hrs": None,
    "hours": None,
    "acu-hr": "ACU-hour",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One on-demand price dimension of the Price List."""

    service_code: str
    usage_type: str
    operation: str
    unit: str
    usd: Decimal
    tier_from: Decimal
    tier_to: Decimal | None
    published: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A price that differs; `share` is new / old - 1, null where the old price was 0."""

    name: str
    unit: str
    old_usd: Decimal
    new_usd: Decimal
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """The renewed rows in the order of the old ones, what changed, and which rows nothing was found for."""

    rows: tuple[PriceRow, ...]
    changes: tuple[Change, ...]
    confirmed: int
    not_found: tuple[str, ...]


def service_codes(catalogue: Catalogue) -> list[str]:
    """The service codes to ask the Price List for."""
    codes = dict.fromkeys(c for p in catalogue.prices for c in SERVICE_CODES.get(p.service_code, (p.service_code,)))
    return list(codes)


def parse(products: Iterable[str | dict[str, Any]]) -> list[Found]:
    """Price dimensions of `PriceList` entries (JSON text, as GetProducts gives them).

    Raises:
        PriceError: an entry is not in the form of the Price List; the message names its SKU.
    """
    found = []
    for text in products:
        entry = json.loads(text) if isinstance(text, str) else text
        sku = entry.get("product", {}).get("sku", "?")
        try:
            attributes = entry["product"]["attributes"]
            if "usagetype" not in attributes:
                continue
            for term in entry.get("terms", {}).get("OnDemand", {}).values():
                for d in term["priceDimensions"].values():
                    end = d.get("endRange", "Inf")
                    found.append(
                        Found(
                            service_code=attributes.get("servicecode") or entry["serviceCode"],
                            usage_type=attributes["usagetype"],
                            operation=attributes.get("operation", ""),
                            unit=d["unit"],
                            usd=Decimal(d["pricePerUnit"]["USD"]),
                            tier_from=Decimal(d.get("beginRange", "0")),
                            tier_to=None if end == "Inf" else Decimal(end),
                            published=str(entry.get("publicationDate", ""))[:10],
                        )
                    )
        except (KeyError, TypeError, AttributeError, InvalidOperation) as error:
            raise PriceError(f"Price List SKU {sku}: not in the known form ({error!r})") from error
    return found


def refresh(catalogue: Catalogue, found: Sequence[Found], today: str) -> Refreshed:
    """The catalogue's rows with the prices of `found`, where these name the same usage type and tier.

    Rows of Marketplace models share usage types and are told apart by model, which the Price List does not say in one
    place: they are left as they are and listed as not found. Rows that no longer hold (`effective_to`) stay.
    """
    by_type: dict[tuple[str, str], list[Found]] = {}
    for f in found:
        by_type.setdefault((f.service_code, f.usage_type), []).append(f)
    rows: list[PriceRow] = []
    changes: list[Change] = []
    missing: list[str] = []
    confirmed = 0
    for row in catalogue.prices:
        codes = SERVICE_CODES.get(row.service_code, (row.service_code,))
        fitting = [f for code in codes for f in by_type.get((code, row.usage_type), [])]
        match = None if row.effective_to or row.operation else _match(row, fitting)
        if match is None:
            rows.append(row)
            if not row.effective_to:
                missing.append(f"{row.service_code} {row.usage_type} {row.operation}".strip())
            continue
        usd, published = match
        source = f"AWS Price List API (pricing:GetProducts), read {today}"
        rows.append(replace(row, usd=usd, source=source, as_of=published or today, confidence="high"))
        if usd == row.usd:
            confirmed += 1
        else:
            share = float(usd / row.usd) - 1 if row.usd else None
            name = f"{row.service_code} {row.usage_type}"
            changes.append(Change(name=name, unit=row.unit, old_usd=row.usd, new_usd=usd, share=share))
    return Refreshed(rows=tuple(rows), changes=tuple(changes), confirmed=confirmed, not_found=tuple(missing))


def _match(row: PriceRow, found: Sequence[Found]) -> tuple[Decimal, str] | None:
    """The price in the row's unit, and when it was published; null unless exactly one price fits."""
    prices: dict[Decimal, str] = {}
    for f in found:
        unit = PRICE_LIST_UNITS.get(f.unit.lower(), "")
        unit = row.unit if unit is None else unit
        if unit not in UNITS or UNITS[unit].dimension != UNITS[row.unit].dimension:
            continue
        each = ratio(row.unit, unit)
        # Tier bounds of the Price List are in its own unit.
        if Fraction(f.tier_from) != Fraction(row.tier_from) * each:
            continue
        prices[to_decimal(Fraction(f.usd) * each)] = f.published
    if len(prices) != 1:
        return None
    ((usd, published),) = prices.items()
    return usd, published


def to_file(rows: Sequence[PriceRow], models: Sequence[ModelInfo], as_of: str, note: str) -> str:
    """The text of a price file that `Catalogue.load` reads: one row a line, so that differences read well."""
    head = {"schema": 1, "as_of": as_of, "currency": "USD", "note": note}
    lines = [f" {json.dumps(k)}: {json.dumps(v)}," for k, v in head.items()]
    model_lines = ",\n".join(f"  {json.dumps(asdict(m))}" for m in models)
    price_lines = ",\n".join(f"  {json.dumps(_plain(r), ensure_ascii=False)}" for r in rows)
    return "\n".join(["{", *lines, ' "models": [', model_lines, " ],", ' "prices": [', price_lines, " ]", "}"]) + "\n"


def _plain(row: PriceRow) -> dict[str, Any]:
    defaults = {"tier_from": Decimal(0), "tier_to": None, "effective_from": None, "effective_to": None, "note": None}
    values = {k: v for k, v in asdict(row).items() if k not in defaults or v != defaults[k]}
    return {k: plain_decimal(v) if isinstance(v, Decimal) else v for k, v in values.items()}
