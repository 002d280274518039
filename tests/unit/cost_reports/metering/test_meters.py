from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest

from contracts.model_ids import split_model_id
from cost_reports.metering import meters
from cost_reports.metering.meters import UsageRowFactory
from cost_reports.prices.catalogue import Catalogue
from cost_reports.prices.usage_types import LONG_CONTEXT_ABOVE, request_meters

CTX = UsageRowFactory(
    experiment="handbook",
    run="r1",
    approach="rag",
    variant="rag",
    start="2026-11-23T10:00:00Z",
    end="2026-11-23T10:00:05Z",
)
EUROPE = replace(CTX, region="eu-west-1")


@pytest.mark.parametrize(
    ("model", "meter", "region", "service", "usage_type", "operation"),
    [
        ("us.amazon.nova-micro-v1:0", "input", "us-east-1", "AmazonBedrock", "USE1-NovaMicro-input-tokens", "I"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-micro-v1:0",
            "output",
            "us-east-1",
            "AmazonBedrock",
            "USE1-NovaMicro-output-tokens",
            "I",
        ),
        ("amazon.nova-lite-v1:0", "output", "us-west-2", "AmazonBedrock", "USW2-NovaLite-output-tokens", "I"),
        (
            "us.amazon.nova-pro-v1:0",
            "cache read",
            "us-east-1",
            "AmazonBedrock",
            "USE1-NovaPro-cache-read-input-token-count",
            "I",
        ),
        (
            "global.amazon.nova-2-lite-v1:0",
            "input priority",
            "us-east-1",
            "AmazonBedrock",
            "USE1-Nova2.0Lite-input-tokens-priority-cross-region-global",
            "I",
        ),
        (
            "openai.gpt-oss-20b-1:0",
            "input",
            "us-east-1",
            "AmazonBedrock",
            "USE1-openai.gpt-oss-20b-1:0-input-tokens",
            "I",
        ),
        (
            "us.anthropic.claude-haiku-5-5",
            "output",
            "us-east-1",
            "AmazonBedrockFoundationModels",
            "USE1-MP:USE1_output_tokens_standard-Units",
            "us.anthropic.claude-haiku-5-5",
        ),
    ],
)
def test_token_usage(model: str, meter: str, region: str, service: str, usage_type: str, operation: str) -> None:
    row = replace(CTX, region=region).tokens(model, meter, 7)
    expected = "InvokeModelInference" if operation == "I" else operation
    assert (row.service_code, row.usage_type, row.operation) == (service, usage_type, expected)
    assert (row.amount, row.unit, row.model, row.basis) == (Decimal(7), "tokens", model, "reported")


def test_embedding_tokens() -> None:
    row = CTX.tokens("amazon.titan-embed-text-v2:0", "input", 12)
    assert row.usage_type == "USE1-TitanEmbeddingV2-Text-input-tokens"
    assert row.approach == "rag"


def test_rows_carry_the_context() -> None:
    row = CTX.row(meters.TRANSITIONS, 14)
    assert (row.experiment, row.run, row.approach, row.variant) == ("handbook", "r1", "rag", "rag")
    assert (row.start, row.end) == ("2026-11-23T10:00:00Z", "2026-11-23T10:00:05Z")
    assert (row.usage_type, row.unit, row.model) == ("USE1-StateTransition", "transitions", None)


def test_lambda_gb_seconds_are_exact() -> None:
    # 512 / 1024 GB x 1.234 s = 0.617 GB-second
    row = CTX.row(meters.LAMBDA_TIME["arm64"], meters.gb_seconds(512, 1234))
    assert (row.amount, row.usage_type) == (Decimal("0.617"), "Lambda-GB-Second-ARM")
    assert CTX.row(meters.LAMBDA_TIME["x86_64"], meters.gb_seconds(128, 1)).amount == Decimal("0.000125")
    assert EUROPE.row(meters.LAMBDA_REQUESTS["arm64"], 3).usage_type == "EU-Request-ARM"


