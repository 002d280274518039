from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from cost_reports import meters
from cost_reports.contracts import PriceRow
from cost_reports.prices import Catalogue, PriceError, age_days, missing, name_of, newest, price_row, stale
from cost_reports.usage_types import usage_type
from tests.unit.money.sample_run import NOVA, context

CTX = context("rag", "rag")
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


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return Catalogue.load()


def test_the_shipped_catalogue(shipped: Catalogue) -> None:
    assert shipped.as_of == "2026-11-23"
    row = shipped.price_for(meters.bedrock_tokens(CTX, NOVA, "input", 1))
    assert (row.usd, row.unit, row.confidence) == (Decimal("0.035"), "1M tokens", "high")
    assert row.source


def test_us_and_global_profiles_have_their_own_price(shipped: Catalogue) -> None:
    def usd(model: str) -> Decimal:
        return shipped.price_for(meters.bedrock_tokens(CTX, model, "input", 1)).usd

    assert usd("us.amazon.nova-2-lite-v1:0") == Decimal("0.33")
    assert usd("global.amazon.nova-2-lite-v1:0") == Decimal("0.3")
    assert usd("us.anthropic.claude-haiku-5-5") == Decimal("0.11")


def test_sagemaker_costs_more_than_ec2_by_the_known_ratio(shipped: Catalogue) -> None:
    """SageMaker / EC2 = 1.40 for .xlarge, 1.25 for larger g instances, 1.15 for p4 and p5 (fact of the price list)."""
    compared = 0
    for row in shipped.prices:
        if not row.usage_type.startswith("USE1-Host:ml.") or row.unit != "instance-hour":
            continue
        size = row.usage_type.removeprefix("USE1-Host:ml.")
        ec2 = shipped.candidates("AmazonEC2", f"BoxUsage:{size}", "", "2026-11-23")
        if not ec2:
            continue
        expected = 1.15 if size.startswith("p") else 1.40 if size.endswith(".xlarge") else 1.25
        assert float(row.usd / ec2[0].usd) == pytest.approx(expected, rel=0.005), size
        compared += 1
    assert compared >= 12


def test_hosting_and_training_cost_the_same(shipped: Catalogue) -> None:
    prices = {r.usage_type: r.usd for r in shipped.prices if r.service_code == "AmazonSageMaker"}
    hosted = [name for name in prices if name.startswith("USE1-Host:ml.")]
    assert len(hosted) == 25
    assert all(prices[name] == prices[name.replace("Host", "Train")] for name in hosted)


def test_tiers_of_batch_flex_priority_and_cache(shipped: Catalogue) -> None:
    def usd(meter: str) -> Decimal:
        return shipped.price_for(meters.bedrock_tokens(CTX, "us.amazon.nova-pro-v1:0", meter, 1)).usd

    assert usd("input batch") == usd("input flex") == usd("input") / 2
    assert usd("output priority") == usd("output") * Decimal("1.75")
    assert usd("cache read") == usd("input") / 4


def test_a_tier_that_a_model_does_not_offer_has_no_price(shipped: Catalogue) -> None:
    with pytest.raises(PriceError, match="input-tokens-flex"):
        shipped.price_for(meters.bedrock_tokens(CTX, NOVA, "input flex", 1))


def test_the_error_of_an_unknown_price_names_the_usage(shipped: Catalogue) -> None:
    row = meters.bedrock_tokens(replace(CTX, region="eu-west-1"), NOVA, "input", 5)
    with pytest.raises(PriceError, match=r"EU-NovaMicro-input-tokens: 5 tokens \(experiment handbook.*approach rag"):
        shipped.price_for(row)
    assert len(missing(shipped, [row, row])) == 1


def test_limits_of_models(shipped: Catalogue) -> None:
    assert shipped.model("us.anthropic.claude-haiku-5-5").long_context_above == 100_000
    assert shipped.model("openai.gpt-6-luna").long_context_above == 272_000
    assert shipped.model(NOVA).max_input_tokens == 128_000
    with pytest.raises(PriceError, match="model 'x' has no price"):
        shipped.model("x")


