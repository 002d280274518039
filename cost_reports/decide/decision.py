"""What a decision says, as data: decision.json and every rendering of it. Nothing here computes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cost_reports.decide.uncertainty import Chance, Flip
from cost_reports.estimate.plan import OptionName
from cost_reports.run_report.report import Outcome

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The measured share of accepted answers of a variant with its 95 % interval, and the gate's verdict."""

    value: float
    low: float
    high: float
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(OptionName):
    """A variant in its cheapest setup at the stated volume. Money in USD over the horizon; None: not known.

    `at_least`: something in it has no public price, so the costs are the least and the return is the most; the setup is
    the cheapest by what is known. `roi`: (value - cost) / cost. `quality` is the share of accepted answers.
    """

    outcome: Outcome
    quality: float | None
    total_usd: Decimal
    per_request_usd: Decimal
    per_accepted_usd: Decimal | None
    value_usd: Decimal | None
    roi: Decimal | None
    dominated_by: str | None
    point_usd: Decimal | None
    at_least: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """An option that is compared at the least that it costs, because the rate of `what` is not published.

    `amount`: `unit`s of it over the horizon. `price_usd`: what a unit would have to cost for `instead` to be cheaper;
    None where every option that could take its place uses as much of it.
    """

    name: str
    what: str
    unit: str
    amount: Decimal
    why: str
    price_usd: Decimal | None
    instead: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRange:
    """From `low` to `high` requests a month, both included, this option is the cheapest."""

    low: int
    high: int
    approach: str
    variant: str
    setup: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """Two approaches: from each volume of `from_volume` on `cheaper` is cheaper; the first entry is at volume 1.

    `month` is the month, at the stated workload, in which the one with the higher one-time cost has paid for it; None
    where that does not happen within the horizon.
    """

    lower: str
    higher: str
    from_volume: tuple[int, ...]
    cheaper: tuple[str, ...]
    month: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Cost of an approach (its cheapest variant) over the horizon at (requests a month, USD), for a picture."""

    name: str
    approach: str
    points: tuple[tuple[int, Decimal], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """decision.json. `flips_of` is the option whose total `flips` vary: the advised one, else the cheapest.

    Options are compared at what is known of their cost; `bounds` are those of `candidates` that cost more than that,
    and by how much they may, and `at_least` names all such options. `simulated`: what was not measured on AWS, in
    words.
    """

    schema: int
    experiment: str
    requests_per_month: int
    horizon_months: int
    measured: bool
    headline: str
    reasons: tuple[str, ...]
    unknowns: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    cheapest: tuple[VolumeRange, ...]
    cheapest_passing: tuple[VolumeRange, ...]
    break_even: tuple[BreakEven, ...]
    flips_of: str
    flips: tuple[Flip, ...]
    chances: tuple[Chance, ...]
    series: tuple[Series, ...]
    bounds: tuple[Bound, ...]
    at_least: tuple[str, ...]
    simulated: tuple[str, ...]
    seed: int
