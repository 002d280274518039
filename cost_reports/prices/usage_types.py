"""The one table of usage types: what AWS calls each meter on the bill, by service, model and region.

Usage types were read from public bills and price lists where these show them; where none does, the name is formed by
analogy and its price row says so. In us-east-1 the older services write their usage types without a region prefix,
and eu-west-1 has the prefix `EU`.
"""

from __future__ import annotations

from contracts import aws_names
from contracts.aws_names import plain_model_id, split_model_id

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
UNPREFIXED = frozenset({aws_names.LAMBDA, aws_names.S3, aws_names.DYNAMODB, aws_names.EC2, "AmazonECR", aws_names.RDS})
UNPREFIXED_NAMES = ("ESInstance:", "ES:", "CW:")

#: What a token of a request is, in the words of the price file -> the beginning of its usage type.
_KINDS = {
    "input": "input-tokens",
    "output": "output-tokens",
    "cache read": "cache-read-input-token-count",
    "cache write 5m": "cache-write-input-token-count",
    "cache write 1h": "cache-write-1h-input-token-count",
}
#: How a request is served; the plain way has no name. Each has a rate of its own, which the price file may lack.
_WAYS = ("", "batch", "flex", "priority", "reserved", "long-context")
#: Meter of a Bedrock model (the words of the price file) -> the end of its usage type.
TOKEN_METERS = {
    **{f"{kind} {way}".rstrip(): f"{name}-{way}".rstrip("-") for kind, name in _KINDS.items() for way in _WAYS},
    "input custom-model": "input-tokens-custom-model",
    "output custom-model": "output-tokens-custom-model",
}
#: The same for models that AWS Marketplace bills; their usage types do not name the model, the operation does.
MARKETPLACE_METERS = {
    f"{kind} {way}".rstrip(): f"{name}_{way.replace('-', '_') or 'standard'}"
    for kind, name in {
        "input": "input_tokens",
        "output": "output_tokens",
        "cache read": "cache_read_input_tokens",
        "cache write 5m": "cache_write_input_tokens",
        "cache write 1h": "cache_write_1h_input_tokens",
    }.items()
    for way in _WAYS
}
#: The tier of a request that has no name in a meter.
PLAIN_TIERS = frozenset({"", "default"})
#: Model id without geography -> input tokens above which every token of a request has the long-context price. The code
#: that meters loads no price file, so the limits stand here too; a test holds them against the catalogue.
LONG_CONTEXT_ABOVE = {"anthropic.claude-haiku-5-5": 100_000, "openai.gpt-6-luna": 272_000}
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


def usage_type(service_code: str, name: str, region: str) -> str:
    """Return `name` with the region's prefix, as the service writes it.

    Raises:
        ValueError: the region is not in `REGION_PREFIXES`.
    """
    if region not in REGION_PREFIXES:
        raise ValueError(f"region {region!r} is unknown; known are {', '.join(sorted(REGION_PREFIXES))}")
    bare = service_code in UNPREFIXED or name.startswith(UNPREFIXED_NAMES)
    return name if bare and region == "us-east-1" else f"{REGION_PREFIXES[region]}-{name}"


def in_region(service_code: str, kind: str, region: str) -> str:
    """Return the usage type `kind` of us-east-1 as `region` writes it. Errors as in `usage_type`."""
    return usage_type(service_code, kind.removeprefix("USE1-").replace("us-east-1", region), region)


def meters_of(model_id: str) -> dict[str, str]:
    """Return the meters that a model can have: those of AWS's own price list, or those of AWS Marketplace."""
    return MARKETPLACE_METERS if split_model_id(model_id)[1].startswith(MARKETPLACE_PROVIDERS) else TOKEN_METERS


def request_meters(model_id: str, input_tokens: int, tier: str = "") -> dict[str, str]:
    """Return the meters of one request by what they count (`input`, `output`, `cache read`, `cache write 5m`, ...).

    Above the model's threshold all are those of long context, else those of the service tier. `input_tokens` is the
    whole prompt: what was read from a cache or written to one is part of it.
    """
    above = LONG_CONTEXT_ABOVE.get(split_model_id(model_id)[1])
    way = "" if tier in PLAIN_TIERS else tier
    if above is not None and input_tokens > above:
        way = "long-context"
    return {name: f"{name} {way}".rstrip() for name in _KINDS}


def token_usage(model_id: str, meter: str, region: str) -> tuple[str, str, str]:
    """Return (service code, usage type, operation) of a token meter of a Bedrock model or inference profile.

    A geographic profile (`us.`) is billed under the region's own usage type, a `global.` one under its own. An unknown
    model is not an error here, because no usage may be lost: its usage type carries the model's id and has no price,
    and the catalogue reports that.

    Raises:
        ValueError: the meter or the region is unknown.
    """
    geography, bare = split_model_id(model_id)
    names = meters_of(model_id)
    if meter not in names:
        raise ValueError(f"meter {meter!r} of {model_id} is unknown; known are {', '.join(names)}")
    if names is MARKETPLACE_METERS:
        prefix = usage_type(aws_names.MARKETPLACE, "", region)[:-1]
        kind = f"{prefix}-MP:{prefix}_{MARKETPLACE_METERS[meter]}-Units"
        return aws_names.MARKETPLACE, kind, plain_model_id(model_id)
    name = f"{MODEL_NAMES.get(bare, bare)}-{TOKEN_METERS[meter]}"
    if geography == "global":
        name += "-cross-region-global"
    return aws_names.BEDROCK, usage_type(aws_names.BEDROCK, name, region), "InvokeModelInference"
