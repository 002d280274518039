"""The report of one run, as data: what report.json holds and what every rendering shows. Nothing here computes.

Money is USD as Decimal, written to JSON as text. Quality values, latencies and p-values are plain numbers. Times are
UTC, ISO 8601, ends exclusive. `SCHEMA` changes whenever a field changes its meaning or goes away.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from contracts.json_codec import from_jsonable
from contracts.run import AnswerClass
from cost_reports.run_report.variance import Variance

SCHEMA = 1
Outcome = Literal["pass", "fail", "uncertain", "not measured"]
State = Literal["complete", "partial", "no data yet", "not estimated", "tag not activated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """How complete one source of money is, in one word and in a sentence."""

    source: Literal["estimated", "metered", "billed"]
    state: State
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """What was measured, when, with what. `window_*` span the metered usage; None where nothing was metered."""

    experiment: str
    description: str
    run: str
    profile: str
    region: str
    window_start: str | None
    window_end: str | None
    as_of: str
    prices_as_of: str
    currency: str
    embedded: bool
    simulated: tuple[str, ...]
    models: dict[str, str]
    model_hashes: dict[str, str]
    seeds: dict[str, int]
    versions: dict[str, str]
    git_commit: str | None
    input_sha256: str
    questions: int
    sources: tuple[SourceState, ...]
    report_requests: int
    report_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric over the `n` questions of `split` (`all` = every question), with its 95 % interval.

    The split of a figure of one label is the label. `left_out`: questions that the metric could not measure.
    """

    metric: str
    split: str
    value: float
    low: float
    high: float
    n: int
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The verdict of the experiment's quality gate and why; `uncertain`: met, but an interval reaches below."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerGroup:
    """The answers of one class (`contracts.run.AnswerClass`) and their part of what the variant cost."""

    kind: AnswerClass
    answers: int
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantResult:
    """One variant on the ladder.

    `answering_usd` was metered for this variant alone. `serving_usd` is its share of what its approach keeps running
    (endpoint, search), by the time that its model calls took. `metered_usd` is their sum. `one_time_usd` is what must
    be spent before the variant can answer (training, ingestion); variants of one approach share it: do not add it up.
    An amount per answer is None where there was no such answer. `groups` are the classes that its answers belong to;
    their amounts add up to `metered_usd`. `devices`, `revisions` and `tiers` are what the answers came from.
    """

    approach: str
    variant: str
    control: bool
    metrics: tuple[Metric, ...]
    gate: Gate
    model_ids: tuple[str, ...]
    answers: int
    errors: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    overhead_p50_ms: float | None
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    accepted: int | None
    answering_usd: Decimal
    serving_usd: Decimal
    metered_usd: Decimal
    one_time_usd: Decimal
    per_1000_answers_usd: Decimal | None
    per_accepted_usd: Decimal | None
    cache_write_tokens: int = 0
    groups: tuple[AnswerGroup, ...] = ()
    devices: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredLine:
    """A line of a breakdown. `share` is a percentage of the metered total; None where the total is 0."""

    name: str
    quantity: Decimal | None
    unit: str | None
    usd: Decimal
    share: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """The metered total by one grouping. The lines of each add up to the total; never add two groupings."""

    by: str
    lines: tuple[MeteredLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Difference a - b of two variants on the same questions, with its 95 % interval and two-sided p-value."""

    metric: str
    a: str
    b: str
    n: int
    difference: float
    low: float
    high: float
    p_value: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The golden rule applied. No approach: nothing that ran passes the gate, or nothing was measured."""

    approach: str | None
    variant: str | None
    headline: str
    reasons: tuple[str, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """report.json.

    `total_usd` = answering and serving of all variants + one-time + judging + experiment + unattributed.
    `variance` is empty where no estimate of the run could be made.
    """

    schema: int
    header: RunHeader
    accepted_metric: str
    ladder: tuple[VariantResult, ...]
    total_usd: Decimal
    one_time_usd: dict[str, Decimal]
    experiment_usd: dict[str, Decimal]
    unattributed_usd: Decimal
    breakdowns: tuple[Breakdown, ...]
    paired: tuple[PairedDifference, ...]
    recommendation: Recommendation
    notes: tuple[str, ...]
    variance: tuple[Variance, ...] = ()
    judging_usd: Decimal = Decimal(0)


def report_from_json(data: Any) -> Report:
    """Return the report whose JSON `json_codec.to_json` wrote; `data` is what `json.loads` gave.

    Raises:
        ValueError: it has another schema, or a field is wrong; the message names it.
    """
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        schema = data.get("schema") if isinstance(data, dict) else None
        raise ValueError(f"report: schema {SCHEMA} is needed, not {schema!r}; write the report again")
    return from_jsonable(Report, data, "report")
