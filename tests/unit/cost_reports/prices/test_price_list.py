from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cost_reports.prices.catalogue import Catalogue, PriceError
from cost_reports.prices.price_list import parse, refresh, service_codes, to_file
from ladder.billing import price_refresh
from ladder.errors import LadderError
from tests.unit.cost_reports.prices.sample_prices import product

CATALOGUE = Catalogue.load()


def test_units_are_brought_together() -> None:
    """The Price List counts Nova by 1K tokens, the catalogue by 1M: 0.000035 / 1K = 0.035 / 1M."""
    found = refresh(
        CATALOGUE,
        parse(
            [product("AmazonBedrockService", "USE1-NovaMicro-input-tokens", "1K tokens", ("0", "Inf", "0.0000350000"))]
        ),
        "2026-12-02",
    )
    assert found.changes == ()
    assert found.confirmed == 1
    row = next(r for r in found.rows if r.usage_type == "USE1-NovaMicro-input-tokens")
    assert (row.usd, row.as_of, row.source) == (
        Decimal("0.035"),
        "2026-12-01",
        "AWS Price List API (pricing:GetProducts), read 2026-12-02",
    )


def test_changes_are_listed() -> None:
    listed = [
        product("AmazonSageMaker", "USE1-Host:ml.g5.xlarge", "Hrs", ("0", "Inf", "1.5")),
        product("AmazonS3", "TimedStorage-ByteHrs", "GB-Mo", ("0", "51200", "0.02"), ("51200", "512000", "0.022")),
        product("AmazonES", "USE1-Other", "Hrs", ("0", "Inf", "9")),
    ]
    found = refresh(CATALOGUE, parse(listed), "2026-12-02")
    assert [(c.name, c.old_usd, c.new_usd) for c in found.changes] == [
        ("AmazonS3 TimedStorage-ByteHrs", Decimal("0.023"), Decimal("0.02")),
        ("AmazonSageMaker USE1-Host:ml.g5.xlarge", Decimal("1.408"), Decimal("1.5")),
    ]
    assert found.confirmed == 1
    assert found.changes[1].share == pytest.approx(0.0653, abs=0.0001)
    assert len(found.rows) == len(CATALOGUE.prices)
    assert "AWSLambda Request-ARM" in found.not_found


def test_two_different_prices_change_nothing() -> None:
    listed = [product("AmazonES", "USE1-SearchOCU", "OCU-Hour", ("0", "Inf", usd)) for usd in ("0.24", "0.3")]
    assert refresh(CATALOGUE, parse(listed), "2026-12-02").changes == ()


def test_a_price_never_becomes_nothing() -> None:
    """Free tiers and bundles stand in the Price List with 0 USD, under the same usage types."""
    listed = [
        product("AmazonSageMaker", "USE1-Host:ml.g5.xlarge", "Hrs", ("0", "Inf", "0.0000000000")),
        product("AmazonS3Vectors", "USE1-Vectors-Query-Bytes-Small", "TB", ("0", "Inf", "0")),
        product("AmazonDynamoDB", "TimedStorage-ByteHrs", "GB-Mo", ("0", "25", "0"), ("25", "Inf", "0.25")),
    ]
    found = refresh(CATALOGUE, parse(listed), "2026-12-02")
    assert (found.changes, found.added, found.confirmed) == ((), (), 2)
    assert "AmazonSageMaker USE1-Host:ml.g5.xlarge" in found.not_found
    both = [*listed, product("AmazonSageMaker", "USE1-Host:ml.g5.xlarge", "Hrs", ("0", "Inf", "1.5"))]
    assert [c.new_usd for c in refresh(CATALOGUE, parse(both), "2026-12-02").changes] == [Decimal("1.5")]


def test_what_is_no_price_is_not_written(tmp_path: Path) -> None:
    listed = parse([product("AmazonSageMaker", "USE1-Host:ml.g5.xlarge", "Hrs", ("0", "Inf", "-1"))])
    with pytest.raises(PriceError, match=r"USE1-Host:ml\.g5\.xlarge .*usd is not a price \(got -1\.0+\)"):
        price_refresh.write(CATALOGUE, listed, "2026-12-02", tmp_path / "prices")
    assert not (tmp_path / "prices").exists()


def test_an_entry_of_another_form_is_named() -> None:
    with pytest.raises(PriceError, match="SKU S9: not in the known form"):
        parse([{"product": {"sku": "S9", "attributes": {"usagetype": "x"}}, "terms": {"OnDemand": {"t": {}}}}])
    assert parse([{"product": {"sku": "S9", "attributes": {}}}]) == []


def test_a_written_file_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(to_file(CATALOGUE.prices, CATALOGUE.models, CATALOGUE.as_of, "n"))
    again = Catalogue.load(path)
    assert again.prices == CATALOGUE.prices
    assert again.models == CATALOGUE.models


class Pricing:
    """A pricing client that knows one price."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, name: str) -> Pricing:
        assert name == "get_products"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        self.asked.append(request)
        if request["ServiceCode"] != "AmazonES":
            return [{"PriceList": []}]
        return [
            {"PriceList": [product("AmazonES", "USE1-SearchOCU", "OCU-Hour", ("0", "Inf", "0.25"))]},
            {"PriceList": []},
        ]


def test_refreshing_writes_a_new_file_and_never_overwrites(tmp_path: Path) -> None:
    pricing = Pricing()
    found = price_refresh.fetch(pricing, CATALOGUE, "us-east-1")
    assert {r["ServiceCode"] for r in pricing.asked} == set(service_codes(CATALOGUE))
    assert {"AmazonBedrock", "AmazonBedrockService", "AmazonBedrockFoundationModels"} <= set(service_codes(CATALOGUE))
    path, renewed = price_refresh.write(CATALOGUE, found, "2026-12-02", tmp_path)
    assert path.with_suffix(".diff.txt").read_text().splitlines() == price_refresh.diff(renewed)
    assert [c.new_usd for c in renewed.changes] == [Decimal("0.25")]
    assert Catalogue.load(path).as_of == "2026-12-02"
    with pytest.raises(LadderError, match="never overwritten"):
        price_refresh.write(CATALOGUE, found, "2026-12-02", tmp_path)
