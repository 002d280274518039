"""Usage rows for everything that a run consumes: the right service code, usage type, operation and unit for each meter.

Pure functions over plain numbers; Lambda functions import this module, so it loads no price and nothing beside the
standard library. Amounts are counted in the smallest physical unit (tokens, byte-second, instance-second, ...) so
that they stay exact; `cost_reports.prices.catalogue` converts them to the unit of the price.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from contracts.money import Basis, UsageRow
from cost_reports.prices.usage_types import (
    MARKETPLACE_METERS,
    REGION_PREFIXES,
    TOKEN_METERS,
    request_meters,
    token_usage,
    usage_type,
)

__all__ = [
    "MARKETPLACE_METERS",
    "REGION_PREFIXES",
    "TOKEN_METERS",
    "request_meters",
]

Tier = Literal[1, 2]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterContext:
    """Whose usage it is and when: `start` and `end` are UTC, ISO 8601, end exclusive; `region` is billed for it."""

    experiment: str
    run: str
    approach: str
    variant: str | None
    start: str
    end: str
    region: str = "us-east-1"


def bedrock_tokens(
    ctx: MeterContext,
    model_id: str,
    meter: str,
    tokens: int,
    *,
    basis: Basis = "reported",
    source: str = "bedrock:Converse usage",
) -> UsageRow:
    """Tokens of one meter (a key of `TOKEN_METERS`, such as `input`) of a model or inference profile id, or its ARN.

    Raises:
        ValueError: the meter or the region is unknown, or the amount is negative.
        TypeError: the amount is neither an int nor a Decimal.
    """
    service, kind, operation = token_usage(model_id, meter, ctx.region)
    return _row(ctx, service, kind, operation, tokens, "tokens", basis, source, model=model_id)


def embedding_tokens(
    ctx: MeterContext,
    model_id: str,
    tokens: int,
    *,
    basis: Basis = "reported",
    source: str = "bedrock:InvokeModel inputTextTokenCount",
) -> UsageRow:
    """Tokens that an embedding model read. Errors as for `bedrock_tokens`."""
    return bedrock_tokens(ctx, model_id, "input", tokens, basis=basis, source=source)


def lambda_gb_seconds(
    ctx: MeterContext,
    memory_mb: int,
    milliseconds: int,
    *,
    architecture: Literal["arm64", "x86_64"] = "arm64",
    basis: Basis = "derived",
    source: str = "memory size x wall time of the invocation",
) -> UsageRow:
    """GB-seconds of Lambda: memory_mb / 1024 x milliseconds / 1000, exact. Whole milliseconds are billed.

    Errors as for `bedrock_tokens`.
    """
    amount = _number("memory_mb", memory_mb) * _number("milliseconds", milliseconds) / Decimal(1024 * 1000)
    name = "Lambda-GB-Second-ARM" if architecture == "arm64" else "Lambda-GB-Second"
    kind = usage_type("AWSLambda", name, ctx.region)
    return _row(ctx, "AWSLambda", kind, "Invoke", amount, "GB-second", basis, source)


def lambda_requests(
    ctx: MeterContext,
    requests: int,
    *,
    architecture: Literal["arm64", "x86_64"] = "arm64",
    basis: Basis = "derived",
    source: str = "one a handler call",
) -> UsageRow:
    """Invocations of Lambda functions. Errors as for `bedrock_tokens`."""
    kind = usage_type("AWSLambda", "Request-ARM" if architecture == "arm64" else "Request", ctx.region)
    return _row(ctx, "AWSLambda", kind, "Invoke", requests, "requests", basis, source)


def state_transitions(
    ctx: MeterContext,
    transitions: int,
    *,
    basis: Basis = "derived",
    source: str = "states:GetExecutionHistory, states entered",
) -> UsageRow:
    """State transitions of standard workflows, retries included. Errors as for `bedrock_tokens`."""
    kind = usage_type("AmazonStates", "StateTransition", ctx.region)
    return _row(ctx, "AmazonStates", kind, "StateTransition", transitions, "transitions", basis, source)


def training_seconds(
    ctx: MeterContext,
    instance_type: str,
    seconds: int | Decimal,
    *,
    instances: int = 1,
    basis: Basis = "reported",
    source: str = "sagemaker:DescribeTrainingJob BillableTimeInSeconds",
) -> UsageRow:
    """Billable seconds of a training job on `instances` machines of `instance_type` (`ml.g5.xlarge`).

    Errors as for `bedrock_tokens`.
    """
    kind = usage_type("AmazonSageMaker", f"Train:{instance_type}", ctx.region)
    amount = _number("seconds", seconds) * _number("instances", instances)
    return _row(ctx, "AmazonSageMaker", kind, "RunInstance", amount, "instance-second", basis, source)


def endpoint_seconds(
    ctx: MeterContext,
    instance_type: str,
    seconds: int | Decimal,
    *,
    instances: int = 1,
    basis: Basis = "derived",
    source: str = "creation to deletion of the endpoint",
) -> UsageRow:
    """Seconds that `instances` machines of `instance_type` served a real-time endpoint.

    Errors as for `bedrock_tokens`.
    """
    kind = usage_type("AmazonSageMaker", f"Host:{instance_type}", ctx.region)
    amount = _number("seconds", seconds) * _number("instances", instances)
    return _row(ctx, "AmazonSageMaker", kind, "RunInstance", amount, "instance-second", basis, source)


def s3_stored_bytes(
    ctx: MeterContext,
    stored_bytes: int,
    seconds: int | Decimal,
    *,
    basis: Basis = "derived",
    source: str = "size of the objects x time from writing to deletion",
) -> UsageRow:
    """Standard storage: bytes x seconds. Errors as for `bedrock_tokens`."""
    kind = usage_type("AmazonS3", "TimedStorage-ByteHrs", ctx.region)
    amount = _number("stored_bytes", stored_bytes) * _number("seconds", seconds)
    return _row(ctx, "AmazonS3", kind, "StandardStorage", amount, "byte-second", basis, source)


def s3_requests(
    ctx: MeterContext,
    tier: Tier,
    requests: int,
    *,
    basis: Basis = "reported",
    source: str = "requests sent by the client, retries included",
) -> UsageRow:
    """Requests to S3: tier 1 = PUT, COPY, POST, LIST; tier 2 = GET and all others. DELETE is free: do not count it.

    Errors as for `bedrock_tokens`.
    """
    if tier not in (1, 2):
        raise ValueError(f"tier {tier!r} of S3 requests is unknown; known are 1 and 2")
    kind = usage_type("AmazonS3", f"Requests-Tier{tier}", ctx.region)
    operation = "PutObject" if tier == 1 else "GetObject"
    return _row(ctx, "AmazonS3", kind, operation, requests, "requests", basis, source)


def ocu_seconds(
    ctx: MeterContext,
    kind: Literal["search", "indexing"],
    seconds: int | Decimal,
    *,
    ocus: int | Decimal = 1,
    basis: Basis = "derived",
    source: str = "capacity units x time that they were awake",
) -> UsageRow:
    """Seconds of OpenSearch Serverless compute: `ocus` capacity units for `seconds`.

    Errors as for `bedrock_tokens`.
    """
    names = {"search": "SearchOCU", "indexing": "IndexingOCU"}
    if kind not in names:
        raise ValueError(f"kind {kind!r} of OCU is unknown; known are search and indexing")
    amount = _number("seconds", seconds) * _number("ocus", ocus)
    name = usage_type("AmazonES", names[kind], ctx.region)
    return _row(ctx, "AmazonES", name, "ESDomain", amount, "OCU-second", basis, source)


def aoss_stored_bytes(
    ctx: MeterContext,
    stored_bytes: int,
    seconds: int | Decimal,
    *,
    basis: Basis = "derived",
    source: str = "size of vectors and text x time from indexing to deletion",
) -> UsageRow:
    """Storage of an OpenSearch Serverless collection: bytes x seconds. Errors as for `bedrock_tokens`."""
    kind = usage_type("AmazonES", "StorageUsedInS3ByteHour", ctx.region)
    amount = _number("stored_bytes", stored_bytes) * _number("seconds", seconds)
    return _row(ctx, "AmazonES", kind, "ESDomain", amount, "byte-second", basis, source)


def dynamodb_requests(
    ctx: MeterContext,
    kind: Literal["read", "write"],
    units: int | Decimal,
    *,
    basis: Basis = "reported",
    source: str = "dynamodb ConsumedCapacity",
) -> UsageRow:
    """On-demand request units: a read unit is 4 KB (half of it eventually consistent), a write unit 1 KB.

    Errors as for `bedrock_tokens`.
    """
    names = {"read": "ReadRequestUnits", "write": "WriteRequestUnits"}
    if kind not in names:
        raise ValueError(f"kind {kind!r} of DynamoDB request is unknown; known are read and write")
    name = usage_type("AmazonDynamoDB", names[kind], ctx.region)
    return _row(ctx, "AmazonDynamoDB", name, "PayPerRequestThroughput", units, f"{kind} units", basis, source)


def log_bytes(
    ctx: MeterContext,
    ingested_bytes: int,
    *,
    basis: Basis = "derived",
    source: str = "bytes of the log lines",
) -> UsageRow:
    """Bytes that CloudWatch Logs took in (Standard class). Errors as for `bedrock_tokens`."""
    kind = usage_type("AmazonCloudWatch", "DataProcessing-Bytes", ctx.region)
    return _row(ctx, "AmazonCloudWatch", kind, "PutLogEvents", ingested_bytes, "bytes", basis, source)


def cost_explorer_requests(
    ctx: MeterContext, requests: int, *, basis: Basis = "reported", source: str = "pages read, each is a request"
) -> UsageRow:
    """Requests (pages) to Cost Explorer. The service has one price for the world, billed under us-east-1.

    Errors as for `bedrock_tokens`.
    """
    return _row(ctx, "AWSCostExplorer", "USE1-APIRequest", "GetCostAndUsage", requests, "requests", basis, source)


def _row(
    ctx: MeterContext,
    service_code: str,
    kind: str,
    operation: str,
    amount: int | Decimal,
    unit: str,
    basis: Basis,
    source: str,
    *,
    model: str | None = None,
) -> UsageRow:
    return UsageRow(
        experiment=ctx.experiment,
        run=ctx.run,
        approach=ctx.approach,
        variant=ctx.variant,
        start=ctx.start,
        end=ctx.end,
        service_code=service_code,
        usage_type=kind,
        operation=operation,
        amount=_number(f"amount of {kind}", amount),
        unit=unit,
        basis=basis,
        source=source,
        model=model,
    )


def _number(name: str, value: int | Decimal) -> Decimal:
    """`value` as an exact Decimal; a float is refused, because 0.1 s is not what it says."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError(f"{name} must be an int or a Decimal, not {value!r}; turn a float into Decimal(str(x))")
    number = Decimal(value)
    if not number.is_finite() or number < 0:
        raise ValueError(f"{name} must be 0 or more, not {value}")
    return number