def test_time_and_size_meters() -> None:
    assert CTX.row(meters.TRAINING, 180, variety="ml.g5.xlarge").amount == 180
    assert CTX.row(meters.TRAINING, 90, variety="ml.g5.xlarge").usage_type == "USE1-Train:ml.g5.xlarge"
    assert CTX.row(meters.HOSTING, Decimal("12.5"), variety="ml.g5.xlarge").usage_type == "USE1-Host:ml.g5.xlarge"
    assert CTX.row(meters.OCU["search"], 120).amount == 120
    assert CTX.row(meters.OCU["indexing"], 60).usage_type == "USE1-IndexingOCU"
    assert CTX.row(meters.AOSS_STORAGE, 60_000).amount == 60000
    assert CTX.row(meters.S3_STORAGE, 60_000).unit == "byte-second"
    assert EUROPE.row(meters.S3_STORAGE, 1).usage_type == "EU-TimedStorage-ByteHrs"
    assert CTX.row(meters.S3_REQUESTS[2], 9).usage_type == "Requests-Tier2"
    assert CTX.row(meters.DYNAMODB_UNITS["read"], Decimal("0.5")).unit == "read units"
    assert CTX.row(meters.LOG_BYTES, 2048).usage_type == "USE1-DataProcessing-Bytes"
    assert CTX.row(meters.COST_EXPLORER, 5).service_code == "AWSCostExplorer"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CTX.tokens("us.amazon.nova-micro-v1:0", "inputs", 1), "meter 'inputs'"),
        (lambda: CTX.tokens("us.anthropic.claude-haiku-5-5", "input flex", 1), "meter 'input flex'"),
        (lambda: replace(CTX, region="us-moon-1").row(meters.TRANSITIONS, 1), "region 'us-moon-1'"),
        (lambda: CTX.row(meters.LOG_BYTES, -1), r"USE1-DataProcessing-Bytes: the amount must be 0 or more \(got -1\)"),
        (lambda: CTX.row(meters.HOSTING, Decimal("NaN"), variety="ml.g5.xlarge"), "the amount must be 0 or more"),
    ],
)
def test_bad_values_are_named(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("seconds", [0.1, True, "1"])
def test_inexact_numbers_are_refused(seconds: object) -> None:
    with pytest.raises(TypeError, match="the amount must be exact"):
        CTX.row(meters.HOSTING, seconds, variety="ml.g5.xlarge")  # type: ignore[arg-type]


def test_the_import_is_light() -> None:
    code = (
        "import sys, cost_reports.metering.meters;"
        "print(sorted(n for n in sys.modules if n.startswith(('contracts', 'cost_reports'))))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    expected = [
        "contracts",
        "contracts.model_ids",
        "contracts.money",
        "contracts.services",
        "contracts.units",
        "cost_reports",
        "cost_reports.metering",
        "cost_reports.metering.meters",
        "cost_reports.prices",
        "cost_reports.prices.usage_types",
    ]
    assert out.strip() == str(expected)


def test_the_long_context_thresholds_are_those_of_the_price_file() -> None:
    catalogue = Catalogue.load()
    listed = {m.id: m.long_context_above for m in catalogue.models if m.long_context_above is not None}
    assert {split_model_id(name)[1]: above for name, above in listed.items()} == LONG_CONTEXT_ABOVE
    for name, above in listed.items():
        assert request_meters(name, above)["input"] == "input"
        for meter in ("input", "output"):
            long = request_meters(name, above + 1)[meter]
            usual, dear = (catalogue.price_for(CTX.tokens(name, m, 1)).usd for m in (meter, long))
            assert dear > usual
    arn = f"arn:aws:bedrock:us-east-1::inference-profile/{max(listed)}"
    assert request_meters(arn, 10**6)["output"] == "output long-context"
