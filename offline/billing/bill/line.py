"""A line of the bill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

USAGE = "Usage"
#: Tags of the role that called Bedrock, as opposed to tags of a resource.
PRINCIPAL = "iamPrincipal/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Money of one UTC day. `usd` is exact to 12 decimals, `quantity` counts the bill's `unit`s and is exact.

    `tags` holds the tags of the resource and, with `iamPrincipal/` before the key, those of the calling role.
    `attributes` are product attributes; None for services without them. `shown_from` overrides the usual rule of
    when a line appears on the bill (`dates.shown_from`).
    """

    day: date
    record_type: str
    service: str
    service_code: str
    usage_type: str
    operation: str
    region: str
    unit: str | None
    quantity: Fraction
    usd: Decimal
    description: str
    tags: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] | None = None
    shown_from: datetime | None = None

    @property
    def is_marketplace(self) -> bool:
        """Whether AWS Marketplace bills it, on behalf of the model's maker."""
        return "-MP:" in self.usage_type
