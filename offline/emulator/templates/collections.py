"""CloudFormation types of OpenSearch Serverless: collections, their groups and policies. Indexes are in `indexes`.

ministack has collections and policies without templates. The data plane is the project's own OpenSearch server: every
collection's endpoint is its address.
"""

from __future__ import annotations

import json
import time
from typing import Any

from offline.emulator.seams import Created, Properties, accepted, ministack, unless_absent
from offline.emulator.services import collection_groups
from offline.emulator.templates import indexes, registry

PREFIX = "AWS::OpenSearchServerless::"
_ACTIVE_WITHIN_S = 10.0


def service() -> Any:
    return ministack("services.opensearchserverless")


def call(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Call an operation of ministack's service; a refusal is a `ValueError` with AWS's code and message."""
    module = service()
    try:
        return accepted(module._HANDLERS[operation](request), operation)
    except module._Invalid as error:
        raise ValueError(f"{operation}: {error.code}: {error.message}") from error


# -- policies ---------------------------------------------------------------------------------------------------------


def _install_policy(kind: str) -> None:
    """Register SecurityPolicy or AccessPolicy; `Ref` is `<type>|<name>`."""
    detail = f"{kind[0].lower()}{kind[1:]}Detail"

    def request_of(properties: Properties) -> dict[str, Any]:
        return {
            "type": properties["Type"],
            "name": properties["Name"],
            "policy": properties["Policy"],
            "description": properties.get("Description", ""),
        }

    def create(_logical_id: str, properties: Properties, _stack: str) -> Created:
        call(f"Create{kind}", request_of(properties))
        return f"{properties['Type']}|{properties['Name']}", {}

    def change(_physical_id: str, _old: Properties, new: Properties) -> dict[str, Any]:
        current = call(f"Get{kind}", {"type": new["Type"], "name": new["Name"]})[detail]
        if json.loads(new["Policy"]) != current["policy"] or new.get("Description", "") != current["description"]:
            call(f"Update{kind}", {**request_of(new), "policyVersion": current["policyVersion"]})
        return {}

    def delete(physical_id: str, _properties: Properties) -> None:
        policy_type, name = physical_id.split("|", 1)
        with unless_absent("ResourceNotFoundException"):
            call(f"Delete{kind}", {"type": policy_type, "name": name})

    registry.register(f"{PREFIX}{kind}", create=create, delete=delete, change=change, create_only=("Type", "Name"))


# -- collection group -------------------------------------------------------------------------------------------------


def _limits(properties: Properties) -> dict[str, float]:
    """Return `CapacityLimits` in the API's names (templates write Ocu); some numbers arrive as text."""
    given = properties.get("CapacityLimits") or {}
    return {f"{name[0].lower()}{name[1:]}".replace("Ocu", "OCU"): float(value) for name, value in given.items()}


def _group_created(_logical_id: str, properties: Properties, _stack: str) -> Created:
    request = {
        "name": properties["Name"],
        "standbyReplicas": properties["StandbyReplicas"],
        "description": properties.get("Description", ""),
        "capacityLimits": _limits(properties),
        "generation": properties.get("Generation", "CLASSIC"),
        "tags": registry.lower_case_tags(properties),
    }
    detail = call("CreateCollectionGroup", request)["createCollectionGroupDetail"]
    return detail["id"], {"Id": detail["id"], "Arn": detail["arn"]}


def _group_changed(identifier: str, _old: Properties, new: Properties) -> dict[str, Any]:
    request = {"id": identifier, "description": new.get("Description", ""), "capacityLimits": _limits(new)}
    arn = call("UpdateCollectionGroup", request)["updateCollectionGroupDetail"]["arn"]
    service()._tags[arn] = registry.lower_case_tags(new)
    return {"Id": identifier, "Arn": arn}


def _group_deleted(identifier: str, _properties: Properties) -> None:
    with unless_absent("ResourceNotFoundException"):
        call("DeleteCollectionGroup", {"id": identifier})


# -- collection -------------------------------------------------------------------------------------------------------


def _collection_created(_logical_id: str, properties: Properties, _stack: str) -> Created:
    request: dict[str, Any] = {
        "name": properties["Name"],
        "type": properties.get("Type", "TIMESERIES"),
        "description": properties.get("Description", ""),
        "standbyReplicas": properties.get("StandbyReplicas", "ENABLED"),
        "deletionProtection": properties.get("DeletionProtection", "DISABLED"),
        "tags": registry.lower_case_tags(properties),
    }
    if "CollectionGroupName" in properties:
        request["collectionGroupName"] = properties["CollectionGroupName"]
    if encryption := properties.get("EncryptionConfig"):
        owned = str(encryption.get("AWSOwnedKey", "")).lower() == "true"
        request["encryptionConfig"] = {"aWSOwnedKey": owned, "kmsKeyArn": encryption.get("KmsKeyArn")}
    identifier = call("CreateCollection", request)["createCollectionDetail"]["id"]
    return identifier, _attributes(_active(identifier))


def _active(identifier: str) -> dict[str, Any]:
    """Return the collection's description once it is active; CloudFormation waits for that, too."""
    until = time.monotonic() + _ACTIVE_WITHIN_S
    while True:
        details: list[dict[str, Any]] = call("BatchGetCollection", {"ids": [identifier]})["collectionDetails"]
        if details and details[0]["status"] == "ACTIVE":
            return details[0]
        if not details or details[0]["status"] == "FAILED" or time.monotonic() > until:
            raise ValueError(f"{PREFIX}Collection: {identifier} did not become active: {details}")
        time.sleep(0.02)


def _attributes(detail: dict[str, Any]) -> dict[str, Any]:
    return {
        "Id": detail["id"],
        "Arn": detail["arn"],
        "CollectionEndpoint": detail["collectionEndpoint"],
        "DashboardEndpoint": detail["dashboardEndpoint"],
        "KmsKeyArn": detail["kmsKeyArn"],
    }


def _collection_changed(identifier: str, _old: Properties, new: Properties) -> dict[str, Any]:
    request = {
        "id": identifier,
        "description": new.get("Description", ""),
        "deletionProtection": new.get("DeletionProtection", "DISABLED"),
    }
    call("UpdateCollection", request)
    return _attributes(_active(identifier))


def _collection_deleted(identifier: str, _properties: Properties) -> None:
    with unless_absent("ResourceNotFoundException"):
        call("DeleteCollection", {"id": identifier})


def install(endpoint: str) -> None:
    """Register the types; `endpoint` is the address of the project's OpenSearch server."""
    service()._collection_endpoint = lambda _identifier: endpoint
    collection_groups.install()
    for kind in ("SecurityPolicy", "AccessPolicy"):
        _install_policy(kind)
    registry.register(
        f"{PREFIX}CollectionGroup",
        create=_group_created,
        delete=_group_deleted,
        change=_group_changed,
        create_only=("Name", "StandbyReplicas", "Generation"),
        tags="Tags",
    )
    registry.register(
        f"{PREFIX}Collection",
        create=_collection_created,
        delete=_collection_deleted,
        change=_collection_changed,
        # Tags, too: a changed tag value replaces the collection.
        create_only=("Name", "Tags", "Type", "StandbyReplicas", "CollectionGroupName", "EncryptionConfig"),
        tags="Tags",
        blocking=True,
    )
    indexes.install()
