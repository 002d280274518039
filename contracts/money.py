"""Usage, prices, charges: the records that money is made of. Frozen, plain, Decimal; no AWS, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Basis = Literal["reported", "derived"]
Confidence = Literal["high", "medium", "low"]
Source = Literal["estimated", "metered", "billed-ce", "billed-export"]
Cut = Literal["whole", "service", "usage-type", "record-type", "model", "role"]
"""Cost Explorer groups by two keys at a time, so it gives the same money in several cuts. Rows of two cuts are never
added; `whole` rows (metered, estimated, exports) carry every field and need no cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """A quantity that a provider meters. `amount` counts `unit`s; `start` and `end` are UTC, ISO 8601, end exclusive.

    `basis` is `reported` where the service itself gave the amount, `derived` where a formula did; `source` names the
    call or the formula. `variant` and `model` are None where the usage belongs to a whole approach or to no model.
    """

    experiment: str
    run: str
    approach: str
    variant: str | None
    start: str
    end: str
    service_code: str
    usage_type: str
    operation: str
    amount: Decimal
    unit: str
    basis: Basis
    source: str
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """What `unit` costs in USD, between `tier_from` (inclusive) and `tier_to` (exclusive, None = no end) units a month.

    The price holds from `effective_from` (UTC date, inclusive) to `effective_to` (exclusive, None = still).
    """

    service_code: str
    usage_type: str
    operation: str
    description: str
    unit: str
    usd: Decimal
    region: str
    source: str
    as_of: str
    confidence: Confidence
    tier_from: Decimal = Decimal(0)
    tier_to: Decimal | None = None
    effective_from: str | None = None
    effective_to: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRow:
    """Usage times price on one UTC day. The one fact table: every report reads it.

    An amount of None means that the source does not say; it is never 0. `experiment` and `approach` None = untagged.
    `cut` says which view of the money the row is part of.
    """

    day: str
    billing_period: str
    account: str | None
    experiment: str | None
    approach: str | None
    variant: str | None
    service_code: str | None
    service: str
    usage_type: str | None
    model: str | None
    charge_category: str
    unit: str | None
    quantity: Decimal | None
    amount_usd: Decimal
    effective_usd: Decimal | None
    list_usd: Decimal | None
    source: Source
    estimated: bool
    as_of: str
    cut: Cut = "whole"