def test_the_price_of_the_day_is_used() -> None:
    """p5.48xlarge cost 98.32 an hour until June 2025 and 55.04 since."""
    catalogue = Catalogue.load()
    for day, usd in (("2025-05-31", "98.32"), ("2025-06-01", "55.04"), ("2026-11-23", "55.04")):
        (row,) = catalogue.candidates("AmazonEC2", "BoxUsage:p5.48xlarge", "", day)
        assert row.usd == Decimal(usd)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": " "}, "AmazonS3 Requests-Tier1 'puts': source is missing"),
        ({"as_of": ""}, "as_of is missing"),
        ({"usd": Decimal(-1)}, "usd -1 is not a price"),
        ({"usd": Decimal("NaN")}, "usd NaN is not a price"),
        ({"unit": "dozen"}, "unit 'dozen' is unknown"),
        ({"region": "us-moon-1"}, "region 'us-moon-1' is unknown"),
        ({"confidence": "sure"}, "confidence 'sure' is unknown"),
        ({"tier_from": Decimal(5), "tier_to": Decimal(5)}, "tier 5 to 5 is empty"),
        ({"effective_from": "2026-01-02", "effective_to": "2026-01-01"}, "are empty"),
    ],
)
def test_a_wrong_row_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(PriceError, match=message):
        Catalogue([replace(ROW, **change)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("a", "b", "overlaps"),
    [
        ({}, {}, True),
        ({"tier_to": Decimal(10)}, {"tier_from": Decimal(10)}, False),
        ({"tier_to": Decimal(11)}, {"tier_from": Decimal(10)}, True),
        ({"effective_to": "2026-01-01"}, {"effective_from": "2026-01-01"}, False),
        ({"effective_to": "2026-01-02"}, {"effective_from": "2026-01-01"}, True),
        ({"operation": "a"}, {"operation": "b"}, False),
        ({"operation": "a"}, {}, True),
    ],
)
def test_overlapping_rows(a: dict[str, object], b: dict[str, object], overlaps: bool) -> None:
    rows = [replace(ROW, **a), replace(ROW, **b)]  # type: ignore[arg-type]
    if overlaps:
        with pytest.raises(PriceError, match="prices overlap: AmazonS3 Requests-Tier1"):
            Catalogue(rows)
    else:
        assert len(Catalogue(rows).prices) == 2


def test_tiers_must_share_a_unit() -> None:
    with pytest.raises(PriceError, match="unit differs from '1K requests'"):
        Catalogue([replace(ROW, tier_to=Decimal(1)), replace(ROW, tier_from=Decimal(1), unit="requests")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not JSON"),
        ("[]", "no price file of schema 1"),
        ('{"schema": 1, "currency": "EUR"}', "currency 'EUR' is not USD"),
        ('{"schema": 1, "currency": "USD"}', "missing or unknown: 'models'"),
        ('{"schema": 1, "currency": "USD", "as_of": "d", "models": [], "prices": [{"usd": 1}]}', "written as text"),
        ('{"schema": 1, "currency": "USD", "as_of": "d", "models": [], "prices": [{"usd": "x"}]}', "is no number"),
        ('{"schema": 1, "currency": "USD", "as_of": "d", "models": [], "prices": [{"cost": "1"}]}', "unknown field"),
        ('{"schema": 1, "currency": "USD", "as_of": "d", "models": [], "prices": [{"usd": "1"}]}', "missing"),
    ],
)
def test_a_wrong_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text)
    with pytest.raises(PriceError, match=message) as error:
        Catalogue.load(path)
    assert str(path) in str(error.value)
    with pytest.raises(PriceError, match="cannot be read"):
        Catalogue.load(tmp_path / "none.json")


def test_every_row_of_the_file_is_read() -> None:
    data = json.loads(newest().read_text())
    assert [price_row(r) for r in data["prices"]] == list(Catalogue.load().prices)


def test_ages() -> None:
    today = date(2026, 11, 23)
    assert age_days(ROW, today) == 53
    assert age_days(replace(ROW, as_of="2026-10"), today) == 53
    assert age_days(replace(ROW, as_of="2026"), today) == 326
    assert age_days(replace(ROW, as_of="2022-2026"), today) == 1787
    assert age_days(replace(ROW, as_of="unverified"), today) is None


def test_stale_prices_come_oldest_first(shipped: Catalogue) -> None:
    rows = [meters.bedrock_tokens(CTX, NOVA, "input", 1), meters.lambda_gb_seconds(CTX, 128, 1)]
    assert {name_of(r) for r in stale(shipped, rows, date(2026, 11, 23), 30)} == {"AWSLambda Lambda-GB-Second-ARM"}
    assert len(stale(shipped, rows, date(2027, 11, 23), 30)) == 4


def test_prefixes_of_regions() -> None:
    assert usage_type("AmazonES", "ESInstance:t3.small", "us-east-1") == "ESInstance:t3.small"
    assert usage_type("AmazonES", "ESInstance:t3.small", "eu-west-1") == "EU-ESInstance:t3.small"
