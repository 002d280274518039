"""Index bodies: what names, settings and mappings may say on each flavour."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

from offline.opensearch.errors import bad_mapping, bad_request, outside

Flavour = Literal["managed", "aoss_classic", "aoss_nextgen"]
FLAVOURS: tuple[Flavour, ...] = get_args(Flavour)

NUMBERS = ("integer", "long", "float", "double")
TYPES = ("text", "keyword", "knn_vector", *NUMBERS)
MAX_DIMENSION = 16_000
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,254}")
_VECTOR_OPTIONS = {"type", "dimension", "space_type", "method", "data_type"}
_METHOD_OPTIONS = {"name", "engine", "space_type", "parameters"}
_SETTINGS = {"knn", "knn.algo_param.ef_search", "refresh_interval"}


def check_name(name: str) -> None:
    """Refuse upper case, a leading dot, dash or underscore, and odd characters, as the targets do.

    Raises:
        ApiError: the targets do not take the name.
    """
    problem = "must be lowercase" if name != name.lower() else ""
    if not problem and not _NAME.fullmatch(name):
        problem = "must start with a letter or digit and hold only a-z, 0-9, '_', '-' and '.'"
    if problem:
        raise bad_request("invalid_index_name_exception", f"Invalid index name [{name}], {problem}")


def parse_body(body: dict[str, Any], flavour: Flavour) -> dict[str, Any]:
    """Return the fields of the body of `PUT /{index}`, name -> definition.

    Raises:
        ApiError: something is unknown, or the flavour refuses it.
    """
    unknown = set(body) - {"settings", "mappings"}
    if unknown:
        raise outside(f"the key [{min(unknown)}] of create index")
    settings = _flatten(body.get("settings") or {})
    for name in settings.keys() - _SETTINGS:
        raise outside(f"the setting [index.{name}]")
    mappings = body.get("mappings") or {}
    for name in set(mappings) - {"properties"}:
        raise outside(f"the mapping key [{name}]")
    properties: dict[str, Any] = mappings.get("properties") or {}
    for name, field in properties.items():
        check_field(name, field, flavour)
    vectors = [name for name, field in properties.items() if field["type"] == "knn_vector"]
    if len(vectors) > 1:
        raise outside("a second knn_vector field in an index")
    if vectors and str(settings.get("knn")).lower() != "true":
        raise bad_request("illegal_argument_exception", "a knn_vector field needs the setting index.knn = true")
    return properties


def check_field(name: str, field: Any, flavour: Flavour) -> None:
    """Refuse a field whose type or options are not in the subset.

    Raises:
        ApiError: with the name of the type or option.
    """
    kind = field.get("type") if isinstance(field, dict) else None
    if kind not in TYPES:
        raise bad_mapping(f"No handler for type [{kind}] declared on field [{name}]")
    for option in set(field) - (_VECTOR_OPTIONS if kind == "knn_vector" else {"type"}):
        raise outside(f"the parameter [{option}] of the {kind} field [{name}]")
    if kind == "knn_vector":
        _check_vector(name, field, flavour)


def space_type(field: dict[str, Any]) -> str:
    """Return the space of a `knn_vector` field; l2 where the mapping does not say."""
    return str(field.get("space_type") or field.get("method", {}).get("space_type") or "l2")


def _check_vector(name: str, field: dict[str, Any], flavour: Flavour) -> None:
    dimension = field.get("dimension")
    if isinstance(dimension, bool) or not isinstance(dimension, int) or not 1 <= dimension <= MAX_DIMENSION:
        raise bad_mapping(
            f"Dimension value must be between 1 and {MAX_DIMENSION} for vector: {name}, not {dimension!r}"
        )
    if field.get("data_type", "float") != "float":
        raise outside(f"data_type [{field['data_type']}] of the vector field [{name}]")
    method = field.get("method", {})
    if not isinstance(method, dict) or set(method) - _METHOD_OPTIONS:
        raise bad_mapping(f"Invalid parameter in the method of the vector field [{name}]")
    if method and method.get("name") != "hnsw":
        raise bad_mapping(f"method [{method.get('name')}] of the vector field [{name}] is not supported")
    if flavour == "aoss_nextgen" and "engine" in method:
        raise bad_mapping(f"Field parameter [engine] is not supported on vector field [{name}]")
    engines = ("faiss", "lucene") if flavour == "managed" else ("faiss",)
    if method.get("engine", "faiss") not in engines:
        raise bad_mapping(f"engine [{method['engine']}] is not supported on vector field [{name}]")
    if space_type(field) not in ("l2", "cosinesimil", "innerproduct"):
        raise outside(f"space_type [{space_type(field)}] of the vector field [{name}]")


def _flatten(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as dotted names, without the prefix `index.`."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict):
            flat.update(_flatten(value, f"{path}."))
        else:
            flat[path.removeprefix("index.")] = value
    return flat
