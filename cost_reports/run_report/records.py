"""The records of a run that its report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from contracts.money import ChargeRow
from contracts.run import AnswerRow, PairedRow, QualityRow
from cost_reports.metering.phases import Phase
from cost_reports.run_report.report import Gate, RunHeader


class ReportError(ValueError):
    """The records of a run do not fit together; the message names the one that does not."""


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
    those that did not finish. `estimated` are the charges that were expected of the run; empty: there is no estimate.
    """

    header: RunHeader
    variants: Sequence[VariantSpec]
    answers: Sequence[AnswerRow]
    quality: Sequence[QualityRow]
    paired: Sequence[PairedRow]
    charges: Mapping[Phase, Sequence[ChargeRow]]
    gates: Mapping[tuple[str, str], Gate]
    accepted_metric: str
    failed: Mapping[str, str] = field(default_factory=dict)
    estimated: Sequence[ChargeRow] = ()
    notes: Sequence[str] = ()
