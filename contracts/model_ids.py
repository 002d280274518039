"""Ids of Bedrock models, and of the inference profiles that spread their calls over the regions of a geography."""

from __future__ import annotations

#: Prefixes of Bedrock's cross-region inference profiles.
GEOGRAPHIES = ("us", "us-gov", "eu", "apac", "jp", "au", "ca", "global")


def plain_model_id(model: str) -> str:
    """Return the id at the end of an ARN; an id as it is."""
    return model.rpartition("/")[2] if model.startswith("arn:") else model


def split_model_id(model_id: str) -> tuple[str, str]:
    """Split `us.amazon.nova-micro-v1:0` into (`us`, `amazon.nova-micro-v1:0`); without a geography the first is empty.

    The ARN of a foundation model or of a system's inference profile ends in such an id.
    """
    plain = plain_model_id(model_id)
    geography, _, model = plain.partition(".")
    return (geography, model) if geography in GEOGRAPHIES else ("", plain)
