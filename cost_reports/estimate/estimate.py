"""The estimate: every option of every approach, itemised to usage rows with their prices, and summed up exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from contracts.money import Confidence, UsageRow
from contracts.units import MONEY, WIDE, exact_total, to_decimal
from cost_reports.decide.curve import Curve
from cost_reports.estimate.assumptions import ASSUMPTIONS
from cost_reports.estimate.gaps import Gap, gaps
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.options.ladder import all_options
from cost_reports.estimate.plan import CostBehavior, Manual, Option, OptionName, Part
from cost_reports.prices.catalogue import Unpublished
from cost_reports.prices.quote import Quoter, Unknown

SCHEMA = 1
#: How sure the price of a line is. `assumed`: stated without a price list. `unknown`: not published.
Sureness = Literal["high", "medium", "low", "assumed", "unknown"]
#: The least sure last.
CONFIDENCES: tuple[Confidence, ...] = ("high", "medium", "low")
#: Rule of growth -> the sums of an option that lack what grows by it.
LACKING: dict[CostBehavior, tuple[str, ...]] = {
    "once": ("one_time_usd",),
    "monthly": ("fixed_monthly_usd", "idle_monthly_usd", "first_month_usd"),
    "request": ("per_1000_usd", "first_month_usd"),
    "unit": ("fixed_monthly_usd", "idle_monthly_usd", "first_month_usd"),
    "awake": ("fixed_monthly_usd", "first_month_usd"),
    "refresh": ("refresh_monthly_usd",),
}
IN_ALL = ("total_usd", "per_request_usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line: `amount` of `unit` for one month, request, unit, awakening or refresh (see `growth`), and its price.

    Money without a price list has the service code `(none)`, and the source says who stated it. Where the price is not
    published, price and USD are None: the source says what is known instead, and the line is in no sum.
    """

    growth: CostBehavior
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
    confidence: Sureness
    usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionEstimate(OptionName):
    """An option's money in USD. `fixed_monthly`: what the first month costs beside what each request uses (what is kept
    running or awake, in whole units). `per_1000`: what 1,000 more requests use, without steps. So `first_month` =
    `fixed_monthly` + requests / 1,000 x `per_1000`. `refresh_monthly`: refreshes of the whole horizon, by month.
    `idle_monthly`: a month without any request. `total` covers the horizon.

    `unknown` names what has no public price; it is in no sum, and the sums that lack it are named in `at_least`: they
    are what the option costs at least. `confidence` is that of its least sure price.
    """

    one_time_usd: Decimal
    fixed_monthly_usd: Decimal
    per_1000_usd: Decimal
    refresh_monthly_usd: Decimal
    idle_monthly_usd: Decimal
    first_month_usd: Decimal
    total_usd: Decimal
    per_request_usd: Decimal
    items: tuple[Item, ...]
    notes: tuple[str, ...]
    unknown: tuple[str, ...]
    at_least: tuple[str, ...]
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """An assumption as it was used; `stated`: the user put it in place of the assumed value. `low` to `high`: range."""

    name: str
    value: Decimal
    low: Decimal
    high: Decimal
    unit: str
    why: str
    stated: bool


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
    assumptions: tuple[Assumed, ...]


def estimate(inputs: EstimateInputs) -> Estimate:
    """Estimate every option.

    Raises:
        PriceError, CapacityError, ContextError, WorkloadError: something asked for has no price, does not fit or is
            impossible; the message names it.
    """
    quoter = Quoter(inputs.catalogue)
    return Estimate(
        schema=SCHEMA,
        experiment=inputs.experiment,
        region=inputs.region,
        prices_as_of=inputs.catalogue.as_of,
        currency="USD",
        requests_per_month=inputs.workload.requests_per_month,
        horizon_months=inputs.workload.horizon_months,
        requests_in_horizon=sum(inputs.workload.volumes()),
        generator=inputs.generator,
        embedding=inputs.embedding,
        base_model=inputs.base_model,
        options=tuple(estimate_option(inputs, option, quoter) for option in all_options(inputs)),
        gaps=tuple(gaps(inputs)),
        assumptions=tuple(_assumptions(inputs)),
    )


