"""Dimensions of Cost Explorer: those that a request may name, and the values of a line."""

from __future__ import annotations

import re

from offline.billing.bill.line import Line

SELLER = "Amazon Web Services, Inc."
#: What GetCostAndUsage groups by.
GROUPED = (
    "AZ",
    "INSTANCE_TYPE",
    "LEGAL_ENTITY_NAME",
    "INVOICING_ENTITY",
    "LINKED_ACCOUNT",
    "OPERATION",
    "PLATFORM",
    "PURCHASE_TYPE",
    "SERVICE",
    "TENANCY",
    "RECORD_TYPE",
    "USAGE_TYPE",
)
#: What the other operations take, filters among them. Those that no line of this bill has a value for match nothing.
FILTERED = (
    *GROUPED,
    "BILLING_ENTITY",
    "CACHE_ENGINE",
    "DATABASE_ENGINE",
    "DEPLOYMENT_OPTION",
    "INSTANCE_TYPE_FAMILY",
    "OPERATING_SYSTEM",
    "PAYMENT_OPTION",
    "REGION",
    "RESERVATION_ID",
    "SAVINGS_PLANS_TYPE",
    "SAVINGS_PLAN_ARN",
    "SCOPE",
    "SUBSCRIPTION_ID",
    "USAGE_TYPE_GROUP",
)
#: Dimensions that lines of this bill have.
CARRIED = frozenset(
    {
        "BILLING_ENTITY",
        "INSTANCE_TYPE",
        "INVOICING_ENTITY",
        "LEGAL_ENTITY_NAME",
        "LINKED_ACCOUNT",
        "OPERATION",
        "RECORD_TYPE",
        "REGION",
        "SERVICE",
        "USAGE_TYPE",
    }
)
_INSTANCE = re.compile(r"(?:ml\.)?[a-z][a-z0-9-]*\.(?:metal|nano|micro|small|medium|\d*x?large)(?:\.search)?")


def value_of(line: Line, dimension: str, account: str) -> str:
    """Return the value of a dimension; empty for one that this bill does not carry."""
    if dimension == "INSTANCE_TYPE":
        instance = _INSTANCE.search(line.usage_type)
        return instance[0] if instance else "NoInstanceType"
    values = {
        "BILLING_ENTITY": "AWS Marketplace" if line.is_marketplace else "AWS",
        "INVOICING_ENTITY": SELLER,
        "LEGAL_ENTITY_NAME": SELLER,
        "LINKED_ACCOUNT": account,
        "OPERATION": line.operation or "NoOperation",
        "RECORD_TYPE": line.record_type,
        "REGION": line.region or "NoRegion",
        "SERVICE": line.service,
        "USAGE_TYPE": line.usage_type or "NoUsageType",
    }
    return values.get(dimension, "")
