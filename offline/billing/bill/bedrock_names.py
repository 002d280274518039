"""The bill's names of Bedrock models and meters: the values of Cost Explorer's product attributes."""

from __future__ import annotations

from contracts.aws_names import MARKETPLACE, split_model_id
from cost_reports.prices.usage_types import MARKETPLACE_METERS, TOKEN_METERS

BEDROCK = "AmazonBedrock"
SUPPORTED_CODES = frozenset({BEDROCK, MARKETPLACE})
KEYS = ("provider", "model", "inferenceType", "feature")

PROVIDERS = {
    "amazon": "Amazon",
    "anthropic": "Anthropic",
    "cohere": "Cohere",
    "deepseek": "DeepSeek",
    "google": "Google",
    "meta": "Meta",
    "mistral": "Mistral AI",
    "nvidia": "NVIDIA",
    "openai": "OpenAI",
    "qwen": "Qwen",
}
#: Model id without geography -> name on the bill. Other models appear under their id.
NAMES = {
    "amazon.nova-micro-v1:0": "Nova Micro",
    "amazon.nova-lite-v1:0": "Nova Lite",
    "amazon.nova-pro-v1:0": "Nova Pro",
    "amazon.nova-premier-v1:0": "Nova Premier",
    "amazon.nova-2-lite-v1:0": "Nova 2 Lite",
    "amazon.nova-2-pro-preview-20251202-v1:0": "Nova 2 Pro Preview",
    "amazon.nova-2-multimodal-embeddings-v1:0": "Nova Multimodal Embeddings",
    "amazon.titan-embed-text-v2:0": "Titan Text Embeddings V2",
    "amazon.rerank-v1:0": "Rerank 1.0",
    "anthropic.claude-haiku-4-5-20251001-v1:0": "Claude Haiku 4.5",
    "anthropic.claude-haiku-5-5": "Claude Haiku 5.5",
    "anthropic.claude-opus-5-5": "Claude Opus 5.5",
    "anthropic.claude-sonnet-4-6": "Claude Sonnet 4.6",
    "anthropic.claude-sonnet-5-5": "Claude Sonnet 5.5",
    "cohere.embed-english-v3": "Embed English v3",
    "cohere.embed-v4:0": "Embed v4",
    "cohere.rerank-v3-5:0": "Rerank 3.5",
    "deepseek.v3.2": "DeepSeek V3.2",
    "google.gemma-3-12b-it": "Gemma 3 12B IT",
    "meta.llama3-1-8b-instruct-v1:0": "Llama 3.1 8B Instruct",
    "meta.llama3-3-70b-instruct-v1:0": "Llama 3.3 70B Instruct",
    "meta.llama4-maverick-17b-instruct-v1:0": "Llama 4 Maverick 17B Instruct",
    "meta.llama4-scout-17b-instruct-v1:0": "Llama 4 Scout 17B Instruct",
    "mistral.ministral-3-8b-instruct": "Ministral 3 8B",
    "mistral.ministral-3-14b-instruct": "Ministral 3 14B",
    "mistral.mistral-large-3-675b-instruct": "Mistral Large 3",
    "nvidia.nemotron-nano-3-30b": "Nemotron Nano 3 30B",
    "openai.gpt-6-luna": "GPT-6 Luna",
    "openai.gpt-oss-20b-1:0": "gpt-oss-20b",
    "openai.gpt-oss-120b-1:0": "gpt-oss-120b",
    "qwen.qwen3-32b-v1:0": "Qwen3 32B",
    "qwen.qwen3-235b-a22b-2507-v1:0": "Qwen3 235B A22B 2507",
    "qwen.qwen3-next-80b-a3b": "Qwen3 Next 80B A3B",
}
#: The first word of a meter, and of two-word meters both -> inference type.
_TYPES = {
    "input": "Input tokens",
    "output": "Output tokens",
    "cache read": "Cache read input tokens",
    "cache write": "Cache write input tokens",
}
_FEATURES = {
    "batch": "Batch Inference",
    "flex": "Flex Inference",
    "priority": "Priority Inference",
    "custom-model": "Custom Model On-demand Inference",
}
_ENDINGS = sorted(
    ((ending, meter) for meters in (TOKEN_METERS, MARKETPLACE_METERS) for meter, ending in meters.items()),
    key=lambda item: -len(item[0]),
)
#: A part of a usage type that counts no tokens -> feature.
_OTHERS = {
    "searchunits": "Reranker",
    "Customization": "Model Customization",
    "ProvisionedThroughput": "Provisioned Throughput",
    "CustomModelImport": "Custom Model Import",
}


def model_name(model_id: str) -> str:
    """Return the name on the bill of a model id, inference profile id or ARN of either."""
    bare = split_model_id(model_id)[1]
    return NAMES.get(bare, bare)


def product_attributes(service_code: str, usage_type: str, model_id: str | None) -> dict[str, str] | None:
    """Return the attributes that Bedrock usage has a value for; None for other services."""
    if service_code not in SUPPORTED_CODES:
        return None
    attributes = {}
    if model_id:
        maker = split_model_id(model_id)[1].partition(".")[0]
        attributes = {"model": model_name(model_id), "provider": PROVIDERS.get(maker, maker)}
    plain = usage_type.removesuffix("-cross-region-global").removesuffix("-Units")
    meter = next((meter for ending, meter in _ENDINGS if plain.endswith(ending)), None)
    if meter is None:
        features = [feature for part, feature in _OTHERS.items() if part in usage_type]
        return {**attributes, "feature": features[0]} if features else attributes
    kind = next(name for start, name in _TYPES.items() if meter.startswith(start))
    feature = next((name for end, name in _FEATURES.items() if meter.endswith(end)), "On-demand Inference")
    return {**attributes, "inferenceType": kind, "feature": feature}
