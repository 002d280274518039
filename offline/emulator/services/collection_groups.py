"""Collection groups of OpenSearch Serverless, in ministack's own table of operations.

A group's generation is the classic one or NextGen: NextGen scales to zero. The API refuses NextGen without standby
replicas, and deletes a group only when it is empty.
"""

from __future__ import annotations

import random
import string
import time
from collections.abc import Callable
from typing import Any

from offline.emulator.seams import Response, json_answer, ministack

_GENERATIONS = ("CLASSIC", "NEXTGEN")
_STANDBY = ("ENABLED", "DISABLED")

Groups = dict[str, dict[str, Any]]
Operation = Callable[[dict[str, Any]], Response]


def _service() -> Any:
    return ministack("services.opensearchserverless")


def _scope() -> tuple[str, str]:
    responses = ministack("core.responses")
    return responses.get_account_id(), responses.get_region()


class CollectionGroups:
    """Groups by id, for each account and region."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], Groups] = {}

    def here(self) -> Groups:
        return self._groups.setdefault(_scope(), {})

    def named(self, name: str) -> dict[str, Any] | None:
        return next((group for group in self.here().values() if group["name"] == name), None)

    def by_id(self, identifier: str) -> dict[str, Any]:
        group = self.here().get(identifier)
        if group is None:
            raise _refused(f"Collection group with id {identifier} is not found", "ResourceNotFoundException")
        return group

    def collections_in(self, name: str) -> int:
        collections = _service()._collections.values()
        return sum(1 for collection in collections if collection.get("collectionGroupName") == name)

    # -- operations ---------------------------------------------------------------------------------------------------

    def create(self, request: dict[str, Any]) -> Response:
        name, standby = request["name"], request["standbyReplicas"]
        generation = request.get("generation") or "CLASSIC"
        if standby not in _STANDBY:
            raise _refused(f"standbyReplicas must be one of {', '.join(_STANDBY)}, not {standby!r}")
        if generation not in _GENERATIONS:
            raise _refused(f"generation must be one of {', '.join(_GENERATIONS)}, not {generation!r}")
        if generation == "NEXTGEN" and standby != "ENABLED":
            raise _refused("standbyReplicas must be ENABLED for a NEXTGEN collection group")
        if self.named(name) is not None:
            raise _refused(f"A collection group with name {name} already exists", "ConflictException")
        account, region = _scope()
        identifier = "".join(random.choices(string.ascii_lowercase + string.digits, k=20))  # noqa: S311
        group = {
            "id": identifier,
            "arn": f"arn:aws:aoss:{region}:{account}:collection-group/{identifier}",
            "name": name,
            "standbyReplicas": standby,
            "description": request.get("description", ""),
            "createdDate": int(time.time() * 1000),
            "capacityLimits": request.get("capacityLimits") or {},
            "generation": generation,
        }
        self.here()[identifier] = group
        tags = request.get("tags") or []
        _service()._tags[group["arn"]] = list(tags)
        return json_answer(200, {"createCollectionGroupDetail": {**group, "tags": tags}})

    def batch_get(self, request: dict[str, Any]) -> Response:
        details, errors = [], []
        for field, values in (("id", request.get("ids") or []), ("name", request.get("names") or [])):
            for value in values:
                group = self.here().get(value) if field == "id" else self.named(value)
                if group is None:
                    errors.append({field: value, "errorCode": "NOT_FOUND", "errorMessage": "not found"})
                else:
                    details.append(self._summary(group))
        return json_answer(200, {"collectionGroupDetails": details, "collectionGroupErrorDetails": errors})

    def list_all(self, _request: dict[str, Any]) -> Response:
        groups = sorted(self.here().values(), key=lambda group: str(group["name"]))
        return json_answer(200, {"collectionGroupSummaries": [self._summary(group) for group in groups]})

    def _summary(self, group: dict[str, Any]) -> dict[str, Any]:
        return {**group, "numberOfCollections": self.collections_in(group["name"])}

    def update(self, request: dict[str, Any]) -> Response:
        group = self.by_id(request["id"])
        group.update({key: request[key] for key in ("description", "capacityLimits") if key in request})
        group["lastModifiedDate"] = int(time.time() * 1000)
        return json_answer(200, {"updateCollectionGroupDetail": group})

    def delete(self, request: dict[str, Any]) -> Response:
        group = self.by_id(request["id"])
        if self.collections_in(group["name"]):
            raise _refused(f"Collection group {group['name']} still has collections", "ConflictException")
        del self.here()[group["id"]]
        _service()._tags.pop(group["arn"], None)
        return json_answer(200, {})


def _refused(message: str, code: str = "ValidationException") -> Exception:
    error: Exception = _service()._Invalid(message, code)
    return error


GROUPS = CollectionGroups()


def _with_group(create_collection: Operation) -> Operation:
    """Return a CreateCollection that accepts `collectionGroupName` and shows it afterwards."""

    def create(request: dict[str, Any]) -> Response:
        name = request.get("collectionGroupName")
        group = GROUPS.named(name) if name else None
        if name and group is None:
            raise _refused(f"Collection group {name} is not found", "ResourceNotFoundException")
        if group is not None and group["generation"] == "NEXTGEN" and request.get("type") == "TIMESERIES":
            raise _refused("TIMESERIES collections are not available in a NEXTGEN collection group")
        plain = {key: value for key, value in request.items() if key != "collectionGroupName"}
        response = create_collection(plain)
        if name:
            for collection in _service()._collections.values():
                if collection["name"] == request["name"]:
                    collection["collectionGroupName"] = name
        return response

    return create


def install() -> None:
    module = _service()
    module._HANDLERS.update(
        {
            "CreateCollection": _with_group(module._HANDLERS["CreateCollection"]),
            "CreateCollectionGroup": GROUPS.create,
            "BatchGetCollectionGroup": GROUPS.batch_get,
            "ListCollectionGroups": GROUPS.list_all,
            "UpdateCollectionGroup": GROUPS.update,
            "DeleteCollectionGroup": GROUPS.delete,
        }
    )
    for fields in ("_DETAIL_FIELDS", "_SUMMARY_FIELDS"):
        setattr(module, fields, (*getattr(module, fields), "collectionGroupName"))
    resolve = module._resolve_tag_arn

    def resolve_tag_arn(arn: str) -> str:
        if any(group["arn"] == arn for group in GROUPS.here().values()):
            return arn
        resolved: str = resolve(arn)
        return resolved

    module._resolve_tag_arn = resolve_tag_arn
