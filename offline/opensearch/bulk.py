"""The lines of a bulk request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from offline.opensearch.errors import bad_request, outside


def pairs(lines: list[Any]) -> Iterable[tuple[str, dict[str, Any], Any]]:
    """(verb, meta, source or None) of each action of a bulk body."""
    position = 0
    while position < len(lines):
        action = lines[position]
        if not isinstance(action, dict) or len(action) != 1:
            raise bad_request("illegal_argument_exception", f"Malformed action/metadata line [{position + 1}]")
        verb, meta = next(iter(action.items()))
        if verb not in ("index", "delete"):
            raise outside(f"the bulk action [{verb}]")
        if set(meta) - {"_index", "_id"}:
            raise outside(f"the bulk metadata [{min(set(meta) - {'_index', '_id'})}]")
        if verb == "delete":
            if "_id" not in meta:
                raise bad_request(
                    "action_request_validation_exception", "Validation Failed: 1: an id must be provided;"
                )
            yield verb, meta, None
            position += 1
            continue
        if position + 1 == len(lines):
            raise bad_request(
                "illegal_argument_exception", "The bulk request must hold a source for every index action"
            )
        yield verb, meta, lines[position + 1]
        position += 2
