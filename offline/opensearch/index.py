"""One index in memory: rows in the order of writing, a structure for each mapped field, and who can see which row."""

from __future__ import annotations

import math
import threading
from array import array
from time import monotonic as now
from typing import Any

import numpy as np

from offline.opensearch import vectors
from offline.opensearch.bm25 import Floats, Mask, TextField
from offline.opensearch.columns import KeywordField, NumberField
from offline.opensearch.errors import bad_mapping, outside
from offline.opensearch.mapping import NUMBERS, space_type
from offline.opensearch.storage import Sources

Field = TextField | vectors.VectorField | KeywordField | NumberField
Document = tuple[str, dict[str, Any], Floats | None]
"""Id, source without vector, vector."""
NEVER = math.inf


class Index:
    """All methods expect the caller to hold `lock`. Deletions, too, become visible after `delay_s`."""

    def __init__(
        self, name: str, properties: dict[str, Any], sources: Sources, *, delay_s: float, searchable_after_s: float
    ) -> None:
        self.lock = threading.RLock()
        self.name = name
        self.fields: dict[str, Field] = {field: _field_of(definition) for field, definition in properties.items()}
        self._searchable_at = now() + searchable_after_s
        self._sources = sources
        self._delay = delay_s
        self._rows_of: dict[str, int] = {}
        self._ids: list[str] = []
        self._numbers = array("q")
        self._added = array("d")
        self._removed = array("d")
        self._removals = 0
        self._settled_at = -NEVER  # from this moment every row that is not removed is visible

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def searchable(self) -> bool:
        return now() >= self._searchable_at

    # ---- writing -------------------------------------------------------------------------------------------------
    def check(self, source: Any) -> tuple[dict[str, Any], Floats | None]:
        """Return (source without vector, vector) of a document.

        Raises:
            ApiError: a value does not fit its field, or the mapping lacks the field.
        """
        if not isinstance(source, dict):
            raise bad_mapping("failed to parse: the document is not a JSON object")
        plain, vector = dict(source), None
        for name, value in source.items():
            field = self.fields.get(name)
            if field is None:
                raise outside(f"dynamic mapping of the field [{name}]")
            if isinstance(field, vectors.VectorField):
                del plain[name]
                vector = None if value is None else _vector(name, value, field)
            elif isinstance(field, NumberField):
                field.parse(value)
            elif value is not None:
                _check_text(name, value)
        return plain, vector

    def write(self, documents: list[Document]) -> None:
        """Append checked documents in one transaction."""
        numbers = self._sources.add(source for _, source, _ in documents)
        visible_at = now() + self._delay
        for number, (identifier, source, vector) in zip(numbers, documents, strict=True):
            for name, field in self.fields.items():
                value = source.get(name)
                if isinstance(field, vectors.VectorField):
                    field.add(vector)
                elif isinstance(field, TextField):
                    field.add(" ".join(value) if isinstance(value, list) else None if value is None else str(value))
                else:
                    field.add(value)
            self._rows_of[identifier] = len(self._ids)
            self._ids.append(identifier)
            self._numbers.append(number)
            self._added.append(visible_at)
            self._removed.append(NEVER)
        self._settled_at = max(self._settled_at, visible_at)

    def remove(self, identifier: str) -> bool:
        """Remove a document and return whether it existed. A second removal finds nothing, whatever searches see."""
        row = self._rows_of.pop(identifier, None)
        if row is None:
            return False
        self._removed[row] = now() + self._delay
        self._removals += 1
        self._settled_at = max(self._settled_at, self._removed[row])
        self._sources.remove([self._numbers[row]])
        return True

    def clear(self) -> None:
        """Remove the sources of all documents."""
        self._sources.remove(self._numbers)

    # ---- reading -------------------------------------------------------------------------------------------------
    def visible(self) -> Mask | None:
        """Return the rows that a search sees now; None = every row."""
        moment = now()
        if moment >= self._settled_at and not self._removals:
            return None
        return (np.array(self._added) <= moment) & (np.array(self._removed) > moment)

    def identifier(self, row: int) -> str:
        return self._ids[row]

    def source(self, row: int, names: frozenset[str] | None) -> dict[str, Any]:
        """Return the fields `names` of a row's source, None = all of them; empty for a row removed meanwhile."""
        source = self._sources.get(self._numbers[row])
        for name, field in self.fields.items():
            if isinstance(field, vectors.VectorField) and (vector := field.vector(row)) is not None:
                source[name] = vector
        return {name: value for name, value in source.items() if names is None or name in names}


def _field_of(definition: dict[str, Any]) -> Field:
    kind = definition["type"]
    if kind == "text":
        return TextField()
    if kind == "knn_vector":
        space = next(space for space in vectors.SPACES if space == space_type(definition))
        return vectors.VectorField(definition["dimension"], space)
    return NumberField(kind) if kind in NUMBERS else KeywordField()


def _vector(name: str, value: Any, field: vectors.VectorField) -> Floats:
    try:
        return vectors.parse(value, field.dimension)
    except ValueError as error:
        raise bad_mapping(f"failed to parse field [{name}] of type [knn_vector]: {error}") from error


def _check_text(name: str, value: Any) -> None:
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, str | int | float):
            raise bad_mapping(f"failed to parse field [{name}]: {item!r} is not a text")
        if isinstance(item, str) and not item.isascii() and any("\ud800" <= c <= "\udfff" for c in item):
            raise bad_mapping(f"failed to parse field [{name}]: lone surrogate")
