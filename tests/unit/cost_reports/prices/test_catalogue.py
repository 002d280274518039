from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from cost_reports.metering import meters
from cost_reports.prices.catalogue import Catalogue, PriceError, name_of, newest, price_row
from cost_reports.prices.checks import age_days, missing, odd_ratios, stale
from cost_reports.prices.usage_types import usage_type
from tests.unit.cost_reports.prices.sample_prices import ROW
from tests.unit.cost_reports.sample_run import NOVA, context

CTX = context("rag", "rag")
PRICE = '{"schema": 1, "currency": "USD", "as_of": "d", "models": [], "prices": [%s]}'
MODEL = '{"schema": 1, "currency": "USD", "as_of": "d", "models": [%s], "prices": []}'


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return Catalogue.load()


def test_the_shipped_catalogue(shipped: Catalogue) -> None:
    assert shipped.as_of == "2026-11-23"
    row = shipped.price_for(CTX.tokens(NOVA, "input", 1))
    assert (row.usd, row.unit, row.confidence) == (Decimal("0.035"), "1M tokens", "high")
    assert row.source


def test_us_and_global_profiles_have_their_own_price(shipped: Catalogue) -> None:
    def usd(model: str) -> Decimal:
        return shipped.price_for(CTX.tokens(model, "input", 1)).usd

    assert usd("us.amazon.nova-2-lite-v1:0") == Decimal("0.33")
    assert usd("global.amazon.nova-2-lite-v1:0") == Decimal("0.3")
    assert usd("us.anthropic.claude-haiku-5-5") == Decimal("0.11")


def test_sagemaker_stands_to_ec2_as_it_should(shipped: Catalogue) -> None:
    assert odd_ratios(shipped, "2026-11-23") == []
    wrong = [replace(p, usd=p.usd * 2) if p.usage_type == "USE1-Host:ml.g5.xlarge" else p for p in shipped.prices]
    assert odd_ratios(Catalogue(wrong), "2026-11-23") == [
        "AmazonSageMaker USE1-Host:ml.g5.xlarge costs 2.816, training on it 1.408",
        "AmazonSageMaker USE1-Host:ml.g5.xlarge is 2.799 times the EC2 price, expected 1.40",
    ]


def test_tiers_of_batch_flex_priority_and_cache(shipped: Catalogue) -> None:
    def usd(meter: str) -> Decimal:
        return shipped.price_for(CTX.tokens("us.amazon.nova-pro-v1:0", meter, 1)).usd

    assert usd("input batch") == usd("input flex") == usd("input") / 2
    assert usd("output priority") == usd("output") * Decimal("1.75")
    assert usd("cache read") == usd("input") / 4


def test_a_tier_that_a_model_does_not_offer_has_no_price(shipped: Catalogue) -> None:
    with pytest.raises(PriceError, match="input-tokens-flex"):
        shipped.price_for(CTX.tokens(NOVA, "input flex", 1))


def test_the_error_of_an_unknown_price_names_the_usage(shipped: Catalogue) -> None:
    row = replace(CTX, region="eu-west-1").tokens(NOVA, "input", 5)
    with pytest.raises(PriceError, match=r"EU-NovaMicro-input-tokens: 5 tokens \(experiment handbook.*approach rag"):
        shipped.price_for(row)
    assert len(missing(shipped, [row, row])) == 1


