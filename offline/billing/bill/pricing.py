"""Usage rows as lines of the bill, with the names and units that AWS writes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from contracts import json_codec
from contracts.aws_names import MARKETPLACE, bill_name
from contracts.money import UsageRow
from contracts.units import ratio
from cost_reports.metering.charges import Pricer, split_by_day
from cost_reports.prices import bill_names
from cost_reports.prices.catalogue import Catalogue, PriceError
from offline.billing.bill import bedrock_names
from offline.billing.bill.line import PRINCIPAL, Line
from offline.billing.state import UsageObject

PROJECT = "fm-cost-ladder"
COST_EXPLORER = "AWSCostExplorer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """Lines in the order of time and name, and what could not be billed: a line each, naming object or usage."""

    lines: tuple[Line, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """Usage of one day with the tags that it is billed under."""

    row: UsageRow
    tags: dict[str, str]


def price(
    catalogue: Catalogue, objects: Iterable[UsageObject], requests: Iterable[tuple[str, str]], region: str
) -> Priced:
    """Return the lines of all usage. `requests`: time and operation of each answered request to Cost Explorer."""
    problems: list[str] = []
    parts = [_Part(_request(*request), {}) for request in requests]
    for source in objects:
        try:
            rows = json_codec.load_lines(UsageRow, source.text)
            split = [(row, part) for row in rows for part in split_by_day(row)]
        except (ValueError, ArithmeticError) as error:
            problems.append(f"s3://{source.bucket}/{source.key}: not billed: {error}")
            continue
        # Requests to Cost Explorer are counted where they are answered.
        parts += [_Part(part, _tags(row, source)) for row, part in split if row.service_code != COST_EXPLORER]
    parts.sort(key=_order)
    pricer = Pricer(catalogue)
    lines = []
    for part in parts:
        try:
            lines.append(_line(pricer, part, region))
        except (PriceError, ValueError) as error:
            problems.append(f"not billed: {error}")
    return Priced(lines=tuple(lines), problems=tuple(dict.fromkeys(problems)))


def _line(pricer: Pricer, part: _Part, region: str) -> Line:
    row = part.row
    charge = pricer.charge(row)
    price_unit = pricer.catalogue.unit_for(row.service_code, row.usage_type) or row.unit
    unit = bill_names.bill_unit(price_unit)
    quantity = Fraction(row.amount) * ratio(row.unit, bill_names.ladder_unit(unit, price_unit) or price_unit, row.start)
    attributes = bedrock_names.product_attributes(row.service_code, row.usage_type, row.model)
    return Line(
        day=date.fromisoformat(charge.day),
        record_type=charge.charge_category,
        service=_service(row),
        service_code=row.service_code,
        usage_type=row.usage_type,
        operation=row.operation,
        region=region,
        unit=unit,
        quantity=quantity,
        usd=charge.amount_usd,
        description=f"{row.usage_type} in {unit}",
        tags=part.tags if attributes is None else {**part.tags, **_principal(part.tags)},
        attributes=attributes,
    )


def _service(row: UsageRow) -> str:
    if row.service_code == MARKETPLACE:
        return bedrock_names.model_name(row.model or row.operation) + bill_names.EDITION
    return bill_name(row.service_code)


def _tags(row: UsageRow, source: UsageObject) -> dict[str, str]:
    """Return the tags of the resources that a run's approach uses; project and owner stand on the bucket only."""
    tags = {
        "project": source.tags.get("project", PROJECT),
        "experiment": row.experiment,
        "approach": row.approach,
        "cost-cell": f"{row.experiment}/{row.approach}",
    }
    return {**tags, "owner": source.tags["owner"]} if "owner" in source.tags else tags


def _principal(tags: dict[str, str]) -> dict[str, str]:
    return {PRINCIPAL + key: value for key, value in tags.items()}


def _request(time: str, operation: str) -> UsageRow:
    return UsageRow(
        experiment="",
        run="",
        approach="",
        variant=None,
        start=time,
        end=time,
        service_code=COST_EXPLORER,
        usage_type="USE1-APIRequest",
        operation=operation,
        amount=Decimal(1),
        unit="requests",
        basis="reported",
        source="answered by the embedded AWS",
    )


def _order(part: _Part) -> tuple[str, ...]:
    """Return a sort key of the usage itself: price tiers must not depend on the order of the objects."""
    row = part.row
    fixed = (row.start, row.end, row.service_code, row.usage_type, row.operation, row.approach, row.variant or "")
    rest = (row.model or "", f"{row.amount:f}", row.unit, row.source, row.experiment, row.run)
    return (*fixed, *rest, json.dumps(part.tags, sort_keys=True))
