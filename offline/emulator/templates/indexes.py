"""Vector indexes in templates: `AWS::OpenSearchServerless::Index`, made on the project's OpenSearch server.

The type spells settings and mapping in CloudFormation's names (`Dimension`, `KnnAlgoParamEfSearch`); the server checks
the rest.
"""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

from offline.emulator.seams import Created, Properties, ministack
from offline.emulator.templates import registry

TYPE = "AWS::OpenSearchServerless::Index"
_TIMEOUT_S = 30.0
_NAMES = {"DataType": "data_type", "KnnAlgoParamEfSearch": "knn.algo_param.ef_search", "M": "m"}


def _snake(name: str) -> str:
    """Return OpenSearch's spelling: `EfConstruction` -> `ef_construction`."""
    if name in _NAMES:
        return _NAMES[name]
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")


def _value(value: Any) -> Any:
    """Return numbers and truth values as such: some reach a handler as text."""
    if isinstance(value, str):
        if value.lower() in ("true", "false"):
            return value.lower() == "true"
        if value.isdigit():
            return int(value)
    return value


def body_of(properties: Properties) -> dict[str, Any]:
    """Return a part of the properties as OpenSearch spells it; nested `Properties` keep their field names."""
    body: dict[str, Any] = {}
    for name, value in properties.items():
        if name == "Properties":
            body["properties"] = {field: body_of(inner) for field, inner in value.items()}
        else:
            body[_snake(name)] = body_of(value) if isinstance(value, dict) else _value(value)
    return body


def _index_body(properties: Properties) -> dict[str, Any]:
    return body_of({name: properties[name] for name in ("Settings", "Mappings") if properties.get(name)})


def _request(endpoint: str, method: str, name: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
    """Send one request about an index to the OpenSearch server and return status and body."""
    address = urlsplit(endpoint)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=_TIMEOUT_S)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, f"/{quote(name)}", content, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except OSError as error:
        raise ValueError(f"the OpenSearch server at {endpoint} does not answer: {error}") from error
    finally:
        connection.close()


def check_access(name: str) -> None:
    """Refuse an index that no data access policy lets CloudFormation create; the policy has to be in place before."""
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


def _create(_logical_id: str, properties: Properties, _stack: str) -> Created:
    name, endpoint = properties["IndexName"], properties["CollectionEndpoint"]
    check_access(name)
    status, answer = _request(endpoint, "PUT", name, _index_body(properties))
    if status >= 300:
        raise ValueError(f"index {name}: OpenSearch answered {status}: {answer[:500]}")
    return f"{name}|{endpoint}", {"Uuid": name}


def _change(_physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
    name = new["IndexName"]
    if _index_body(old) != _index_body(new):
        raise ValueError(f"index {name}: the embedded AWS does not change an index; give the new one another name")
    return {"Uuid": name}


def _delete(_physical_id: str, properties: Properties) -> None:
    name = properties["IndexName"]
    status, answer = _request(properties["CollectionEndpoint"], "DELETE", name)
    if status >= 300 and status != 404:
        raise ValueError(f"index {name}: OpenSearch answered {status}: {answer[:500]}")


def install() -> None:
    registry.register(
        TYPE,
        create=_create,
        delete=_delete,
        change=_change,
        create_only=("IndexName", "CollectionEndpoint"),
        blocking=True,
    )
