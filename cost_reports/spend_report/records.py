"""What a spend report is made of: billed rows, metered and estimated charges, states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from contracts.money import ChargeRow
from cost_reports.spend_report.report import BilledSource, Failure, Restatement, Tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """UTC days, `end` exclusive."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"window ends on {self.end} (exclusive), not after its start {self.start}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """USD from today to the end of the month (month to date not included), as AWS forecast it, with its interval."""

    usd: Decimal
    low_usd: Decimal
    high_usd: Decimal
    interval_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """What billing said about a window. `rows` hold every grouping, of all experiments and untagged usage.

    `through` is the last day that billing has reached, if any. `failures`: requests that AWS refused; the groupings
    that they would have given are missing. That is not the same as zero.
    """

    source: BilledSource
    account: str | None
    rows: Sequence[ChargeRow]
    through: date | None
    forecast: Forecast | None = None
    requests: int = 0
    cached_requests: int = 0
    request_usd: Decimal = Decimal(0)
    failures: Sequence[Failure] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What an approach gave in the window: answers without errors, accepted ones (None: not measured), tokens."""

    answers: int
    accepted: int | None
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRecords:
    """Everything that `build_spend` needs.

    `metered` and `estimated` are charges of the window's runs by day; None: not known, not the same as nothing.
    `unread`: runs of the window that could not be read; their money is in neither. `exported`: what billing exports say
    of the same days, beside Cost Explorer.
    """

    experiment: str
    description: str
    window: Window
    as_of: str
    billed: Billed
    exported: Billed | None = None
    metered: Sequence[ChargeRow] | None
    estimated: Sequence[ChargeRow] | None
    prices_as_of: str
    runs: Sequence[str]
    unread: Sequence[Failure] = ()
    outputs: Mapping[str, Output] = field(default_factory=dict)
    tags: Sequence[Tag] = ()
    restatements: Sequence[Restatement] = ()
    previous_report: str | None = None
    budget_usd: Decimal | None = None
    simulated: Sequence[str] = ()
    notes: Sequence[str] = ()
