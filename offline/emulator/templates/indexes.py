"""Vector indexes in templates: `AWS::OpenSearchServerless::Index` and `CollectionIndex`, made on the real server.

Both types end in `PUT /<index>` on the project's OpenSearch server and `DELETE /<index>`. The first spells the mapping
in CloudFormation's names (`Dimension`, `SpaceType`, `KnnAlgoParamEfSearch`), the second carries it as JSON text.
"""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

from offline.emulator.seams import Created, Properties, ministack
from offline.emulator.templates import registry

INDEX = "AWS::OpenSearchServerless::Index"
COLLECTION_INDEX = "AWS::OpenSearchServerless::CollectionIndex"

_TIMEOUT_S = 30.0
_SETTINGS = {"Knn": "knn", "KnnAlgoParamEfSearch": "knn.algo_param.ef_search", "RefreshInterval": "refresh_interval"}
_SPECIAL = {"DataType": "data_type", "M": "m"}


def _snake(name: str) -> str:
    """`EfConstruction` -> `ef_construction`."""
    if name in _SPECIAL:
        return _SPECIAL[name]
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")


def _value(value: Any) -> Any:
    """Numbers and truth values reach a handler as text in places."""
    if isinstance(value, str):
        if value.lower() in ("true", "false"):
            return value.lower() == "true"
        if value.isdigit():
            return int(value)
    return value


def field_of(mapping: Properties) -> dict[str, Any]:
    """One field of `Mappings.Properties` as OpenSearch spells it; nested `Properties` keep their field names."""
    field: dict[str, Any] = {}
    for name, value in mapping.items():
        if name == "Properties":
            field["properties"] = {key: field_of(inner) for key, inner in value.items()}
        elif isinstance(value, dict):
            field[_snake(name)] = field_of(value)
        else:
            field[_snake(name)] = _value(value)
    return field


def body_of(properties: Properties) -> dict[str, Any]:
    """The body of `PUT /<index>` for an `AWS::OpenSearchServerless::Index`."""
    settings = (properties.get("Settings") or {}).get("Index") or {}
    fields = (properties.get("Mappings") or {}).get("Properties") or {}
    body: dict[str, Any] = {"mappings": {"properties": {name: field_of(field) for name, field in fields.items()}}}
    index = {_SETTINGS.get(name, _snake(name)): _value(value) for name, value in settings.items()}
    if index:
        body["settings"] = {"index": index}
    if analysis := (properties.get("Settings") or {}).get("Analysis"):
        body.setdefault("settings", {})["analysis"] = field_of(analysis)
    return body


def request(endpoint: str, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, str]:
    """One call to the OpenSearch server: status and body."""
    address = urlsplit(endpoint)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=_TIMEOUT_S)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except OSError as error:
        raise ValueError(f"the OpenSearch server at {endpoint} does not answer: {error}") from error
    finally:
        connection.close()


def _put(endpoint: str, path: str, body: dict[str, Any], name: str) -> None:
    status, answer = request(endpoint, "PUT", path, body)
    if status >= 300:
        raise ValueError(f"index {name}: OpenSearch answered {status}: {answer[:500]}")


def _remove(endpoint: str, name: str) -> None:
    status, answer = request(endpoint, "DELETE", f"/{quote(name)}", None)
    if status >= 300 and status != 404:
        raise ValueError(f"index {name}: OpenSearch answered {status}: {answer[:500]}")


def check_access(name: str) -> None:
    """CloudFormation needs a data access policy, in place before the index, that lets its role create the index."""
    policies = ministack("services.opensearchserverless")._access_policies.values()
    for policy in policies:
        for statement in policy["policy"]:
            for rule in statement.get("Rules", []):
                if rule.get("ResourceType") == "index" and _grants(rule, name):
                    return
    raise ValueError(f"index {name}: 403: no data access policy grants aoss:CreateIndex on it")


def _grants(rule: dict[str, Any], name: str) -> bool:
    """Resources are `index/<collection>/<index>`; both parts may end in a star."""
    allowed = {"aoss:*", "aoss:CreateIndex"} & set(rule.get("Permission", []))
    patterns = [str(resource).rsplit("/", 1)[-1] for resource in rule.get("Resource", [])]
    return bool(allowed) and any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in patterns
    )


def install(endpoint: str) -> None:
    """`endpoint` is the server of every collection; an `Index` names its endpoint itself."""

    def create(_logical_id: str, properties: Properties, _stack: str) -> Created:
        name, given = properties["IndexName"], properties["CollectionEndpoint"]
        check_access(name)
        _put(given, f"/{quote(name)}", body_of(properties), name)
        return f"{name}|{given}", {"Uuid": name}

    def change(_physical_id: str, _old: Properties, new: Properties) -> dict[str, Any]:
        name = new["IndexName"]
        _put(new["CollectionEndpoint"], f"/{quote(name)}/_mapping", body_of(new)["mappings"], name)
        return {"Uuid": name}

    def delete(_physical_id: str, properties: Properties) -> None:
        _remove(properties["CollectionEndpoint"], properties["IndexName"])

    def create_by_id(_logical_id: str, properties: Properties, _stack: str) -> Created:
        name = properties["IndexName"]
        check_access(name)
        _put(endpoint, f"/{quote(name)}", json.loads(properties.get("IndexSchema") or "{}"), name)
        return f"{properties['Id']}|{name}", {}

    def change_by_id(_physical_id: str, _old: Properties, new: Properties) -> dict[str, Any]:
        name, schema = new["IndexName"], json.loads(new.get("IndexSchema") or "{}")
        _put(endpoint, f"/{quote(name)}/_mapping", schema.get("mappings") or {}, name)
        return {}

    def delete_by_id(_physical_id: str, properties: Properties) -> None:
        _remove(endpoint, properties["IndexName"])

    registry.register(
        INDEX,
        create=create,
        delete=delete,
        change=change,
        create_only=("IndexName", "CollectionEndpoint"),
        blocking=True,
    )
    registry.register(
        COLLECTION_INDEX,
        create=create_by_id,
        delete=delete_by_id,
        change=change_by_id,
        create_only=("Id", "IndexName"),
        blocking=True,
    )
