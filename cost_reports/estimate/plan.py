"""A plan: everything that one way to answer (an option) will use, as usage rows by the rule that makes them grow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from contracts.money import UsageRow
from contracts.units import WIDE
from cost_reports.prices.usage_types import token_usage, usage_type

#: How a part grows. `once`: never again. `monthly`: every month, whatever is asked. `request`: with each request.
#: `unit`: by whole units, n = max(minimum, ceil(peak requests / capacity)). `awake`: with each request that finds the
#: service asleep, at most a month of it. `refresh`: each time that the knowledge is refreshed.
Growth = Literal["once", "monthly", "request", "unit", "awake", "refresh"]

EPOCH_START, EPOCH_END = "2026-12-01T00:00:00Z", "2026-12-31T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manual:
    """Money that no price list holds (people, licences), with who says so."""

    name: str
    usd: Decimal
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Usage that grows by one rule. `driver` names the uncertain input behind it, for the sensitivity.

    `rows` are the usage of one month, one request, one unit for a month, one awakening or one refresh.
    `capacity` is what one unit answers in a month of average load (peak already taken off); `included` units are paid
    for elsewhere. `cap` is the usage of a whole month awake. `every_months`: cadence of a refresh.
    """

    growth: Growth
    driver: str
    rows: tuple[UsageRow, ...] = ()
    manual: tuple[Manual, ...] = ()
    capacity: Fraction | None = None
    minimum: int = 0
    included: int = 0
    cap: tuple[UsageRow, ...] = ()
    every_months: int = 1

    def __post_init__(self) -> None:
        if self.growth == "unit" and (self.capacity is None or self.capacity <= 0):
            raise ValueError(f"units of {self.driver} need a capacity above 0, not {self.capacity}")
        if self.growth == "awake" and not self.cap:
            raise ValueError(f"awakenings of {self.driver} need the usage of a whole month")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One way to answer. `interactive`: answers come at once, not within hours."""

    approach: str
    variant: str
    setup: str
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    interactive: bool = True

    @property
    def name(self) -> str:
        """`approach / variant / setup`, which no two options share."""
        return f"{self.approach} / {self.variant} / {self.setup}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRowFactory:
    """Makes usage rows of one option for an estimate: a month of 730 hours, amounts in the units of their prices."""

    experiment: str
    approach: str
    variant: str
    region: str

    def row(
        self,
        service_code: str,
        name: str,
        operation: str,
        amount: int | Decimal | Fraction,
        unit: str,
        source: str,
        model: str | None = None,
    ) -> UsageRow:
        """A row of a usage type `name`, without its region prefix."""
        return self.exact(
            service_code, usage_type(service_code, name, self.region), operation, amount, unit, source, model
        )

    def tokens(self, model: str, meter: str, amount: int | Fraction, source: str) -> UsageRow:
        """Tokens of one meter of a Bedrock model."""
        service, kind, operation = token_usage(model, meter, self.region)
        return self.exact(service, kind, operation, amount, "tokens", source, model)

    def exact(
        self,
        service_code: str,
        kind: str,
        operation: str,
        amount: int | Decimal | Fraction,
        unit: str,
        source: str,
        model: str | None = None,
    ) -> UsageRow:
        """A row of a full usage type, as it stands in the price list."""
        return UsageRow(
            experiment=self.experiment,
            run="estimate",
            approach=self.approach,
            variant=self.variant,
            start=EPOCH_START,
            end=EPOCH_END,
            service_code=service_code,
            usage_type=kind,
            operation=operation,
            amount=_decimal(amount),
            unit=unit,
            basis="derived",
            source=source,
            model=model,
        )


def scaled(row: UsageRow, factor: int | Fraction) -> UsageRow:
    """`row` with `factor` times its amount."""
    return replace(row, amount=_decimal(Fraction(row.amount) * factor))


def _decimal(amount: int | Decimal | Fraction) -> Decimal:
    """60 significant digits: exact for whole numbers and decimals, far beyond any price for thirds."""
    if isinstance(amount, Fraction):
        return WIDE.divide(Decimal(amount.numerator), Decimal(amount.denominator))
    return Decimal(amount)
