"""Usage rows for everything that a run consumes: the right service code, usage type, operation and unit for each meter.

Pure functions over plain numbers; Lambda functions import this module, so it loads no price and nothing beside the
standard library. Amounts are counted in the smallest physical unit (tokens, byte-second, instance-second, ...) so
that they stay exact; `cost_reports.prices` converts them to the unit of the price.

Usage types were read from public bills and price lists where these show them; where none does, the name is formed by
analogy and its price row says so. In us-east-1 the older services write their usage types without a region prefix,
and eu-west-1 has the prefix `EU`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from cost_reports.contracts import Basis, UsageRow

Tier = Literal[1, 2]

#: Region -> prefix of usage types.
REGION_PREFIXES = {
    "us-east-1": "USE1",
    "us-east-2": "USE2",
    "us-west-1": "USW1",
    "us-west-2": "USW2",
    "ca-central-1": "CAN1",
    "eu-west-1": "EU",
    "eu-west-2": "EUW2",
    "eu-west-3": "EUW3",
    "eu-central-1": "EUC1",
    "eu-north-1": "EUN1",
    "ap-northeast-1": "APN1",
    "ap-northeast-2": "APN2",
    "ap-southeast-1": "APS1",
    "ap-southeast-2": "APS2",
    "ap-south-1": "APS3",
    "sa-east-1": "SAE1",
}
#: The services, and the beginnings of names in other services, whose us-east-1 usage types carry no prefix.
UNPREFIXED = frozenset({"AWSLambda", "AmazonS3", "AmazonDynamoDB", "AmazonEC2", "AmazonECR", "AmazonRDS"})
UNPREFIXED_NAMES = ("ESInstance:", "ES:", "CW:")

#: Meter of a Bedrock model (the words of the price file) -> the end of its usage type.
TOKEN_METERS = {
    "input": "input-tokens",
    "output": "output-tokens",
    "input batch": "input-tokens-batch",
    "output batch": "output-tokens-batch",
    "input flex": "input-tokens-flex",
    "output flex": "output-tokens-flex",
    "input priority": "input-tokens-priority",
    "output priority": "output-tokens-priority",
    "cache read": "cache-read-input-token-count",
    "cache write 5m": "cache-write-input-token-count",
    "cache write 1h": "cache-write-1h-input-token-count",
    "input long-context": "input-tokens-long-context",
    "output long-context": "output-tokens-long-context",
    "input custom-model": "input-tokens-custom-model",
    "output custom-model": "output-tokens-custom-model",
}
#: The same for models that AWS Marketplace bills; their usage types do not name the model, the operation does.
MARKETPLACE_METERS = {
    "input": "input_tokens_standard",
    "output": "output_tokens_standard",
    "input batch": "input_tokens_batch",
    "output batch": "output_tokens_batch",
    "cache read": "cache_read_input_tokens_standard",
    "cache write 5m": "cache_write_input_tokens_standard",
    "cache write 1h": "cache_write_1h_input_tokens_standard",
    "input long-context": "input_tokens_long_context",
    "output long-context": "output_tokens_long_context",
}
#: Model id without geography -> its name inside usage types. Other models keep their id.
MODEL_NAMES = {
    "amazon.nova-micro-v1:0": "NovaMicro",
    "amazon.nova-lite-v1:0": "NovaLite",
    "amazon.nova-pro-v1:0": "NovaPro",
    "amazon.nova-premier-v1:0": "NovaPremier",
    "amazon.nova-2-lite-v1:0": "Nova2.0Lite",
    "amazon.nova-2-pro-preview-20251202-v1:0": "Nova2.0ProPreview",
    "amazon.titan-embed-text-v2:0": "TitanEmbeddingV2-Text",
}
MARKETPLACE_PROVIDERS = ("anthropic.",)
GEOGRAPHIES = ("us.", "eu.", "apac.", "jp.", "au.", "global.")


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


def usage_type(service_code: str, name: str, region: str) -> str:
    """`name` with the region's prefix, as the service writes it.

    Raises:
        ValueError: the region is not in `REGION_PREFIXES`.
    """
    if region not in REGION_PREFIXES:
        raise ValueError(f"region {region!r} is unknown; known are {', '.join(sorted(REGION_PREFIXES))}")
    bare = service_code in UNPREFIXED or name.startswith(UNPREFIXED_NAMES)
    return name if bare and region == "us-east-1" else f"{REGION_PREFIXES[region]}-{name}"


def split_model_id(model_id: str) -> tuple[str, str]:
    """`us.amazon.nova-micro-v1:0` -> (`us`, `amazon.nova-micro-v1:0`); an id without geography gives an empty one."""
    for geography in GEOGRAPHIES:
        if model_id.startswith(geography):
            return geography[:-1], model_id[len(geography) :]
    return "", model_id


def token_usage(model_id: str, meter: str, region: str) -> tuple[str, str, str]:
    """(service code, usage type, operation) of a token meter of a Bedrock model or inference profile.

    A geographic profile (`us.`) is billed under the region's own usage type, a `global.` one under its own.

    Raises:
        ValueError: the meter or the region is unknown. An unknown model is no error here, so that no usage is ever
            lost; its usage type carries the model's id and has no price, which the catalogue reports.
    """
    geography, bare = split_model_id(model_id)
    if bare.startswith(MARKETPLACE_PROVIDERS):
        if meter not in MARKETPLACE_METERS:
            raise ValueError(f"meter {meter!r} of {model_id} is unknown; known are {', '.join(MARKETPLACE_METERS)}")
        service = "AmazonBedrockFoundationModels"
        prefix = usage_type(service, "", region)[:-1]
        return service, f"{prefix}-MP:{prefix}_{MARKETPLACE_METERS[meter]}-Units", model_id
    if meter not in TOKEN_METERS:
        raise ValueError(f"meter {meter!r} of {model_id} is unknown; known are {', '.join(TOKEN_METERS)}")
    name = f"{MODEL_NAMES.get(bare, bare)}-{TOKEN_METERS[meter]}" + (
        "-cross-region-global" if geography == "global" else ""
    )
    return "AmazonBedrock", usage_type("AmazonBedrock", name, region), "InvokeModelInference"


def bedrock_tokens(
    ctx: MeterContext,
    model_id: str,
    meter: str,
    tokens: int,
    *,
    basis: Basis = "reported",
    source: str = "bedrock:Converse usage",
) -> UsageRow:
    """Tokens of one meter (a key of `TOKEN_METERS`, such as `input`) of a model or inference profile id, not an ARN."""
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
    """Tokens that an embedding model read."""
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
    """GB-seconds of Lambda: memory_mb / 1024 x milliseconds / 1000, exact. Whole milliseconds are billed."""
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
    """Invocations of Lambda functions."""
    kind = usage_type("AWSLambda", "Request-ARM" if architecture == "arm64" else "Request", ctx.region)
    return _row(ctx, "AWSLambda", kind, "Invoke", requests, "requests", basis, source)


def state_transitions(
    ctx: MeterContext,
    transitions: int,
    *,
    basis: Basis = "derived",
    source: str = "states:GetExecutionHistory, states entered",
) -> UsageRow:
    """State transitions of standard workflows, retries included."""
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
    """Billable seconds of a training job on `instances` machines of `instance_type` (`ml.g5.xlarge`)."""
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
    """Seconds that `instances` machines of `instance_type` served a real-time endpoint."""
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
    """Standard storage: bytes x seconds."""
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
    """Requests to S3: tier 1 = PUT, COPY, POST, LIST; tier 2 = GET and all others. DELETE is free: do not count it."""
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
    """Seconds of OpenSearch Serverless compute: `ocus` capacity units for `seconds`."""
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
    """Storage of an OpenSearch Serverless collection: bytes x seconds."""
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
    """On-demand request units: a read unit is 4 KB (half of it eventually consistent), a write unit 1 KB."""
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
    """Bytes that CloudWatch Logs took in (Standard class)."""
    kind = usage_type("AmazonCloudWatch", "DataProcessing-Bytes", ctx.region)
    return _row(ctx, "AmazonCloudWatch", kind, "PutLogEvents", ingested_bytes, "bytes", basis, source)


def cost_explorer_requests(
    ctx: MeterContext, requests: int, *, basis: Basis = "reported", source: str = "pages read, each is a request"
) -> UsageRow:
    """Requests (pages) to Cost Explorer. The service has one price for the world, billed under us-east-1."""
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
