"""Fields that filters and sorting read: keywords and numbers, one value for each row, None where a row has none."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np

from offline.opensearch.bm25 import Mask
from offline.opensearch.errors import bad_mapping, bad_request

_COMPARISONS = {"gt": np.greater, "gte": np.greater_equal, "lt": np.less, "lte": np.less_equal}


class KeywordField:
    """Value -> rows, and row -> values. A document may give one text or a list of texts."""

    def __init__(self) -> None:
        self._rows: dict[str, array[int]] = {}
        self._values: list[str | tuple[str, ...] | None] = []

    def add(self, value: Any) -> None:
        """Append a row."""
        given = [] if value is None else value if isinstance(value, list) else [value]
        texts = list(dict.fromkeys(_text(text) for text in given))
        for text in texts:
            self._rows.setdefault(text, array("i")).append(len(self._values))
        self._values.append(texts[0] if len(texts) == 1 else tuple(texts) or None)

    def matching(self, values: Iterable[Any]) -> Mask:
        """Return the rows that hold one of `values`."""
        mask = np.zeros(len(self._values), np.bool_)
        for value in values:
            rows = self._rows.get(_text(value))
            if rows is not None:
                mask[np.array(rows)] = True
        return mask

    def sort_value(self, row: int) -> str | None:
        value = self._values[row]
        return min(value) if isinstance(value, tuple) else value


class NumberField:
    """A column of numbers. Types of whole numbers refuse fractions."""

    def __init__(self, kind: str) -> None:
        self._whole = kind in ("integer", "long")
        self._values = array("d")

    def parse(self, value: Any) -> float:
        """Return a number; not-a-number for None.

        Raises:
            ApiError: `value` is not a number of this type.
        """
        if value is None:
            return math.nan
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise bad_mapping(f"failed to parse the number {value!r}")
        if self._whole and value != int(value):
            raise bad_mapping(f"{value!r} is not a whole number")
        return float(value)

    def add(self, value: Any) -> None:
        """Append a row."""
        self._values.append(self.parse(value))

    def matching(self, values: Iterable[Any]) -> Mask:
        """Return the rows that hold one of `values`."""
        return np.isin(np.array(self._values), [self.parse(value) for value in values])

    def within(self, bounds: dict[str, Any]) -> Mask:
        """Return the rows inside `bounds`: gt, gte, lt, lte. A row without a number is outside every range."""
        column = np.array(self._values)
        mask: Mask = ~np.isnan(column)
        for name, bound in bounds.items():
            if name not in _COMPARISONS or bound is None:
                raise bad_request("parsing_exception", f"[range] query does not support [{name}: {bound!r}]")
            mask &= _COMPARISONS[name](column, self.parse(bound))
        return mask


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise bad_mapping(f"a text is needed, not {value!r}")
