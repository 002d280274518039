from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest

from cost_reports.metering import meters
from cost_reports.metering.meters import MeterContext, bedrock_tokens, request_meters
from cost_reports.prices.catalogue import Catalogue
from cost_reports.prices.usage_types import LONG_CONTEXT_ABOVE, split_model_id

CTX = MeterContext(
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
    row = meters.bedrock_tokens(replace(CTX, region=region), model, meter, 7)
    expected = "InvokeModelInference" if operation == "I" else operation
    assert (row.service_code, row.usage_type, row.operation) == (service, usage_type, expected)
    assert (row.amount, row.unit, row.model, row.basis) == (Decimal(7), "tokens", model, "reported")


def test_embedding_tokens() -> None:
    row = meters.embedding_tokens(CTX, "amazon.titan-embed-text-v2:0", 12)
    assert row.usage_type == "USE1-TitanEmbeddingV2-Text-input-tokens"
    assert row.approach == "rag"


def test_rows_carry_the_context() -> None:
    row = meters.state_transitions(CTX, 14)
    assert (row.experiment, row.run, row.approach, row.variant) == ("handbook", "r1", "rag", "rag")
    assert (row.start, row.end) == ("2026-11-23T10:00:00Z", "2026-11-23T10:00:05Z")
    assert (row.usage_type, row.unit, row.model) == ("USE1-StateTransition", "transitions", None)


def test_lambda_gb_seconds_are_exact() -> None:
    # 512 / 1024 GB x 1.234 s = 0.617 GB-second
    row = meters.lambda_gb_seconds(CTX, 512, 1234)
    assert (row.amount, row.usage_type) == (Decimal("0.617"), "Lambda-GB-Second-ARM")
    assert meters.lambda_gb_seconds(CTX, 128, 1, architecture="x86_64").amount == Decimal("0.000125")
    assert meters.lambda_requests(EUROPE, 3).usage_type == "EU-Request-ARM"


def test_time_and_size_meters() -> None:
    assert meters.training_seconds(CTX, "ml.g5.xlarge", 90, instances=2).amount == 180
    assert meters.training_seconds(CTX, "ml.g5.xlarge", 90).usage_type == "USE1-Train:ml.g5.xlarge"
    assert meters.endpoint_seconds(CTX, "ml.g5.xlarge", Decimal("12.5")).usage_type == "USE1-Host:ml.g5.xlarge"
    assert meters.ocu_seconds(CTX, "search", 60, ocus=2).amount == 120
    assert meters.ocu_seconds(CTX, "indexing", 60).usage_type == "USE1-IndexingOCU"
    assert meters.aoss_stored_bytes(CTX, 1000, 60).amount == 60000
    assert meters.s3_stored_bytes(CTX, 1000, 60).unit == "byte-second"
    assert meters.s3_stored_bytes(EUROPE, 1, 1).usage_type == "EU-TimedStorage-ByteHrs"
    assert meters.s3_requests(CTX, 2, 9).usage_type == "Requests-Tier2"
    assert meters.dynamodb_requests(CTX, "read", Decimal("0.5")).unit == "read units"
    assert meters.log_bytes(CTX, 2048).usage_type == "USE1-DataProcessing-Bytes"
    assert meters.cost_explorer_requests(CTX, 5).service_code == "AWSCostExplorer"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: meters.bedrock_tokens(CTX, "us.amazon.nova-micro-v1:0", "inputs", 1), "meter 'inputs'"),
        (lambda: meters.bedrock_tokens(CTX, "us.anthropic.claude-haiku-5-5", "input flex", 1), "meter 'input flex'"),
        (lambda: meters.state_transitions(replace(CTX, region="us-moon-1"), 1), "region 'us-moon-1'"),
        (lambda: meters.log_bytes(CTX, -1), "0 or more, not -1"),
        (lambda: meters.endpoint_seconds(CTX, "ml.g5.xlarge", Decimal("NaN")), "seconds must be 0 or more"),
        (lambda: meters.s3_requests(CTX, 3, 1), "tier 3"),  # type: ignore[arg-type]
        (lambda: meters.ocu_seconds(CTX, "standby", 1), "kind 'standby'"),  # type: ignore[arg-type]
        (lambda: meters.dynamodb_requests(CTX, "scan", 1), "kind 'scan'"),  # type: ignore[arg-type]
    ],
)
def test_bad_values_are_named(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("seconds", [0.1, True, "1"])
def test_inexact_numbers_are_refused(seconds: object) -> None:
    with pytest.raises(TypeError, match="seconds must be an int or a Decimal"):
        meters.endpoint_seconds(CTX, "ml.g5.xlarge", seconds)  # type: ignore[arg-type]


def test_the_import_is_light() -> None:
    code = (
        "import sys, cost_reports.metering.meters;"
        "print(sorted(n for n in sys.modules if n.startswith(('contracts', 'cost_reports'))))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    expected = [
        "contracts",
        "contracts.money",
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
            usual, dear = (catalogue.price_for(bedrock_tokens(CTX, name, m, 1)).usd for m in (meter, long))
            assert dear > usual
    arn = f"arn:aws:bedrock:us-east-1::inference-profile/{max(listed)}"
    assert request_meters(arn, 10**6)["output"] == "output long-context"
