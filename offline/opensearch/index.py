"""One index in memory: rows in the order of writing, a structure for each mapped field, and who can see which row."""

from __future__ import annotations

import json
import math
import threading
from array import array
from collections.abc import Iterable
from time import monotonic as now
from typing import Any

import numpy as np

from offline.opensearch import vectors
from offline.opensearch.bm25 import Floats, Mask, TextField
from offline.opensearch.columns import KeywordField, NumberField
from offline.opensearch.errors import ApiError, bad_request, outside
from offline.opensearch.mapping import NUMBERS, space_type
from offline.opensearch.storage import Storage

Field = TextField | vectors.VectorField | KeywordField | NumberField
NEVER = math.inf


class Index:
    """All methods expect the caller to hold `lock`."""

    def __init__(
        self,
        storage: Storage,
        number: int,
        name: str,
        uuid: str,
        created: int,
        properties: dict[str, Any],
        settings: dict[str, Any],
        delay_s: float,
    ) -> None:
        self.lock = threading.RLock()
        self.number, self.name, self.uuid, self.created = number, name, uuid, created
        self.properties, self.settings = properties, settings
        self.searchable_at = now() + delay_s
        self._storage = storage
        self._delay = delay_s
        self._rows_of: dict[str, int] = {}
        self._ids: list[str] = []
        self._seqs = array("q")
        self._added = array("d")
        self._removed = array("d")
        self._removals = 0
        self._settled_at = -NEVER  # from this moment every row that is not removed is visible
        self.fields: dict[str, Field] = {}
        for name_, field in properties.items():
            self._map(name_, field)

    def load(self) -> None:
        """Read the documents that an earlier process left; all of them are visible at once."""
        for seq, identifier, source, vector in self._storage.documents(self.number):
            stored = None if vector is None else np.frombuffer(vector, np.float32)
            self._append(seq, identifier, source, stored, visible_at=-NEVER)
        self.searchable_at = -NEVER

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def searchable(self) -> bool:
        """False for a while after the index was made on a serverless collection."""
        return now() >= self.searchable_at

    @property
    def vector_name(self) -> str | None:
        """The name of the `knn_vector` field; an index has at most one."""
        return next((name for name, f in self.fields.items() if isinstance(f, vectors.VectorField)), None)

    # ---- writing -------------------------------------------------------------------------------------------------
    def check(self, source: Any) -> tuple[dict[str, Any], Floats | None]:
        """(source without vector, vector) of a document, after mapping fields that are new.

        Raises:
            ApiError: a value does not fit its field.
        """
        if not isinstance(source, dict):
            raise bad_request("mapper_parsing_exception", "failed to parse: the document is no JSON object")
        plain = dict(source)
        vector: Floats | None = None
        for name, value in source.items():
            if name not in self.properties:
                self._map_dynamically(name, value)
            field = self.fields.get(name)
            if isinstance(field, vectors.VectorField):
                del plain[name]
                vector = None if value is None else self._parse_vector(name, value, field)
            elif isinstance(field, NumberField):
                field.parse(value)
            elif value is not None:
                _check_text(name, value)
        return plain, vector

    def write(self, documents: list[tuple[str, dict[str, Any], Floats | None]], *, refresh: bool = False) -> None:
        """Append checked documents in one transaction. A document whose id exists is replaced."""
        packed = [(i, json.dumps(s, ensure_ascii=False), None if v is None else v.tobytes()) for i, s, v in documents]
        seqs = self._storage.insert(self.number, packed)
        visible_at = -NEVER if refresh else now() + self._delay
        for seq, (identifier, source, vector) in zip(seqs, documents, strict=True):
            self.remove([identifier], refresh=refresh)
            self._append(seq, identifier, source, vector, visible_at=visible_at)

    def remove(self, identifiers: Iterable[str], *, refresh: bool = False) -> list[bool]:
        """Which of the documents existed; they are gone at once from reads by id, after the delay from searches."""
        known = [self._rows_of.pop(identifier, None) for identifier in identifiers]
        rows = [row for row in known if row is not None]
        gone_at = -NEVER if refresh else now() + self._delay
        for row in rows:
            self._removed[row] = gone_at
        if rows:
            self._removals += len(rows)
            self._settled_at = max(self._settled_at, gone_at)
            self._storage.delete(self._seqs[row] for row in rows)
        return [row is not None for row in known]

    def _append(
        self, seq: int, identifier: str, source: dict[str, Any], vector: Floats | None, *, visible_at: float
    ) -> None:
        row = len(self._ids)
        for name, field in self.fields.items():
            if isinstance(field, vectors.VectorField):
                field.add(row, vector)
                continue
            value = source.get(name.removesuffix(".keyword") if name not in self.properties else name)
            if isinstance(field, TextField):
                field.add(row, " ".join(value) if isinstance(value, list) else None if value is None else str(value))
            else:
                field.add(row, value)
        self._ids.append(identifier)
        self._seqs.append(seq)
        self._added.append(visible_at)
        self._removed.append(NEVER)
        self._rows_of[identifier] = row
        self._settled_at = max(self._settled_at, visible_at)

    # ---- reading -------------------------------------------------------------------------------------------------
    def visible(self) -> Mask | None:
        """The rows that a search sees now; None = every row."""
        moment = now()
        if moment >= self._settled_at and not self._removals:
            return None
        return (np.array(self._added) <= moment) & (np.array(self._removed) > moment)

    def identifier(self, row: int) -> str:
        return self._ids[row]

    def row_of(self, identifier: str) -> int | None:
        return self._rows_of.get(identifier)

    def source(self, row: int, *, with_vector: bool) -> dict[str, Any]:
        source = self._storage.source(self._seqs[row])
        name = self.vector_name
        if with_vector and name is not None:
            field = self.fields[name]
            vector = field.vector(row) if isinstance(field, vectors.VectorField) else None
            if vector is not None:
                source[name] = vector
        return source

    # ---- mapping -------------------------------------------------------------------------------------------------
    def map(self, properties: dict[str, dict[str, Any]]) -> None:
        """Add fields that are new. Documents that are there have no value in them until they are written again.

        Raises:
            ApiError: a second vector field.
        """
        if self.vector_name is not None and any(f["type"] == "knn_vector" for f in properties.values()):
            raise outside("a second knn_vector field in an index")
        self.properties |= properties
        self._storage.update_properties(self.number, self.properties)
        for name, definition in properties.items():
            self._map(name, definition)

    def _map(self, name: str, definition: dict[str, Any]) -> None:
        kind = definition["type"]
        field: Field
        if kind == "text":
            field = TextField()
        elif kind == "knn_vector":
            space = next(s for s in vectors.SPACES if s == space_type(definition))
            field = vectors.VectorField(definition["dimension"], space)
        elif kind in NUMBERS:
            field = NumberField(kind)
        else:
            field = KeywordField()
        for row in range(len(self._ids)):
            field.add(row, None)
        self.fields[name] = field
        for child, subfield in definition.get("fields", {}).items():
            self._map(f"{name}.{child}", subfield)

    def _map_dynamically(self, name: str, value: Any) -> None:
        policy = self.settings.get("mapping.dynamic", "true")
        if policy == "strict":
            reason = f"mapping set to strict, dynamic introduction of [{name}] within [_doc] is not allowed"
            raise bad_request("strict_dynamic_mapping_exception", reason)
        if policy == "false" or value is None or value == []:
            return
        first = value[0] if isinstance(value, list) else value
        if isinstance(first, dict | list):
            raise outside(f"the object or nested list in the field [{name}]")
        definition: dict[str, Any] = {"type": "text", "fields": {"keyword": {"type": "keyword"}}}
        if isinstance(first, bool):
            definition = {"type": "boolean"}
        elif isinstance(first, int | float):
            definition = {"type": "long" if isinstance(first, int) else "float"}
        self.map({name: definition})

    @staticmethod
    def _parse_vector(name: str, value: Any, field: vectors.VectorField) -> Floats:
        try:
            return vectors.parse(value, field.dimension)
        except ValueError as error:
            reason = f"failed to parse field [{name}] of type [knn_vector]: {error}"
            raise ApiError(400, "mapper_parsing_exception", reason) from error


def _check_text(name: str, value: Any) -> None:
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, str | int | float):
            raise bad_request("mapper_parsing_exception", f"failed to parse field [{name}]: {item!r} is no text")
        if isinstance(item, str) and not _is_unicode(item):
            raise bad_request("mapper_parsing_exception", f"failed to parse field [{name}]: lone surrogate")


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)
