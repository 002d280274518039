"""Index bodies: what names, settings and mappings may say on each flavour."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

from offline.opensearch.errors import ApiError, bad_request, outside

Flavour = Literal["managed", "aoss_classic", "aoss_nextgen"]
FLAVOURS: tuple[Flavour, ...] = get_args(Flavour)

NUMBERS = ("integer", "long", "float", "double")
TYPES = ("text", "keyword", "boolean", "knn_vector", *NUMBERS)
MAX_DIMENSION = 16_000
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,254}")
_FIELD_OPTIONS = {
    "knn_vector": {"type", "dimension", "space_type", "method", "mode", "compression_level", "data_type"},
    "text": {"type", "fields", "analyzer", "index"},
    "keyword": {"type", "ignore_above", "index", "doc_values"},
}
_METHOD_OPTIONS = {"name", "engine", "space_type", "parameters"}
_SETTINGS = {"knn", "knn.algo_param.ef_search", "refresh_interval", "mapping.dynamic"}


def check_name(name: str) -> None:
    """Raises ApiError: the targets refuse upper case, a leading dot, dash or underscore, and odd characters."""
    if name != name.lower():
        raise bad_request("invalid_index_name_exception", f"Invalid index name [{name}], must be lowercase")
    if not _NAME.fullmatch(name):
        raise bad_request(
            "invalid_index_name_exception",
            f"Invalid index name [{name}], must start with a letter or digit and hold only a-z, 0-9, '_', '-' and '.'",
        )


def parse_body(body: dict[str, Any], flavour: Flavour) -> tuple[dict[str, Any], dict[str, Any]]:
    """(properties, settings) of the body of `PUT /{index}`, settings flat and without the prefix `index.`.

    Raises:
        ApiError: something is unknown, or known but refused by the flavour.
    """
    unknown = set(body) - {"settings", "mappings", "aliases"}
    if unknown:
        raise bad_request("parse_exception", f"unknown key [{min(unknown)}] for create index")
    if body.get("aliases"):
        raise outside("an alias inside the create request")
    settings = _flatten(body.get("settings") or {})
    for name in settings:
        if name.startswith(("number_of_", "auto_expand_")):
            raise outside(f"the setting [index.{name}]")
        if name not in _SETTINGS:
            raise bad_request("settings_exception", f"unknown setting [index.{name}]")
    mappings = body.get("mappings") or {}
    if set(mappings) - {"properties", "dynamic"}:
        raise outside(f"the mapping key [{min(set(mappings) - {'properties', 'dynamic'})}]")
    properties = {name: parse_field(name, field, flavour) for name, field in (mappings.get("properties") or {}).items()}
    if sum(f["type"] == "knn_vector" for f in properties.values()) > 1:
        raise outside("a second knn_vector field in an index")
    if any(f["type"] == "knn_vector" for f in properties.values()) and str(settings.get("knn")).lower() != "true":
        raise bad_request("illegal_argument_exception", "a knn_vector field needs the setting index.knn = true")
    if "dynamic" in mappings:
        settings["mapping.dynamic"] = str(mappings["dynamic"]).lower()
    return properties, settings


def parse_field(name: str, field: Any, flavour: Flavour) -> dict[str, Any]:
    """`field` as it is, once it is known to be legal.

    Raises:
        ApiError: its type or one of its options is not in the subset, or is refused by the flavour.
    """
    kind = field.get("type") if isinstance(field, dict) else None
    if kind not in TYPES:
        raise _mapping_error(f"No handler for type [{kind}] declared on field [{name}]")
    options = _FIELD_OPTIONS.get(kind, {"type", "index", "doc_values"})
    unknown = set(field) - options
    if unknown:
        raise _mapping_error(f"unknown parameter [{min(unknown)}] on mapper [{name}] of type [{kind}]")
    for child, subfield in field.get("fields", {}).items():
        if parse_field(f"{name}.{child}", subfield, flavour)["type"] != "keyword":
            raise outside(f"the multi-field [{name}.{child}] that is no keyword")
    if kind == "knn_vector":
        _check_vector(name, field, flavour)
    return dict(field)


def space_type(field: dict[str, Any]) -> str:
    """The space of a `knn_vector` field; l2 where the mapping does not say."""
    return str(field.get("space_type") or field.get("method", {}).get("space_type") or "l2")


def _check_vector(name: str, field: dict[str, Any], flavour: Flavour) -> None:
    dimension = field.get("dimension")
    if isinstance(dimension, bool) or not isinstance(dimension, int) or not 1 <= dimension <= MAX_DIMENSION:
        raise _mapping_error(
            f"Dimension value must be between 1 and {MAX_DIMENSION} for vector: {name}, not {dimension!r}"
        )
    if field.get("data_type", "float") != "float":
        raise outside(f"data_type [{field['data_type']}] of the vector field [{name}]")
    method = field.get("method", {})
    if not isinstance(method, dict) or set(method) - _METHOD_OPTIONS:
        raise _mapping_error(f"Invalid parameter in the method of the vector field [{name}]")
    if method and method.get("name") != "hnsw":
        raise _mapping_error(f"method [{method.get('name')}] of the vector field [{name}] is not supported")
    if flavour == "aoss_nextgen" and "engine" in method:
        raise _mapping_error(f"Field parameter [engine] is not supported on vector field [{name}]")
    if method.get("engine", "faiss") not in ("faiss", "lucene"):
        raise _mapping_error(f"Invalid engine type: {method['engine']}")
    if flavour == "aoss_classic" and method.get("engine", "faiss") != "faiss":
        raise _mapping_error(f"engine [{method['engine']}] is not supported on vector field [{name}]")
    if space_type(field) not in ("l2", "cosinesimil", "innerproduct"):
        raise outside(f"space_type [{space_type(field)}] of the vector field [{name}]")


def _mapping_error(reason: str) -> ApiError:
    return bad_request("mapper_parsing_exception", reason)


def _flatten(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict):
            flat.update(_flatten(value, f"{path}."))
        else:
            flat[path.removeprefix("index.")] = value
    return flat
