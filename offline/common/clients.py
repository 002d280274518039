"""The engines' own clients of the gateway in front of them."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config


def s3(gateway: str, region: str) -> Any:
    """Return a client of the gateway's S3."""
    return _client("s3", gateway, region, Config(s3={"addressing_style": "path"}, retries=_attempts(5)))


def bedrock(gateway: str, region: str) -> Any:
    """Return a client of the gateway's Bedrock, for questions that a request waits for."""
    return _client("bedrock", gateway, region, Config(retries=_attempts(3), connect_timeout=5, read_timeout=20))


def logs(gateway: str, region: str) -> Any:
    """Return a client of the gateway's CloudWatch Logs."""
    return _client("logs", gateway, region, Config(retries=_attempts(5)))


def _client(service: str, gateway: str, region: str, config: Config) -> Any:
    return boto3.client(
        service,
        endpoint_url=gateway,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106  (the embedded AWS takes any)
        config=config,
    )


def _attempts(most: int) -> dict[str, Any]:
    return {"mode": "standard", "max_attempts": most}
