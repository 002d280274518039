"""The models, and which of them an id, inference profile or ARN stands for. Resolved profiles are kept."""

from __future__ import annotations

import re
import threading

from botocore.exceptions import ClientError

from offline.bedrock.errors import unknown_model
from offline.bedrock.titan import TITAN
from offline.common import clients
from offline.common.wire import AwsError

_REGIONAL = re.compile(r"^(us|us-gov|eu|apac|jp|au|ca|global)\.")
_ARN = re.compile(r"^arn:[\w-]+:bedrock:[\w-]*:\d*:(?P<kind>[\w-]+)/(?P<name>.+)$")

TEXT_MODELS = frozenset(
    {
        "amazon.nova-micro-v1:0",
        "amazon.nova-lite-v1:0",
        "amazon.nova-pro-v1:0",
        "amazon.nova-premier-v1:0",
        "amazon.nova-2-lite-v1:0",
        "amazon.nova-2-pro-preview-20251202-v1:0",
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        "anthropic.claude-haiku-5-5",
        "anthropic.claude-opus-5-5",
        "anthropic.claude-sonnet-4-6",
        "anthropic.claude-sonnet-5-5",
        "deepseek.v3.2",
        "meta.llama3-1-8b-instruct-v1:0",
        "meta.llama3-3-70b-instruct-v1:0",
        "meta.llama4-maverick-17b-instruct-v1:0",
        "meta.llama4-scout-17b-instruct-v1:0",
        "mistral.ministral-3-14b-instruct",
        "mistral.ministral-3-8b-instruct",
        "mistral.mistral-large-3-675b-instruct",
        "openai.gpt-6-luna",
        "openai.gpt-oss-120b-1:0",
        "openai.gpt-oss-20b-1:0",
        "qwen.qwen3-235b-a22b-2507-v1:0",
        "qwen.qwen3-32b-v1:0",
        "qwen.qwen3-next-80b-a3b",
    }
)
"""Ids with a known price; the same small model answers for each."""


class Profiles:
    """Resolves ids and ARNs; the gateway knows the application inference profiles."""

    def __init__(self, gateway: str, region: str) -> None:
        self._client = clients.bedrock(gateway, region)
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def model_of(self, identifier: str) -> str:
        """Return the foundation model's id.

        Raises:
            AwsError: the model or profile does not exist.
        """
        arn = _ARN.match(identifier)
        if arn and arn["kind"] == "application-inference-profile":
            with self._lock:
                known = self._known.get(identifier)
            return known or self._ask(identifier)
        name = arn["name"] if arn else identifier
        plain = _REGIONAL.sub("", name)
        if plain not in TEXT_MODELS and plain != TITAN:
            raise unknown_model()
        return plain

    def _ask(self, identifier: str) -> str:
        try:
            profile = self._client.get_inference_profile(inferenceProfileIdentifier=identifier)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                raise unknown_model() from error
            raise AwsError("InternalServerException", f"GetInferenceProfile: {error}", 500) from error
        (model, *_) = {self.model_of(entry["modelArn"]) for entry in profile["models"]}
        with self._lock:
            self._known[identifier] = model
        return model
