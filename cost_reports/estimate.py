"""The estimate: every option of every approach, itemised to usage rows with their prices, and summed up exactly."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from cost_reports.contracts import Confidence, PriceRow, UsageRow
from cost_reports.curve import Curve, Term
from cost_reports.gaps import Gap, gaps
from cost_reports.options import Setting
from cost_reports.options_tuned import all_options
from cost_reports.plan import Growth, Option, Part
from cost_reports.prices import Catalogue
from cost_reports.units import ratio, to_decimal

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line: `amount` of `unit` for one month, request, unit, awakening or refresh (see `growth`), and its price.

    Money without a price list has the service code `(none)`, and the source says who stated it.
    """

    growth: Growth
    driver: str
    service_code: str
    usage_type: str
    operation: str
    amount: Decimal
    unit: str
    formula: str
    price_usd: Decimal | None
    price_unit: str | None
    price_source: str
    price_as_of: str
    confidence: Confidence
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionEstimate:
    """An option's money in USD. `idle_monthly`: a month without any request. `per_1000`: what 1,000 more requests use,
    without steps. `refresh_monthly`: refreshes of the whole horizon, by month. `total` covers the horizon.
    """

    approach: str
    variant: str
    setup: str
    one_time_usd: Decimal
    idle_monthly_usd: Decimal
    per_1000_usd: Decimal
    refresh_monthly_usd: Decimal
    first_month_usd: Decimal
    total_usd: Decimal
    per_request_usd: Decimal
    items: tuple[Item, ...]
    notes: tuple[str, ...]
    unknown: tuple[str, ...]
    low_confidence: bool

    @property
    def name(self) -> str:
        return f"{self.approach} / {self.variant} / {self.setup}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """estimate.json: all options in the order of the ladder; `gaps` are those without an amount, and why."""

    schema: int
    experiment: str
    region: str
    prices_as_of: str
    currency: str
    requests_per_month: int
    horizon_months: int
    requests_in_horizon: int
    generator: str
    embedding: str
    base_model: str
    options: tuple[OptionEstimate, ...]
    gaps: tuple[Gap, ...]


class Quoter:
    """Prices estimated usage at the first tier of each price, exactly; estimates stay far below the second tiers."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._found: dict[tuple[str, str, str, str], tuple[PriceRow, Fraction]] = {}

    def price(self, row: UsageRow) -> tuple[PriceRow, Fraction]:
        """The price of `row`, and what one unit of its amount costs in USD.

        Raises:
            PriceError: there is no price; the message names the row.
        """
        key = (row.service_code, row.usage_type, row.operation, row.unit)
        found = self._found.get(key)
        if found is None:
            price = self.catalogue.price_for(row)
            found = self._found[key] = (price, ratio(row.unit, price.unit, row.start) * Fraction(price.usd))
        return found

    def usd(self, row: UsageRow) -> Fraction:
        """USD of a usage row, not rounded; errors as for `price`."""
        return Fraction(row.amount) * self.price(row)[1]

    def term(self, part: Part) -> Term:
        """The part's money, with the rule by which it grows; errors as for `price`."""
        usd = sum(map(self.usd, part.rows), Fraction(0)) + sum((Fraction(m.usd) for m in part.manual), Fraction(0))
        return Term(
            growth=part.growth,
            driver=part.driver,
            usd=usd,
            capacity=part.capacity,
            minimum=part.minimum,
            included=part.included,
            cap=sum(map(self.usd, part.cap), Fraction(0)),
            every_months=part.every_months,
        )

    def curve(self, option: Option) -> Curve:
        """The cost of an option as a function of volume; errors as for `price`."""
        return Curve(name=option.name, terms=tuple(self.term(part) for part in option.parts))


def estimate(setting: Setting) -> Estimate:
    """Estimate every option.

    Raises:
        PriceError, CapacityError, ContextError, WorkloadError: something asked for has no price, does not fit or is
            impossible; the message names it.
    """
    quoter = Quoter(setting.catalogue)
    return Estimate(
        schema=SCHEMA,
        experiment=setting.experiment,
        region=setting.region,
        prices_as_of=setting.catalogue.as_of,
        currency="USD",
        requests_per_month=setting.workload.requests_per_month,
        horizon_months=setting.workload.horizon_months,
        requests_in_horizon=sum(setting.workload.volumes()),
        generator=setting.generator,
        embedding=setting.embedding,
        base_model=setting.base_model,
        options=tuple(estimate_option(setting, option, quoter) for option in all_options(setting)),
        gaps=tuple(gaps(setting)),
    )


def estimate_option(setting: Setting, option: Option, quoter: Quoter | None = None) -> OptionEstimate:
    """One option; errors as for `estimate`."""
    quoter = quoter or Quoter(setting.catalogue)
    curve = quoter.curve(option)
    volumes = setting.workload.volumes()
    items = tuple(item for part in option.parts for item in _items(quoter, part))
    per_request = sum((t.usd for t in curve.terms if t.growth == "request"), Fraction(0))
    total = curve.total(volumes)
    return OptionEstimate(
        approach=option.approach,
        variant=option.variant,
        setup=option.setup,
        one_time_usd=to_decimal(curve.once),
        idle_monthly_usd=to_decimal(curve.monthly(0)),
        per_1000_usd=to_decimal(per_request * 1000),
        refresh_monthly_usd=to_decimal(curve.refresh(len(volumes)) / len(volumes)),
        first_month_usd=to_decimal(curve.monthly(volumes[0])),
        total_usd=to_decimal(total),
        per_request_usd=to_decimal(total / sum(volumes)) if sum(volumes) else Decimal(0),
        items=items,
        notes=option.notes,
        unknown=option.unknown,
        low_confidence=any(item.confidence == "low" and item.price_usd is not None for item in items),
    )


def _items(quoter: Quoter, part: Part) -> list[Item]:
    found = []
    for row in part.rows:
        price, each = quoter.price(row)
        found.append(
            Item(
                growth=part.growth,
                driver=part.driver,
                service_code=row.service_code,
                usage_type=row.usage_type,
                operation=row.operation,
                amount=to_decimal(Fraction(row.amount)),
                unit=row.unit,
                formula=row.source,
                price_usd=price.usd,
                price_unit=price.unit,
                price_source=price.source,
                price_as_of=price.as_of,
                confidence=price.confidence,
                usd=to_decimal(Fraction(row.amount) * each),
            )
        )
    for manual in part.manual:
        found.append(
            Item(
                growth=part.growth,
                driver=part.driver,
                service_code="(none)",
                usage_type=manual.name,
                operation="",
                amount=Decimal(1),
                unit="",
                formula=manual.source,
                price_usd=None,
                price_unit=None,
                price_source=manual.source,
                price_as_of="",
                confidence="low",
                usd=manual.usd,
            )
        )
    return found
