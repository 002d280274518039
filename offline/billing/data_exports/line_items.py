"""Rows of the exports: a line item for each day, kind of usage and set of tags, in the columns of a table.

Amounts are written with 12 decimals: each DOUBLE, cast to DECIMAL(38,12), is the exact amount again (below 1,000 USD a
row; a DOUBLE has no more digits). List, contracted and effective cost equal the billed cost, because this bill knows no
discounts. Columns that are not named here are NULL.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from contracts import times
from contracts.units import exact_total, to_decimal
from cost_reports.metering.charges import exact_sum
from offline.billing.bill import dates
from offline.billing.bill.line import PRINCIPAL, USAGE, Line
from offline.billing.cost_explorer.dimensions import SELLER, value_of
from offline.billing.data_exports.tables import CUR, FOCUS

Row = dict[str, Any]
#: Marks every row: a file that was copied elsewhere still names what it is.
ACCOUNT_NAME = "SIMULATED (embedded AWS)"
#: Record type -> charge category of FOCUS.
CATEGORIES = {
    "Usage": "Usage",
    "Credit": "Credit",
    "Refund": "Credit",
    "Discount": "Credit",
    "Tax": "Tax",
    "Fee": "Purchase",
    "Support": "Purchase",
}
_SERVICE_CATEGORIES = {
    "AmazonBedrock": "AI and Machine Learning",
    "AmazonBedrockFoundationModels": "AI and Machine Learning",
    "AmazonSageMaker": "AI and Machine Learning",
    "AmazonES": "Analytics",
    "AmazonS3": "Storage",
    "AmazonS3Vectors": "Storage",
    "AmazonECR": "Storage",
    "AmazonDynamoDB": "Databases",
    "AmazonRDS": "Databases",
    "AWSLambda": "Compute",
    "AmazonEC2": "Compute",
    "AmazonStates": "Integration",
    "AWSEvents": "Integration",
    "AmazonSNS": "Integration",
    "AWSQueueService": "Integration",
    "AmazonVPC": "Networking",
    "AmazonApiGateway": "Networking",
    "AmazonCloudWatch": "Management and Governance",
    "AWSCostExplorer": "Management and Governance",
    "AWSBudgets": "Management and Governance",
    "AWSSecretsManager": "Security",
    "awskms": "Security",
}
_REGION_NAMES = {"us-east-1": "US East (N. Virginia)", "us-west-2": "US West (Oregon)", "eu-west-1": "Europe (Ireland)"}


def line_items(lines: Iterable[Line]) -> list[Line]:
    """Join lines of a day that differ in amounts only, and return them in the order of day and name."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(_key(line), []).append(line)
    items = []
    for key in sorted(groups):
        group = groups[key]
        usd, quantity = exact_sum(line.usd for line in group), exact_total(line.quantity for line in group)
        items.append(replace(group[0], usd=usd, quantity=quantity))
    return items


def rows(table: str, lines: Iterable[Line], *, account: str, closed: bool, principals: bool) -> list[Row]:
    """Return the rows of a table for the line items of one month.

    `closed`: the month has its invoice. `principals`: the export includes IAM principal data.
    """
    make: dict[str, Callable[..., Row]] = {FOCUS: _focus, CUR: _cur}
    return [make[table](line, account, closed, principals) for line in line_items(lines)]


def _focus(line: Line, account: str, closed: bool, _principals: bool) -> Row:
    usage = line.record_type == USAGE
    usd, quantity = f"{line.usd:.12f}", f"{to_decimal(line.quantity):.12f}"
    start, end = _month(line.day)
    counted = {"ConsumedQuantity": quantity, "ConsumedUnit": line.unit} if usage and line.unit else {}
    return {
        "BilledCost": usd,
        "BillingAccountId": account,
        "BillingAccountName": ACCOUNT_NAME,
        "BillingCurrency": "USD",
        "BillingPeriodEnd": end,
        "BillingPeriodStart": start,
        "ChargeCategory": CATEGORIES[line.record_type],
        "ChargeClass": "Correction" if line.record_type == "Refund" else None,
        "ChargeDescription": line.description,
        "ChargeFrequency": "Usage-Based" if usage else "One-Time",
        "ChargePeriodEnd": _time(line.day + dates.DAY),
        "ChargePeriodStart": _time(line.day),
        "ContractedCost": usd,
        "EffectiveCost": usd,
        "InvoiceId": _invoice(line, account) if closed else None,
        "InvoiceIssuerName": SELLER,
        "ListCost": usd,
        "PricingCategory": "Standard" if usage else None,
        "PricingCurrency": "USD",
        "PricingCurrencyEffectiveCost": usd,
        "PricingQuantity": quantity if line.unit else None,
        "PricingUnit": line.unit,
        "ProviderName": "AWS",
        "PublisherName": (line.attributes or {}).get("provider", SELLER) if line.is_marketplace else SELLER,
        "RegionId": line.region or None,
        "RegionName": _REGION_NAMES.get(line.region),
        "ServiceCategory": _SERVICE_CATEGORIES.get(line.service_code, "Other"),
        "ServiceName": line.service,
        "SkuMeter": line.usage_type or None,
        "SubAccountId": account,
        "SubAccountName": ACCOUNT_NAME,
        "Tags": {key: value for key, value in line.tags.items() if not key.startswith(PRINCIPAL)},
        "x_Operation": line.operation or None,
        "x_ServiceCode": line.service_code or None,
        **counted,
    }


