"""Fields that filters and sorting read: keywords and numbers, one value for each row, None where a row has none."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np

from offline.opensearch.bm25 import Mask
from offline.opensearch.errors import bad_request

SortValue = str | int | float | None


class KeywordField:
    """Value -> rows, and row -> values. A document may give one text or a list of texts."""

    def __init__(self) -> None:
        self._rows: dict[str, array[int]] = {}
        self._values: list[str | tuple[str, ...] | None] = []

    def add(self, row: int, value: Any) -> None:
        """Append the row. Rows come in order, without gaps."""
        if row != len(self._values):
            raise ValueError(f"row {row} does not follow row {len(self._values) - 1}")
        texts = [] if value is None else value if isinstance(value, list) else [value]
        kept: list[str] = []
        for text in dict.fromkeys(_text(t) for t in texts):
            rows = self._rows.get(text)
            if rows is None:
                rows = self._rows[text] = array("i")
            rows.append(row)
            kept.append(text)
        self._values.append(kept[0] if len(kept) == 1 else tuple(kept) or None)

    def matching(self, values: Iterable[Any], size: int) -> Mask:
        """The rows that hold one of `values`."""
        mask = np.zeros(size, np.bool_)
        for value in values:
            rows = self._rows.get(_text(value))
            if rows is not None:
                mask[np.array(rows)] = True
        return mask

    def sort_value(self, row: int) -> SortValue:
        value = self._values[row]
        return min(value) if isinstance(value, tuple) else value


class NumberField:
    """A column of numbers. Whole-number types refuse fractions."""

    def __init__(self, kind: str) -> None:
        self._whole = kind in ("integer", "long")
        self._values = array("d")

    def parse(self, value: Any) -> float | None:
        """Raises ApiError where `value` is no number of this type."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise bad_request("mapper_parsing_exception", f"failed to parse the number {value!r}")
        if self._whole and value != int(value):
            raise bad_request("mapper_parsing_exception", f"{value!r} is not a whole number")
        return float(value)

    def add(self, row: int, value: Any) -> None:
        """Append the row. Rows come in order, without gaps."""
        if row != len(self._values):
            raise ValueError(f"row {row} does not follow row {len(self._values) - 1}")
        number = self.parse(value)
        self._values.append(math.nan if number is None else number)

    def matching(self, values: Iterable[Any], size: int) -> Mask:
        wanted = [self.parse(value) for value in values]
        return np.isin(np.array(self._values), [v for v in wanted if v is not None])[:size]

    def within(self, bounds: dict[str, Any]) -> Mask:
        """The rows inside `bounds`: gt, gte, lt, lte. A row without a number is in no range."""
        column = np.array(self._values)
        mask: Mask = ~np.isnan(column)
        for name, bound in bounds.items():
            number = self.parse(bound)
            if number is None or name not in ("gt", "gte", "lt", "lte"):
                raise bad_request("parsing_exception", f"[range] query does not support [{name}: {bound!r}]")
            compare = {"gt": np.greater, "gte": np.greater_equal, "lt": np.less, "lte": np.less_equal}[name]
            mask &= compare(column, number)
        return mask

    def sort_value(self, row: int) -> SortValue:
        value = self._values[row]
        if math.isnan(value):
            return None
        return int(value) if self._whole else value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise bad_request("mapper_parsing_exception", f"a text is needed, not {value!r}")
