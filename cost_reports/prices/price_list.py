"""Reads answers of the AWS Price List API (pricing:GetProducts) and brings the catalogue up to date with them.

Pure: the caller fetches. Bedrock has three service codes and two units (1K and 1M tokens) for the same thing; units
are brought to those of the catalogue by the unit table: a change of unit never looks like a change of price.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, TypeVar

from contracts.aws_names import BEDROCK
from contracts.json_codec import plain_decimal
from contracts.money import PriceRow
from contracts.units import UNITS, ratio, to_decimal
from cost_reports.prices.catalogue import GLOBAL, Catalogue, ModelInfo, PriceError, Unpublished, name_of
from cost_reports.prices.usage_types import in_region

R = TypeVar("R", PriceRow, Unpublished)
HOME = "us-east-1"
#: Service codes to ask for: one code of the catalogue may be spread over several of AWS.
SERVICE_CODES = {
    BEDROCK: (BEDROCK, "AmazonBedrockService"),
}
#: Unit of the Price List, lower case -> unit of the catalogue; None: the unit of the row that it renews (`Hrs`).
PRICE_LIST_UNITS: dict[str, str | None] = {
    "1k tokens": "1K tokens",
    "1m tokens": "1M tokens",
    "tokens": "tokens",
    "gb-mo": "GB-month",
    "gb": "GB",
    "tb": "TB",
    "objects": "objects",
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
class ListedPrice:
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
    """A price that differs; `share` is new / old - 1, None where the old price was 0."""

    name: str
    unit: str
    old_usd: Decimal
    new_usd: Decimal
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """The renewed rows in the order of the old ones, then the `added`; what changed, what nothing was found for, and
    the rates that are still not published.
    """

    rows: tuple[PriceRow, ...]
    changes: tuple[Change, ...]
    confirmed: int
    added: tuple[PriceRow, ...]
    not_found: tuple[str, ...]
    unpublished: tuple[Unpublished, ...]


def service_codes(catalogue: Catalogue) -> list[str]:
    """Return the service codes to ask the Price List for."""
    ours = (*(p.service_code for p in catalogue.prices), *(u.service_code for u in catalogue.unpublished))
    codes = dict.fromkeys(c for code in ours for c in SERVICE_CODES.get(code, (code,)))
    return list(codes)


def parse(products: Iterable[str | dict[str, Any]]) -> list[ListedPrice]:
    """Return the price dimensions of `PriceList` entries (JSON text, as GetProducts gives them).

    Raises:
        PriceError: an entry is not in the form of the Price List; the message names its SKU.
    """
    listed = []
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
                    listed.append(
                        ListedPrice(
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
    return listed


def refresh(catalogue: Catalogue, listed: Sequence[ListedPrice], today: str, region: str = HOME) -> Refreshed:
    """Return the catalogue's rows with the `listed` prices, where these name the same usage type and tier.

    For another `region` than us-east-1 the rows of us-east-1 say what to look for; new prices are added. A rate that
    stood among the unpublished and is listed becomes a price.

    Rows of Marketplace models share usage types and are told apart by model. The Price List does not say it in one
    place: they are left as they are and named as not found. Rows that no longer hold (`effective_to`) stay.

    Raises:
        ValueError: the region is unknown.
    """
    by_type: dict[tuple[str, str], list[ListedPrice]] = {}
    for f in listed:
        by_type.setdefault((f.service_code, f.usage_type), []).append(f)

    def renewed(row: PriceRow) -> PriceRow | None:
        codes = SERVICE_CODES.get(row.service_code, (row.service_code,))
        match = _match(row, [f for code in codes for f in by_type.get((code, row.usage_type), [])])
        if match is None or row.effective_to or row.operation:
            return None
        source = f"AWS Price List API (pricing:GetProducts), read {today}"
        return replace(row, usd=match[0], source=source, as_of=match[1] or today, confidence="high")

    rows, added, changes, missing, confirmed = [], [], [], [], 0
    for row in catalogue.prices:
        new = renewed(row)
        rows.append(new or row)
        if new is None:
            if not row.effective_to and row.region in (region, GLOBAL):
                missing.append(name_of(row))
        elif new.usd == row.usd:
            confirmed += 1
        else:
            share = float(new.usd / row.usd) - 1 if row.usd else None
            changes.append(Change(name=name_of(row), unit=row.unit, old_usd=row.usd, new_usd=new.usd, share=share))
    for row in _missing_in(catalogue, (r for r in catalogue.prices if not r.operation and not r.effective_to), region):
        if (new := renewed(row)) is not None:
            added.append(new)
        else:
            missing.append(name_of(row))
    unpublished = []
    for rate in (*catalogue.unpublished, *_missing_in(catalogue, catalogue.unpublished, region)):
        if (new := renewed(_template(rate))) is not None:
            added.append(new)
        else:
            unpublished.append(rate)
    return Refreshed(
        rows=(*rows, *added),
        changes=tuple(changes),
        confirmed=confirmed,
        added=tuple(added),
        not_found=tuple(missing),
        unpublished=tuple(unpublished),
    )


def _missing_in(catalogue: Catalogue, rows: Iterable[R], region: str) -> list[R]:
    """Return what the catalogue has for us-east-1 and not for another region, under the usage types of that region."""
    if region == HOME:
        return []
    known = {(p.service_code, p.usage_type) for p in catalogue.prices}
    known |= {(u.service_code, u.usage_type) for u in catalogue.unpublished}
    home = (r for r in rows if r.region == HOME)
    moved = [replace(r, usage_type=in_region(r.service_code, r.usage_type, region), region=region) for r in home]
    return [r for r in moved if (r.service_code, r.usage_type) not in known]


def _template(rate: Unpublished) -> PriceRow:
    """Return a row to look for in the Price List; its own price is never used."""
    return PriceRow(
        service_code=rate.service_code,
        usage_type=rate.usage_type,
        operation="",
        description=rate.description,
        unit=rate.unit,
        usd=Decimal(1),
        region=rate.region,
        source="",
        as_of="",
        confidence="low",
    )


def _match(row: PriceRow, listed: Sequence[ListedPrice]) -> tuple[Decimal, str] | None:
    """Return the price in the row's unit, and when it was published; None unless exactly one price fits.

    A price of 0 (a free tier, a bundle) fits a row that is free already, and no other: money never becomes 0 by itself.
    """
    prices: dict[Decimal, str] = {}
    for f in listed:
        unit = PRICE_LIST_UNITS.get(f.unit.lower(), "")
        unit = row.unit if unit is None else unit
        if unit not in UNITS or UNITS[unit].dimension != UNITS[row.unit].dimension:
            continue
        each = ratio(row.unit, unit)
        # Tier bounds of the Price List are in its own unit.
        if Fraction(f.tier_from) != Fraction(row.tier_from) * each or (row.usd and not f.usd):
            continue
        prices[to_decimal(Fraction(f.usd) * each)] = f.published
    if len(prices) != 1:
        return None
    ((usd, published),) = prices.items()
    return usd, published


def to_file(
    rows: Sequence[PriceRow],
    models: Sequence[ModelInfo],
    as_of: str,
    note: str,
    unpublished: Sequence[Unpublished] = (),
) -> str:
    """Return the text of a price file that `Catalogue.load` reads: one row a line, for differences that read well."""
    head = {"schema": 1, "as_of": as_of, "currency": "USD", "note": note}
    parts = [f" {json.dumps(k)}: {json.dumps(v)}" for k, v in head.items()]
    for name, listed in (
        ("models", map(asdict, models)),
        ("unpublished", map(asdict, unpublished)),
        ("prices", map(_plain, rows)),
    ):
        lines = ",\n".join(f"  {json.dumps(r, ensure_ascii=False)}" for r in listed)
        parts.append(f' "{name}": [\n{lines}\n ]')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _plain(row: PriceRow) -> dict[str, Any]:
    defaults = {"tier_from": Decimal(0), "tier_to": None, "effective_from": None, "effective_to": None, "note": None}
    values = {k: v for k, v in asdict(row).items() if k not in defaults or v != defaults[k]}
    return {k: plain_decimal(v) if isinstance(v, Decimal) else v for k, v in values.items()}