def test_limits_of_models(shipped: Catalogue) -> None:
    assert shipped.model("us.anthropic.claude-haiku-5-5").long_context_above == 100_000
    assert shipped.model("openai.gpt-6-luna").long_context_above == 272_000
    assert shipped.model(NOVA).max_input_tokens == 128_000
    assert shipped.model(f"arn:aws:bedrock:us-east-1::inference-profile/{NOVA}").max_input_tokens == 128_000
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
        ({"usd": Decimal(-1)}, "usd is not a price \\(got -1"),
        ({"usd": Decimal("NaN")}, "usd is not a price \\(got NaN"),
        ({"unit": "dozen"}, "unit 'dozen' is unknown"),
        ({"region": "us-moon-1"}, "region 'us-moon-1' is unknown"),
        ({"confidence": "sure"}, "confidence 'sure' is unknown"),
        ({"tier_from": Decimal(5), "tier_to": Decimal(5)}, "tier 5 to 5 is empty"),
        ({"effective_from": "2026-01-02", "effective_to": "2026-01-01"}, "are empty"),
        ({"effective_from": "soon"}, "effective_from is not a date \\(got 'soon'\\); write YYYY-MM-DD"),
        ({"source": None}, "source is missing"),
        ({"unit": 3}, "unit must be text \\(got 3"),
        ({"description": None}, "description must be text \\(got None"),
        ({"usd": Decimal("1e999999")}, "is absurd: from 1E-18 to 1,000,000,000 for one 1K requests, or 0"),
        ({"usd": Decimal("1e-999999")}, "is absurd"),
        ({"tier_from": Decimal("NaN")}, "tier_from is not a number \\(got NaN"),
        ({"tier_to": Decimal("sNaN")}, "tier_to is not a number \\(got sNaN"),
        ({"tier_to": Decimal("Infinity")}, "tier_to is not a number \\(got Infinity\\); leave tier_to out"),
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
        ("[]", "not a price file of schema 1"),
        ('{"schema": 1, "currency": "EUR"}', "currency must be USD \\(got 'EUR'"),
        ('{"schema": 1, "currency": "USD"}', "missing or unknown: 'models'"),
        (PRICE % '{"usd": 1}', "written as text"),
        (PRICE % '{"usd": "x"}', "usd is not a number"),
        (PRICE % '{"cost": "1"}', "unknown field"),
        (PRICE % '{"usd": "1"}', "missing"),
        (PRICE % "3", r"price: not an object with fields \(got 3"),
        (PRICE % '{"usd": null}', "usd is missing"),
        (
            '{"schema": 1, "currency": "USD", "as_of": null, "models": [], "prices": []}',
            r"as_of must be text \(got None",
        ),
        (MODEL % "3", r"model None: not an object with fields \(got 3"),
        (MODEL % '{"id": "m"}', "model m: .*missing"),
        (MODEL % '{"id": "m", "max_input_tokens": "9"}', r"model m: max_input_tokens must be a whole number \(got '9'"),
        (MODEL % '{"id": "m", "max_input_tokens": 9, "end_of_life": 7}', r"model m: end_of_life must be text \(got 7"),
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
    rows = [CTX.tokens(NOVA, "input", 1), CTX.row(meters.LAMBDA_TIME["arm64"], meters.gb_seconds(128, 1))]
    assert {name_of(r) for r in stale(shipped, rows, date(2026, 11, 23), 30)} == {"AWSLambda Lambda-GB-Second-ARM"}
    assert len(stale(shipped, rows, date(2027, 11, 23), 30)) == 4


def test_prefixes_of_regions() -> None:
    assert usage_type("AmazonES", "ESInstance:t3.small", "us-east-1") == "ESInstance:t3.small"
    assert usage_type("AmazonES", "ESInstance:t3.small", "eu-west-1") == "EU-ESInstance:t3.small"


def test_every_meter_of_the_default_region_has_a_price(shipped: Catalogue) -> None:
    varieties = {"VECTOR_BYTES": "Small", "DOMAIN_NODES": "m7g.medium"} | dict.fromkeys(
        ("TRAINING", "HOSTING"), "ml.g5.xlarge"
    )
    varieties |= dict.fromkeys(("CUSTOM_MODEL_TRAINING", "CUSTOM_MODEL_STORAGE"), "NovaMicro")
    rows = [CTX.tokens(NOVA, meter, 1) for meter in ("input", "output", "cache read")]
    for name, found in vars(meters).items():
        specs = found.values() if isinstance(found, dict) and name.isupper() else [found]
        rows += [CTX.row(m, 1, variety=varieties.get(name, "")) for m in specs if isinstance(m, meters.MeterSpec)]
    assert len(rows) > 35
    assert missing(shipped, rows) == []
