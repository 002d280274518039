"""Which parts of a document a search gives back."""

from __future__ import annotations

from typing import Any

from offline.opensearch.errors import bad_request


class SourceFilter:
    """`_source` of a search: true, false, a name, names, or includes and excludes; `*` at the end of a name only."""

    def __init__(self, wanted: Any, vector_name: str | None) -> None:
        self._includes: list[str] | None = None
        self._excludes: list[str] = []
        self.any = wanted is not False
        if isinstance(wanted, str | list):
            self._includes = [wanted] if isinstance(wanted, str) else wanted
        elif isinstance(wanted, dict):
            if set(wanted) - {"includes", "excludes"}:
                raise bad_request("parsing_exception", f"unknown key in [_source]: {sorted(wanted)}")
            self._includes = wanted.get("includes")
            self._excludes = wanted.get("excludes") or []
        elif not isinstance(wanted, bool):
            raise bad_request("parsing_exception", f"[_source] cannot be {wanted!r}")
        self.vector = self.any and vector_name is not None and self._keeps(vector_name)

    def apply(self, source: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in source.items() if self._keeps(name)}

    def _keeps(self, name: str) -> bool:
        if any(_fits(name, pattern) for pattern in self._excludes):
            return False
        return self._includes is None or any(_fits(name, pattern) for pattern in self._includes)


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