def _cur(line: Line, account: str, closed: bool, principals: bool) -> Row:
    usd = f"{line.usd:.12f}"
    start, end = _month(line.day)
    interval = f"{times.stamp(dates.midnight(line.day))}/{times.stamp(dates.midnight(line.day + dates.DAY))}"
    resource = {key: value for key, value in line.tags.items() if not key.startswith(PRINCIPAL)}
    tags = {f"resourceTags/{key}": value for key, value in resource.items()}
    if principals:
        tags |= {key: value for key, value in line.tags.items() if key.startswith(PRINCIPAL)}
    return {
        "bill_bill_type": "Anniversary" if line.record_type != "Refund" else "Refund",
        "bill_billing_entity": value_of(line, "BILLING_ENTITY", account),
        "bill_billing_period_end_date": end,
        "bill_billing_period_start_date": start,
        "bill_invoice_id": _invoice(line, account) if closed else None,
        "bill_invoicing_entity": SELLER,
        "bill_payer_account_id": account,
        "bill_payer_account_name": ACCOUNT_NAME,
        "cost_category": {},
        "discount": {},
        "identity_line_item_id": hashlib.sha256(_key(line).encode()).hexdigest()[:52],
        "identity_time_interval": interval,
        "line_item_blended_cost": usd,
        "line_item_currency_code": "USD",
        "line_item_iam_principal": _principal(line, account),
        "line_item_legal_entity": SELLER,
        "line_item_line_item_description": line.description,
        "line_item_line_item_type": line.record_type,
        "line_item_net_unblended_cost": usd,
        "line_item_operation": line.operation or None,
        "line_item_product_code": line.service_code or None,
        "line_item_unblended_cost": usd,
        "line_item_usage_account_id": account,
        "line_item_usage_account_name": ACCOUNT_NAME,
        "line_item_usage_amount": f"{to_decimal(line.quantity):.12f}" if line.unit else None,
        "line_item_usage_end_date": _time(line.day + dates.DAY),
        "line_item_usage_start_date": _time(line.day),
        "line_item_usage_type": line.usage_type or None,
        "pricing_currency": "USD",
        "pricing_public_on_demand_cost": usd,
        "pricing_term": "OnDemand" if line.record_type == USAGE else None,
        "pricing_unit": line.unit,
        "product": {"product_name": line.service, "region": line.region},
        "product_operation": line.operation or None,
        "product_region_code": line.region or None,
        "product_servicecode": line.service_code or None,
        "product_usagetype": line.usage_type or None,
        "resource_tags": {f"user_{key.lower().replace('-', '_')}": value for key, value in resource.items()},
        "tags": tags,
    }


def _key(line: Line) -> str:
    names = (line.day.isoformat(), line.record_type, line.service, line.service_code, line.usage_type, line.operation)
    maps = [json.dumps(dict(values or {}), sort_keys=True) for values in (line.tags, line.attributes)]
    return json.dumps([*names, line.unit, line.region, line.description, *maps])


def _principal(line: Line, account: str) -> str | None:
    """Return the role that called Bedrock, derived from its cost cell: usage rows do not name the role."""
    cell: Mapping[str, str] = line.tags
    name = cell.get(f"{PRINCIPAL}cost-cell") or cell.get("cost-cell")
    if line.attributes is None or not name:
        return None
    return f"arn:aws:iam::{account}:role/{name.replace('/', '-')}"


def _invoice(line: Line, account: str) -> str:
    return f"{line.day:%Y%m}{account[-4:]}"


def _month(day: date) -> tuple[str, str]:
    return _time(times.first_of_month(day)), _time(times.first_of_month(day, 1))


def _time(day: date) -> str:
    return f"{day.isoformat()} 00:00:00"