def _assumptions(inputs: EstimateInputs) -> list[Assumed]:
    return [
        Assumed(
            name=name,
            value=to_decimal(inputs.value(name)),
            low=to_decimal(a.low),
            high=to_decimal(a.high),
            unit=a.unit,
            why=a.why,
            stated=name in inputs.assumed,
        )
        for name, a in ASSUMPTIONS.items()
    ]


def estimate_option(inputs: EstimateInputs, option: Option, quoter: Quoter | None = None) -> OptionEstimate:
    """Estimate one option. Errors as in `estimate`."""
    quoter = quoter or Quoter(inputs.catalogue)
    usds = [quoter.usds(part.rows) for part in option.parts]
    terms = tuple(quoter.term(part, known) for part, known in zip(option.parts, usds, strict=True))
    curve = Curve(name=option.name, terms=terms)
    volumes = inputs.workload.volumes()
    items = tuple(i for part, known in zip(option.parts, usds, strict=True) for i in _items(quoter, part, known))
    unknown = quoter.unknown(option)
    per_request = exact_total(t.usd for t in terms if t.cost_behavior == "request")
    first_month, total = curve.monthly(volumes[0]), curve.total(volumes)
    return OptionEstimate(
        approach=option.approach,
        variant=option.variant,
        setup=option.setup,
        one_time_usd=to_decimal(curve.once),
        fixed_monthly_usd=to_decimal(first_month - per_request * volumes[0]),
        per_1000_usd=to_decimal(per_request * 1000),
        refresh_monthly_usd=to_decimal(curve.refresh(len(volumes)) / len(volumes)),
        idle_monthly_usd=to_decimal(curve.monthly(0)),
        first_month_usd=to_decimal(first_month),
        total_usd=to_decimal(total),
        per_request_usd=to_decimal(total / sum(volumes)) if sum(volumes) else Decimal(0),
        items=items,
        notes=option.notes,
        unknown=tuple(f"{u.rate.name}: {u.rate.why}" for u in unknown),
        at_least=_at_least(unknown),
        confidence=[c for c in CONFIDENCES if any(i.confidence == c for i in items)][-1],
    )


def _at_least(unknown: Iterable[Unknown]) -> tuple[str, ...]:
    """Return the sums that lack something, in the order of the fields."""
    lacking = {name for u in unknown for behavior in u.cost_behaviors for name in (*LACKING[behavior], *IN_ALL)}
    return tuple(name for name in OptionEstimate.__dataclass_fields__ if name in lacking)


def _items(quoter: Quoter, part: Part, usds: Sequence[Fraction | None]) -> list[Item]:
    priced = [_item(quoter, part, row, usd) for row, usd in zip(part.rows, usds, strict=True)]
    return [*priced, *(_manual_item(part, manual) for manual in part.manual)]


def _item(quoter: Quoter, part: Part, row: UsageRow, usd: Fraction | None) -> Item:
    quote = quoter.quote(row)
    if isinstance(quote, Unpublished):
        price, source, as_of = None, f"no public price: {quote.why}", quote.as_of
    else:
        price, source, as_of = quote[0], quote[0].source, quote[0].as_of
    return Item(
        growth=part.cost_behavior,
        driver=part.input,
        service_code=row.service_code,
        usage_type=row.usage_type,
        operation=row.operation,
        amount=WIDE.quantize(row.amount, MONEY),
        unit=row.unit,
        formula=row.source,
        price_usd=price.usd if price else None,
        price_unit=price.unit if price else None,
        price_source=source,
        price_as_of=as_of,
        confidence=price.confidence if price else "unknown",
        usd=None if usd is None else to_decimal(usd),
    )


def _manual_item(part: Part, manual: Manual) -> Item:
    return Item(
        growth=part.cost_behavior,
        driver=part.input,
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
        confidence="assumed",
        usd=manual.usd,
    )
