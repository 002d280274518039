"""The price catalogue: load, check, find the price of a usage row. A price that is not known is an error, never 0."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

from cost_reports.contracts import Confidence, PriceRow, UsageRow
from cost_reports.units import ratio, unit_of
from cost_reports.usage_types import REGION_PREFIXES, plain_model_id

DATA = Path(__file__).parent / "data"
CURRENCY = "USD"
GLOBAL = "global"


class PriceError(ValueError):
    """The catalogue is wrong, or does not know a price. The message names the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What a model takes: tokens of a prompt, and the prompt size above which each token costs more (null = never)."""

    id: str
    max_input_tokens: int
    end_of_life: str | None = None
    long_context_above: int | None = None


def name_of(row: PriceRow | UsageRow) -> str:
    """`AmazonS3 Requests-Tier1`, with the operation where it tells rows apart."""
    return f"{row.service_code} {row.usage_type}" + (f" ({row.operation})" if row.operation else "")


class Catalogue:
    """Prices by service code, usage type and operation, each with its tiers and the days on which it holds."""

    def __init__(self, prices: Sequence[PriceRow], models: Sequence[ModelInfo] = (), as_of: str = "") -> None:
        """Check and index `prices`.

        Raises:
            PriceError: a row lacks source or date, has an unknown unit, region or confidence or an impossible price or
                range, or overlaps another row.
        """
        self.as_of = as_of
        self.prices = tuple(prices)
        self._models = {m.id: m for m in models}
        self._rows: dict[tuple[str, str], list[PriceRow]] = {}
        for row in prices:
            _check(row)
            self._rows.setdefault((row.service_code, row.usage_type), []).append(row)
        for rows in self._rows.values():
            rows.sort(key=lambda r: r.tier_from)
            if other := next((r for r in rows if r.unit != rows[0].unit), None):
                raise PriceError(f"price {name_of(other)} {other.description!r}: unit differs from {rows[0].unit!r}")
            for a, b in combinations(rows, 2):
                if _overlap(a, b):
                    raise PriceError(f"prices overlap: {name_of(a)} {a.description!r} and {b.description!r}")

    @classmethod
    def load(cls, path: Path | None = None) -> Catalogue:
        """The catalogue of `path`, by default the newest that the package ships.

        Raises:
            PriceError: the file is missing, is not a price file or holds a wrong row.
        """
        source = path or newest()
        try:
            data = json.loads(source.read_text(encoding="utf-8"))
        except OSError as error:
            raise PriceError(f"{source}: the price file cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise PriceError(f"{source}: the price file is not JSON: {error}") from error
        if not isinstance(data, dict) or data.get("schema") != 1:
            raise PriceError(f"{source}: this is no price file of schema 1")
        if data.get("currency") != CURRENCY:
            raise PriceError(f"{source}: currency {data.get('currency')!r} is not {CURRENCY}")
        try:
            models = [ModelInfo(**m) for m in data["models"]]
            return cls([price_row(r) for r in data["prices"]], models, data["as_of"])
        except (KeyError, TypeError) as error:
            raise PriceError(f"{source}: a field is missing or unknown: {error}") from error
        except PriceError as error:
            raise PriceError(f"{source}: {error}") from error

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """All models, in the order of the file."""
        return tuple(self._models.values())

    def need_region(self, region: str) -> None:
        """Refuse a region without prices, before a hundred usage rows each lack theirs.

        Raises:
            PriceError: no price is for `region`.
        """
        known = sorted({p.region for p in self.prices} - {GLOBAL})
        if region not in known:
            raise PriceError(
                f"region {region!r} has no prices here; there are prices for {', '.join(known)}"
                " (`ladder prices refresh --region` reads others)"
            )

    def model(self, model_id: str) -> ModelInfo:
        """Limits of a model.

        Raises:
            PriceError: the model is not in the catalogue.
        """
        name = plain_model_id(model_id)
        if name not in self._models:
            near = get_close_matches(name, self._models, n=3, cutoff=0.5)
            hint = f"; the nearest are {', '.join(near)}" if near else ""
            raise PriceError(f"model {model_id!r} has no price{hint} (`ladder prices show Bedrock` lists all)")
        return self._models[name]

    def candidates(self, service_code: str, usage_type: str, operation: str, day: str) -> list[PriceRow]:
        """The tiers, in rising order, that hold for the usage type on `day` (`YYYY-MM-DD`); empty if there are none."""
        return [
            row
            for row in self._rows.get((service_code, usage_type), ())
            if row.operation in ("", operation)
            and (row.effective_from is None or row.effective_from <= day)
            and (row.effective_to is None or day < row.effective_to)
        ]

    def unit_for(self, service_code: str, usage_type: str) -> str | None:
        """The unit in which a usage type is priced; null where the catalogue does not know it."""
        rows = self._rows.get((service_code, usage_type))
        return rows[0].unit if rows else None

    def tiers_for(self, row: UsageRow) -> list[PriceRow]:
        """The tiers of the price of `row`, in rising order, on the day on which the usage began.

        Raises:
            PriceError: there is no price for the usage, or the price is for another kind of unit; never a price of 0.
        """
        tiers = self.candidates(row.service_code, row.usage_type, row.operation, row.start[:10])
        if not tiers:
            known = self._rows.get((row.service_code, row.usage_type))
            why = f"on {row.start[:10]} or for operation {row.operation!r}" if known else "in the catalogue"
            raise PriceError(
                f"no price {why} for {row.service_code} {row.usage_type}: {row.amount} {row.unit}"
                f" (experiment {row.experiment}, run {row.run}, approach {row.approach}, model {row.model})"
            )
        try:
            ratio(row.unit, tiers[0].unit, row.start)
        except ValueError as error:
            raise PriceError(f"usage of {name_of(row)} does not fit its price: {error}") from error
        return tiers

    def price_for(self, row: UsageRow, used: Decimal = Decimal(0)) -> PriceRow:
        """The price of the first unit of `row`, when `used` (in units of the price) of the month are already used.

        Raises:
            PriceError: as for `tiers_for`, or no tier begins at or below `used`.
        """
        for tier in reversed(self.tiers_for(row)):
            if tier.tier_from <= used and (tier.tier_to is None or used < tier.tier_to):
                return tier
        raise PriceError(f"no price tier holds {used} units of {name_of(row)}")


def newest() -> Path:
    """The newest price file that the package ships.

    Raises:
        PriceError: there is none.
    """
    files = sorted(DATA.glob("aws_prices_*.json"))
    if not files:
        raise PriceError(f"{DATA}: no price file aws_prices_<date>.json")
    return files[-1]


def price_row(plain: dict[str, Any]) -> PriceRow:
    """A PriceRow from the values of a price file, numbers as text.

    Raises:
        PriceError: a field is unknown or missing, or a number is none.
    """
    if not isinstance(plain, dict):
        raise PriceError(f"price {plain!r} is no object with fields")
    known = {f.name for f in fields(PriceRow)}
    name = f"{plain.get('service_code')} {plain.get('usage_type')}"
    if unknown := sorted(set(plain) - known):
        raise PriceError(f"price {name}: unknown field {unknown[0]!r}")
    values = dict(plain)
    for number in ("usd", "tier_from", "tier_to"):
        if values.get(number) is not None:
            if not isinstance(values[number], str):
                raise PriceError(f"price {name}: {number} must be a decimal number written as text")
            try:
                values[number] = Decimal(values[number])
            except InvalidOperation as error:
                raise PriceError(f"price {name}: {number} {values[number]!r} is no number") from error
    try:
        return PriceRow(**values)
    except TypeError as error:
        raise PriceError(f"price {name}: {error}") from error


def _check(row: PriceRow) -> None:
    def wrong(what: str) -> PriceError:
        return PriceError(f"price {name_of(row)} {row.description!r}: {what}")

    for name in ("service_code", "usage_type", "source", "as_of"):
        if not str(getattr(row, name) or "").strip():
            raise wrong(f"{name} is missing")
    for name in ("service_code", "usage_type", "operation", "unit", "region", "source", "as_of"):
        if not isinstance(getattr(row, name), str):
            raise wrong(f"{name} {getattr(row, name)!r} is no text")
    for name in ("effective_from", "effective_to"):
        if (day := getattr(row, name)) is not None and not _is_date(day):
            raise wrong(f"{name} {day!r} is no date; write YYYY-MM-DD")
    if not row.usd.is_finite() or row.usd < 0:
        raise wrong(f"usd {row.usd} is not a price")
    if row.region != GLOBAL and row.region not in REGION_PREFIXES:
        raise wrong(f"region {row.region!r} is unknown")
    if row.confidence not in get_args(Confidence):
        raise wrong(f"confidence {row.confidence!r} is unknown")
    if row.tier_from < 0 or (row.tier_to is not None and row.tier_to <= row.tier_from):
        raise wrong(f"tier {row.tier_from} to {row.tier_to} is empty")
    if row.effective_from and row.effective_to and row.effective_to <= row.effective_from:
        raise wrong(f"dates {row.effective_from} to {row.effective_to} are empty")
    try:
        unit_of(row.unit)
    except ValueError as error:
        raise wrong(str(error)) from error


def _is_date(text: object) -> bool:
    try:
        return isinstance(text, str) and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _overlap(a: PriceRow, b: PriceRow) -> bool:
    operations = a.operation == b.operation or not a.operation or not b.operation
    tiers = (a.tier_to is None or b.tier_from < a.tier_to) and (b.tier_to is None or a.tier_from < b.tier_to)
    first = a.effective_to is None or (b.effective_from or "") < a.effective_to
    second = b.effective_to is None or (a.effective_from or "") < b.effective_to
    return operations and tiers and first and second
