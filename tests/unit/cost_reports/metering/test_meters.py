from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest

from contracts.aws_names import split_model_id
from contracts.money import UsageRow
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


NOVA = "us.amazon.nova-micro-v1:0"
HAIKU = "us.anthropic.claude-haiku-5-5"


@pytest.mark.parametrize(
    ("model", "meter", "usage_type"),
    [
        (NOVA, "input", "USE1-NovaMicro-input-tokens"),
        (f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{NOVA}", "output", "USE1-NovaMicro-output-tokens"),
        ("us.amazon.nova-pro-v1:0", "cache read", "USE1-NovaPro-cache-read-input-token-count"),
        (
            "global.amazon.nova-2-lite-v1:0",
            "input priority",
            "USE1-Nova2.0Lite-input-tokens-priority-cross-region-global",
        ),
        ("openai.gpt-oss-20b-1:0", "input", "USE1-openai.gpt-oss-20b-1:0-input-tokens"),
        ("amazon.titan-embed-text-v2:0", "input", "USE1-TitanEmbeddingV2-Text-input-tokens"),
    ],
)
def test_token_usage(model: str, meter: str, usage_type: str) -> None:
    row = CTX.tokens(model, meter, 7)
    assert (row.service_code, row.usage_type, row.operation) == ("AmazonBedrock", usage_type, "InvokeModelInference")
    assert (row.amount, row.unit, row.model, row.basis) == (Decimal(7), "tokens", model, "reported")


def test_token_usage_of_other_regions_and_of_the_marketplace() -> None:
    west = replace(CTX, region="us-west-2").tokens("amazon.nova-lite-v1:0", "output", 7)
    assert west.usage_type == "USW2-NovaLite-output-tokens"
    market = CTX.tokens(HAIKU, "output", 7)
    assert (market.service_code, market.operation) == ("AmazonBedrockFoundationModels", HAIKU)
    assert market.usage_type == "USE1-MP:USE1_output_tokens_standard-Units"


def test_rows_carry_the_context() -> None:
    row = CTX.row(meters.TRANSITIONS, 14)
    assert (row.experiment, row.run, row.approach, row.variant) == ("handbook", "r1", "rag", "rag")
    assert (row.start, row.end) == ("2026-11-23T10:00:00Z", "2026-11-23T10:00:05Z")
    assert (row.usage_type, row.unit, row.model) == ("USE1-StateTransition", "transitions", None)


def test_lambda_gb_seconds_are_exact() -> None:
    # 512 / 1024 GB x 1.234 s = 0.617 GB-second
    assert meters.gb_seconds(512, 1234) == Decimal("0.617")
    assert meters.gb_seconds(128, 1) == Decimal("0.000125")


@pytest.mark.parametrize(
    ("row", "usage_type", "unit"),
    [
        (CTX.row(meters.LAMBDA_TIME["arm64"], 1), "Lambda-GB-Second-ARM", "GB-second"),
        (EUROPE.row(meters.LAMBDA_REQUESTS["arm64"], 3), "EU-Request-ARM", "requests"),
        (CTX.row(meters.TRAINING, 90, variety="ml.g5.xlarge"), "USE1-Train:ml.g5.xlarge", "instance-second"),
        (CTX.row(meters.HOSTING, 90, variety="ml.g5.xlarge"), "USE1-Host:ml.g5.xlarge", "instance-second"),
        (CTX.row(meters.OCU["search"], 60), "USE1-SearchOCU", "OCU-second"),
        (CTX.row(meters.OCU["indexing"], 60, "OCU-hour"), "USE1-IndexingOCU", "OCU-hour"),
        (CTX.row(meters.AOSS_STORAGE, 1), "USE1-StorageUsedInS3ByteHour", "byte-second"),
        (EUROPE.row(meters.S3_STORAGE, 1), "EU-TimedStorage-ByteHrs", "byte-second"),
        (CTX.row(meters.S3_REQUESTS[2], 9), "Requests-Tier2", "requests"),
        (CTX.row(meters.DYNAMODB_UNITS["read"], Decimal("0.5")), "ReadRequestUnits", "read units"),
        (CTX.row(meters.LOG_BYTES, 2048), "USE1-DataProcessing-Bytes", "bytes"),
        (EUROPE.row(meters.COST_EXPLORER, 5), "USE1-APIRequest", "requests"),
    ],
)
def test_usage_types_and_units(row: UsageRow, usage_type: str, unit: str) -> None:
    assert (row.usage_type, row.unit) == (usage_type, unit)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CTX.tokens("us.amazon.nova-micro-v1:0", "inputs", 1), "meter 'inputs'"),
        (lambda: CTX.tokens("us.anthropic.claude-haiku-5-5", "input custom-model", 1), "meter 'input custom-model'"),
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
        "contracts.aws_names",
        "contracts.money",
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
