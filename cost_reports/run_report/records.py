"""The records of a run, taken by their shape (protocols), so that this package needs none of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from contracts.money import ChargeRow
from cost_reports.metering.phases import Phase
from cost_reports.run_report.report import Gate, Header


class ReportError(ValueError):
    """The records of a run do not fit together; the message names the one that does not."""


class AnswerLike(Protocol):
    """An answer, or the row of a question that got none (`error`)."""

    @property
    def approach(self) -> str: ...
    @property
    def variant(self) -> str: ...
    @property
    def question_id(self) -> str: ...
    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def cached_tokens(self) -> int: ...
    @property
    def latency_ms(self) -> float: ...
    @property
    def overhead_ms(self) -> float: ...
    @property
    def model_id(self) -> str: ...
    @property
    def error(self) -> str | None: ...


class QualityLike(Protocol):
    """A metric of a variant over the questions of a split, with its interval."""

    @property
    def approach(self) -> str: ...
    @property
    def variant(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def split(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def n(self) -> int: ...


class PairedLike(Protocol):
    """A difference of two variants on the same questions."""

    @property
    def metric(self) -> str: ...
    @property
    def a(self) -> str: ...
    @property
    def b(self) -> str: ...
    @property
    def n(self) -> int: ...
    @property
    def difference(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def p_value(self) -> float: ...
    @property
    def method(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantSpec:
    """A variant in the order of the ladder. `control`: shown for comparison, never recommended.

    `needs` names the approaches whose one-time cost must be paid before it answers.
    """

    approach: str
    variant: str
    control: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecords:
    """All that a report is made of. `charges` are metered, by phase; `gates` are verdicts by (approach, variant).

    `accepted_metric` says which quality metric counts an answer as accepted. `failed` holds approach -> error of
    those that did not finish. `estimated` are the charges that were expected of the run, empty = there is no estimate.
    """

    header: Header
    variants: Sequence[VariantSpec]
    answers: Sequence[AnswerLike]
    quality: Sequence[QualityLike]
    paired: Sequence[PairedLike]
    charges: Mapping[Phase, Sequence[ChargeRow]]
    gates: Mapping[tuple[str, str], Gate]
    accepted_metric: str
    failed: Mapping[str, str] = field(default_factory=dict)
    estimated: Sequence[ChargeRow] = ()
    notes: Sequence[str] = ()
