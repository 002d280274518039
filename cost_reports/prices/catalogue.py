"""The price catalogue: load, check, find the price of a usage row. A price that is not known is an error, never 0."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import Any

from contracts.aws_names import plain_model_id
from contracts.money import PriceRow, UsageRow
from contracts.units import ratio
from cost_reports.prices.rows import (
    GLOBAL,
    PriceError,
    Unpublished,
    build,
    check,
    name_of,
    overlap,
    price_row,
    unpublished_row,
)

__all__ = ["GLOBAL", "PriceError", "Unpublished", "name_of", "price_row"]

DATA = Path(__file__).parent / "data"
CURRENCY = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What a model takes: tokens of a prompt, and the prompt size above which each token costs more (None: never)."""

    id: str
    max_input_tokens: int
    end_of_life: str | None = None
    long_context_above: int | None = None


def model_info(plain: Any) -> ModelInfo:
    """Return a ModelInfo from the values of a price file.

    Raises:
        PriceError: a field is missing or unknown, or has the wrong type.
    """
    info = build(ModelInfo, plain, f"model {plain.get('id') if isinstance(plain, dict) else None}")
    for name, kind in (("id", str), ("max_input_tokens", int), ("end_of_life", str), ("long_context_above", int)):
        value = getattr(info, name)
        optional = value is None and name in ("end_of_life", "long_context_above")
        if not optional and (isinstance(value, bool) or not isinstance(value, kind)):
            kind_name = "text" if kind is str else "a whole number"
            raise PriceError(f"model {info.id}: {name} must be {kind_name} (got {value!r})")
    return info


class Catalogue:
    """Prices by service code, usage type and operation, each with its tiers and the days on which it holds.

    `unpublished` are the usage types that are known to have no public price.
    """

    def __init__(
        self,
        prices: Sequence[PriceRow],
        models: Sequence[ModelInfo] = (),
        as_of: str = "",
        unpublished: Sequence[Unpublished] = (),
    ) -> None:
        """Check and index `prices`.

        Raises:
            PriceError: a row lacks source or date, has an unknown unit, region or confidence or an impossible price or
                range, or overlaps another row; or a usage type has a price and stands among the unpublished too.
        """
        self.as_of = as_of
        self.prices = tuple(prices)
        self.unpublished = tuple(unpublished)
        self._models = {m.id: m for m in models}
        self._rows: dict[tuple[str, str], list[PriceRow]] = {}
        for row in prices:
            check(row)
            self._rows.setdefault((row.service_code, row.usage_type), []).append(row)
        for rows in self._rows.values():
            rows.sort(key=lambda r: r.tier_from)
            if other := next((r for r in rows if r.unit != rows[0].unit), None):
                raise PriceError(f"price {name_of(other)} {other.description!r}: unit differs from {rows[0].unit!r}")
            for a, b in combinations(rows, 2):
                if overlap(a, b):
                    raise PriceError(f"prices overlap: {name_of(a)} {a.description!r} and {b.description!r}")
        self._unpublished = {(u.service_code, u.usage_type): u for u in unpublished}
        for key in self._unpublished.keys() & self._rows.keys():
            raise PriceError(f"{' '.join(key)} has a price and stands among the unpublished rates: take one away")

    @classmethod
    def load(cls, path: Path | None = None) -> Catalogue:
        """Return the catalogue of `path`, by default the newest that the package ships.

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
            raise PriceError(f"{source}: not a price file of schema 1")
        if data.get("currency") != CURRENCY:
            raise PriceError(f"{source}: currency must be {CURRENCY} (got {data.get('currency')!r})")
        try:
            models = [model_info(m) for m in data["models"]]
            unpublished = [unpublished_row(r) for r in data.get("unpublished", ())]
            if not isinstance(data["as_of"], str):
                raise PriceError(f"as_of must be text (got {data['as_of']!r})")
            return cls([price_row(r) for r in data["prices"]], models, data["as_of"], unpublished)
        except (KeyError, TypeError) as error:
            raise PriceError(f"{source}: a field is missing or unknown: {error}") from error
        except PriceError as error:
            raise PriceError(f"{source}: {error}") from error

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """Return all models, in the order of the file."""
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
        """Return the limits of a model.

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
        """Return the tiers, in rising order, that hold for the usage type on `day` (`YYYY-MM-DD`)."""
        return [
            row
            for row in self._rows.get((service_code, usage_type), ())
            if row.operation in ("", operation)
            and (row.effective_from is None or row.effective_from <= day)
            and (row.effective_to is None or day < row.effective_to)
        ]

    def unit_for(self, service_code: str, usage_type: str) -> str | None:
        """Return the unit in which a usage type is priced; None where the catalogue does not know it."""
        rows = self._rows.get((service_code, usage_type))
        return rows[0].unit if rows else None

    def unpublished_for(self, row: UsageRow) -> Unpublished | None:
        """Return what is known of the rate of `row` where it is not published; None where it is, or is not known."""
        return self._unpublished.get((row.service_code, row.usage_type))

    def tiers_for(self, row: UsageRow) -> list[PriceRow]:
        """Return the tiers of the price of `row`, in rising order, on the day on which the usage began.

        Raises:
            PriceError: there is no price for the usage, or the price is for another kind of unit; never a price of 0.
        """
        tiers = self.candidates(row.service_code, row.usage_type, row.operation, row.start[:10])
        if not tiers:
            known = self._rows.get((row.service_code, row.usage_type))
            if (rate := self.unpublished_for(row)) is not None:
                raise PriceError(f"no public price of {rate.name}: {rate.why}")
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
        """Return the price of the first unit of `row`, when `used` (in units of the price) of the month are used.

        Raises:
            PriceError: there is no price for the usage or its unit, or no tier begins at or below `used`.
        """
        for tier in reversed(self.tiers_for(row)):
            if tier.tier_from <= used and (tier.tier_to is None or used < tier.tier_to):
                return tier
        raise PriceError(f"no price tier holds {used} units of {name_of(row)}")


def newest() -> Path:
    """Return the newest price file that the package ships.

    Raises:
        PriceError: the package ships no file.
    """
    files = sorted(DATA.glob("aws_prices_*.json"))
    if not files:
        raise PriceError(f"{DATA}: no price file aws_prices_<date>.json")
    return files[-1]
