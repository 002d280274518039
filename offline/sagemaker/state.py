"""What SageMaker keeps: models and endpoint configurations by name, and the tags of every resource."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from offline.sagemaker.errors import already_exists, not_found


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: its word in AWS's errors, its word in ARNs, and the members of an entry of its list."""

    word: str
    arn: str
    listed: tuple[str, ...]

    @property
    def name(self) -> str:
        """The member that holds a resource's name."""
        return self.listed[0]

    def summaries(self, descriptions: Iterable[Mapping[str, Any]], request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the list entries of the resources whose name contains what the request asks for."""
        part = request.get("NameContains", "")
        return [
            {key: description[key] for key in self.listed}
            for description in descriptions
            if part in description[self.name]
        ]


MODEL = Kind("model", "model", ("ModelName", "ModelArn", "CreationTime"))
CONFIG = Kind("endpoint configuration", "endpoint-config", ("EndpointConfigName", "EndpointConfigArn", "CreationTime"))
ENDPOINT = Kind(
    "endpoint", "endpoint", ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
)
JOB = Kind(
    "training job",
    "training-job",
    ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingJobStatus", "LastModifiedTime"),
)


def untagged(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a create request as its describe operation shows it."""
    return {key: value for key, value in request.items() if key != "Tags"}


class Resources:
    """Resources of one kind, each as its describe operation answers it."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._found: dict[str, dict[str, Any]] = {}

    def add(self, request: Mapping[str, Any], arn: str) -> None:
        name = request[self.kind.name]
        if name in self._found:
            raise already_exists(self.kind.word, name)
        self._found[name] = {**untagged(request), self.kind.listed[1]: arn, "CreationTime": time.time()}

    def get(self, name: str) -> dict[str, Any]:
        if name not in self._found:
            raise not_found(self.kind.word, name)
        return self._found[name]

    def remove(self, name: str) -> None:
        self.get(name)
        del self._found[name]

    def all(self) -> list[dict[str, Any]]:
        return list(self._found.values())


class Tags:
    """Tags by ARN."""

    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}

    def add(self, arn: str, tags: Iterable[Mapping[str, str]]) -> None:
        self._tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})

    def of(self, arn: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self._tags.get(arn, {}).items()]

    def remove(self, arn: str) -> None:
        self._tags.pop(arn, None)
