"""Tags of exports, monitors and subscriptions: given when one is created, listed, added, removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from offline.billing.state import Kind, Store

Request = Mapping[str, Any]
Find = Callable[[str], tuple[Kind, dict[str, Any]]]
"""Returns kind and document of an ARN; raises AwsError for an unknown one."""


def tags_of(request: Request) -> dict[str, str]:
    """Return the `ResourceTags` of a request."""
    return {tag["Key"]: tag["Value"] for tag in request.get("ResourceTags", ())}


class ResourceTags:
    """A service's operations on the `tags` of its documents."""

    def __init__(self, store: Store, find: Find) -> None:
        self._store = store
        self._find = find

    def list(self, request: Request) -> dict[str, Any]:
        _, document = self._find(request["ResourceArn"])
        return {"ResourceTags": [{"Key": key, "Value": value} for key, value in document["tags"].items()]}

    def add(self, request: Request) -> dict[str, Any]:
        return self._change(request, lambda tags: tags | tags_of(request))

    def remove(self, request: Request) -> dict[str, Any]:
        gone = request["ResourceTagKeys"]
        return self._change(request, lambda tags: {key: value for key, value in tags.items() if key not in gone})

    def _change(self, request: Request, change: Callable[[dict[str, str]], dict[str, str]]) -> dict[str, Any]:
        arn = request["ResourceArn"]
        kind, document = self._find(arn)
        self._store.put(kind, {arn: {**document, "tags": change(document["tags"])}})
        return {}
