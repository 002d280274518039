"""A plan: everything that one way to answer (an option) uses, as usage rows by the rule that makes them grow."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from contracts.money import UsageRow
from cost_reports.metering.meters import UsageRowFactory

#: How a part grows. `once`: never again. `monthly`: every month, whatever is asked. `request`: with each request.
#: `unit`: by whole units, n = max(minimum, ceil(peak requests / capacity)). `awake`: with each request that finds the
#: service asleep, at most a month of it. `refresh`: each time that the knowledge is refreshed.
CostBehavior = Literal["once", "monthly", "request", "unit", "awake", "refresh"]

#: An estimate is of a month of 730 hours; this one chooses the prices that hold.
MONTH_START, MONTH_END = "2026-12-01T00:00:00Z", "2026-12-31T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manual:
    """Money that no price list holds (people, licences), with the source that states it."""

    name: str
    usd: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Part:
    """Usage that grows by one rule. `input` names the uncertain input behind it, for the sensitivity.

    `rows` are the usage of one month, one request, one unit for a month, one awakening or one refresh.
    `capacity` is what one unit answers in a month of average load (peak already taken off); `included` units are paid
    for elsewhere. `cap` is the usage of a whole month awake. `every_months`: cadence of a refresh.
    """

    cost_behavior: CostBehavior
    input: str
    rows: tuple[UsageRow, ...] = ()
    manual: tuple[Manual, ...] = ()
    capacity: Fraction | None = None
    minimum: int = 0
    included: int = 0
    cap: tuple[UsageRow, ...] = ()
    every_months: int = 1

    def __post_init__(self) -> None:
        if self.cost_behavior == "unit" and (self.capacity is None or self.capacity <= 0):
            raise ValueError(f"units of {self.input}: the capacity must be above 0 (got {self.capacity})")
        if self.cost_behavior == "awake" and not self.cap:
            raise ValueError(f"awakenings of {self.input}: the usage of a whole month is missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionName:
    """What tells options apart."""

    approach: str
    variant: str
    setup: str

    @property
    def name(self) -> str:
        """Return `approach / variant / setup`: no two options share it."""
        return f"{self.approach} / {self.variant} / {self.setup}"

    @property
    def phrase(self) -> str:
        """Return the name in a sentence: `rag (rag, nextgen)`."""
        return f"{self.approach} ({self.variant}, {self.setup})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option(OptionName):
    """One way to answer. `interactive`: answers come at once, not within hours."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    interactive: bool = True


def estimate_rows(experiment: str, approach: str, variant: str, region: str) -> UsageRowFactory:
    """Return what makes the usage rows of an option: amounts in the units of their prices, all derived by formulas."""
    return UsageRowFactory(
        experiment=experiment,
        run="estimate",
        approach=approach,
        variant=variant,
        start=MONTH_START,
        end=MONTH_END,
        region=region,
        basis="derived",
    )


def units_needed(requests: int, capacity: Fraction | None, minimum: int, included: int) -> int:
    """Return max(minimum, ceil(requests / capacity)), less the units that are paid for elsewhere."""
    if capacity is None:
        return 0
    needed = -(-requests * capacity.denominator // capacity.numerator)
    return max(0, max(minimum, needed) - included)
