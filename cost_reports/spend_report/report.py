"""The spend report, as data: what an experiment was billed, beside what was estimated and metered. Nothing computes.

Money is USD as Decimal, written to JSON as text. Days are UTC, ends exclusive. `SCHEMA` changes whenever a field
changes its meaning or goes away.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from contracts.json_codec import from_jsonable
from cost_reports.compare.split import Split

SCHEMA = 1
KIND = "spend"

DayState = Literal["final", "estimated", "not yet billed", "not tagged then", "unknown"]
"""`final`: billed and its month is closed; `estimated`: billed, AWS may still restate it; `not tagged then`: something
was metered and no usage on the bill carries the experiment's tag; `unknown`: billing could not be read."""
TagState = Literal["active", "not activated", "not billed yet", "cannot activate", "unknown"]
BilledSource = Literal["billed-ce", "billed-export"]
BilledState = Literal["complete", "partial", "no data yet", "tag not activated", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A request to AWS that was refused, or a run that could not be read.

    Which one, AWS's code, and one line of what it means and what to do.
    """

    request: str
    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the report is about. `requests` are those that AWS charges for, `cached` those answered from the cache."""

    experiment: str
    description: str
    account: str | None
    window_start: str
    window_end: str
    as_of: str
    source: BilledSource
    state: BilledState
    state_text: str
    currency: str
    simulated: tuple[str, ...]
    requests: int
    cached_requests: int
    request_usd: Decimal
    prices_as_of: str
    runs: tuple[str, ...]
    previous_report: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One UTC day of the window. An amount of None is not known.

    Billed: billing has not reached the day, or cannot tell what it billed for the experiment. That is not the same as
    0.
    """

    day: str
    state: DayState
    billed_usd: Decimal | None
    metered_usd: Decimal | None
    estimated_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A cost-allocation tag key and whether billing groups by it."""

    key: str
    state: TagState
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCosts:
    """Billed usage of an approach over what it gave in the window. None where there was nothing to divide by."""

    answers: int
    accepted: int | None
    tokens: int
    per_1000_answers_usd: Decimal | None
    per_1m_tokens_usd: Decimal | None
    per_accepted_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproachSpend:
    """One approach, the costs that all share (`shared`), or (None) what carries no approach.

    `split` explains billed - estimated, `against_metered` explains billed - metered. An amount of None is not known.
    """

    approach: str | None
    estimated_usd: Decimal | None
    metered_usd: Decimal | None
    billed_usd: Decimal | None
    split: Split | None
    against_metered: Split | None
    unit_costs: UnitCosts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendLine:
    """One line of billed against metered: quantities in `unit`; None on a side that does not know the line."""

    approach: str | None
    service_code: str | None
    usage_type: str | None
    unit: str | None
    metered_quantity: Decimal | None
    billed_quantity: Decimal | None
    metered_usd: Decimal
    billed_usd: Decimal
    difference_usd: Decimal
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Billed usage of one day and one approach, for the trend (no credits, refunds, tax). No approach: untagged."""

    day: str
    approach: str | None
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakdownLine:
    """A line of a breakdown. No `approach`: untagged, or a grouping that is not by approach."""

    name: str
    approach: str | None
    quantity: Decimal | None
    unit: str | None
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendBreakdown:
    """The experiment's bill by one grouping (`service`, `usage type`, `model`, `record type`); never add two.

    Not `complete`: the grouping covers some services only (models: Amazon Bedrock).
    """

    by: str
    complete: bool
    lines: tuple[BreakdownLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Untagged:
    """Usage of the whole account without `cost-cell`; `share` is a percentage of all usage, None of nothing."""

    usd: Decimal
    account_usage_usd: Decimal
    share: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BedrockMeters:
    """The same Bedrock money by two tags: of the inference profile and of the calling role. Compare, never add."""

    approach: str
    by_profile_usd: Decimal | None
    by_role_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Month to date against forecast and budget. `method` says who made the forecast and from what."""

    period: str
    to_date_usd: Decimal
    forecast_usd: Decimal | None
    forecast_low_usd: Decimal | None
    forecast_high_usd: Decimal | None
    interval_percent: int
    method: str
    budget_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """What changed most against the equally long period before: USD of then and now."""

    name: str
    approach: str | None
    before_usd: Decimal
    now_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """A day whose spend of one approach lies far above its own usual days."""

    day: str
    approach: str | None
    usd: Decimal
    usual_usd: Decimal
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """A day that AWS had billed differently when the last report was made. None: the day was, or is, not there."""

    day: str
    approach: str | None
    before_usd: Decimal | None
    now_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendReport:
    """report.json of `reports/<experiment>/<date>/`; `kind` tells it from the report of a run.

    Metered and estimated money is at the precision of the bill; `rounding_usd` is what that added to the metered money.
    A total of None is not known, and nothing is compared with it.
    """

    schema: int
    kind: str
    header: Header
    headline: str
    total_estimated_usd: Decimal | None
    total_metered_usd: Decimal | None
    total_billed_usd: Decimal | None
    split: Split | None
    against_metered: Split | None
    rounding_usd: Decimal | None
    approaches: tuple[ApproachSpend, ...]
    lines: tuple[SpendLine, ...]
    days: tuple[Day, ...]
    trend: tuple[Cell, ...]
    breakdowns: tuple[SpendBreakdown, ...]
    untagged: Untagged | None
    bedrock_meters: tuple[BedrockMeters, ...]
    month: Month | None
    movers: tuple[Mover, ...]
    anomalies: tuple[Anomaly, ...]
    restatements: tuple[Restatement, ...]
    tags: tuple[Tag, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]


def spend_from_json(data: Any) -> SpendReport:
    """Return the report whose JSON `contracts.json_codec.to_json` wrote; `data` is what `json.loads` gave.

    Raises:
        ValueError: it is of another kind or schema, or a field is wrong; the message names it.
    """
    kind, schema = (data.get("kind"), data.get("schema")) if isinstance(data, dict) else (None, None)
    if (kind, schema) != (KIND, SCHEMA):
        raise ValueError(f"spend report: kind {KIND!r} and schema {SCHEMA} are needed, not {kind!r} and {schema!r}")
    return from_jsonable(SpendReport, data, "spend report")
