"""A price of a file, and an entry of the Price List."""

from __future__ import annotations

import json
from decimal import Decimal

from contracts.money import PriceRow

ROW = PriceRow(
    service_code="AmazonS3",
    usage_type="Requests-Tier1",
    operation="",
    description="puts",
    unit="1K requests",
    usd=Decimal("0.005"),
    region="us-east-1",
    source="a list",
    as_of="2026-10-01",
    confidence="high",
)


def product(service: str, usage_type: str, unit: str, *prices: tuple[str, str, str]) -> str:
    """An entry of the Price List; prices are (begin, end, USD)."""
    dimensions = {
        f"d{n}": {"unit": unit, "beginRange": a, "endRange": b, "pricePerUnit": {"USD": usd}}
        for n, (a, b, usd) in enumerate(prices)
    }
    return json.dumps(
        {
            "product": {"sku": "S1", "attributes": {"servicecode": service, "usagetype": usage_type, "operation": "x"}},
            "publicationDate": "2026-12-01T00:00:00Z",
            "terms": {"OnDemand": {"t": {"priceDimensions": dimensions}}},
        }
    )
