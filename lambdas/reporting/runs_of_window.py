"""What the runs of an experiment metered, were expected to cost, and gave, in a window of days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from cost_reports.actuals.records import Output, Window
from cost_reports.actuals.report import Failure
from cost_reports.charges import charge_rows
from cost_reports.contracts import ChargeRow
from cost_reports.prices import Catalogue
from lambdas.common import keys
from lambdas.common.contracts import APPROACHES, AnswerRow, Manifest, QualityRow
from lambdas.common.runtime import one_line
from lambdas.common.store import MissingObjectError, Results
from lambdas.reporting import run_data

#: A run may go on past midnight: one that began the day before the window can have used something in it.
OVERLAP = timedelta(days=1)
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Charges of the runs that fall into the window; outputs by approach; what stood in for AWS models."""

    description: str = ""
    runs: tuple[str, ...] = ()
    metered: tuple[ChargeRow, ...] = ()
    estimated: tuple[ChargeRow, ...] = ()
    outputs: dict[str, Output] = field(default_factory=dict)
    stand_ins: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


def collect(results: Results, experiment: str, window: Window, catalogue: Catalogue) -> Found:
    """Everything that the runs of the window left in the bucket, priced.

    A run that cannot be read or priced is a failure that names it: it must not cost the report of what was billed.
    """
    parts: list[Found] = []
    failures: list[Failure] = []
    for run in _runs(results, experiment, window):
        try:
            parts.append(_of_run(results, experiment, run, window, catalogue))
        except (ValueError, MissingObjectError) as error:
            text = f"{one_line(error)}; what it metered and was expected to cost is missing here"
            failures.append(Failure(request=f"run {run}", code="Unreadable", text=text))
    notes = tuple(note for part in parts for note in part.notes)
    parts = [part for part in parts if part.runs]
    if not parts:
        return Found(notes=notes, failures=tuple(failures))
    return Found(
        description=parts[-1].description,
        runs=tuple(run for part in parts for run in part.runs),
        metered=tuple(charge for part in parts for charge in part.metered),
        estimated=tuple(charge for part in parts for charge in part.estimated),
        outputs=_summed([part.outputs for part in parts]),
        stand_ins=parts[-1].stand_ins,
        notes=notes,
        failures=tuple(failures),
    )


def _runs(results: Results, experiment: str, window: Window) -> list[str]:
    """Ids of the runs that began in the window or on the day before it, oldest first."""
    first, last = f"r{window.start - OVERLAP:%Y%m%d}", f"r{window.end:%Y%m%d}"
    return [run for run in run_data.runs(results, experiment) if first <= run < last]


def _of_run(results: Results, experiment: str, run: str, window: Window, catalogue: Catalogue) -> Found:
    try:
        manifest = results.manifest(experiment, run)
    except MissingObjectError:
        # Its upload was cut off before anything ran.
        return Found(notes=(f"Run {run} has no manifest; it never started.",))
    asked = results.experiment(manifest)
    usage = [row for _, row in run_data.read_usage(results, manifest)]
    metered = [c for c in charge_rows(catalogue, usage) if _inside(c.day, window)]
    day = manifest.created[:10]
    began_inside = _inside(day, window)
    if not metered and not began_inside:
        return Found()
    expected = run_data.optional(results, keys.estimated(experiment, run), ChargeRow) if began_inside else []
    accepted = run_data.accepted_metric(asked.gate)
    outputs: dict[str, Output] = (
        {a: _output(results, manifest, a, accepted) for a in APPROACHES} if began_inside else {}
    )
    lacking = f"Run {run} has no estimate: it is written with the run's report, which is not there."
    return Found(
        description=asked.description,
        runs=(run,),
        metered=tuple(metered),
        estimated=tuple(replace(c, day=day, billing_period=day[:7]) for c in expected),
        outputs=outputs,
        notes=(lacking,) if began_inside and not expected else (),
        stand_ins=run_data.environment(results, manifest).stand_ins,
    )


def _output(results: Results, manifest: Manifest, approach: str, metric: str) -> Output:
    """Answers of all variants, controls included: all of them were paid for."""
    answers: list[AnswerRow] = run_data.answers(results, manifest, approach)
    quality = run_data.optional(results, keys.quality(manifest.experiment, manifest.run, approach), QualityRow)
    scored = [q for q in quality if q.metric == metric and q.split == ALL]
    return Output(
        answers=sum(a.error is None for a in answers),
        accepted=sum(round(q.value * q.n) for q in scored) if scored else None,
        tokens=sum(a.input_tokens + a.output_tokens + a.cached_tokens for a in answers),
    )


def _summed(outputs: Sequence[dict[str, Output]]) -> dict[str, Output]:
    total: dict[str, Output] = {}
    for approach, output in (item for part in outputs for item in part.items()):
        old = total.get(approach)
        if old is None:
            total[approach] = output
            continue
        known = [o.accepted for o in (old, output) if o.accepted is not None]
        total[approach] = Output(
            answers=old.answers + output.answers,
            # Answers of a run that was not scored cannot be called accepted or not.
            accepted=sum(known) if len(known) == 2 else None,
            tokens=old.tokens + output.tokens,
        )
    return total


def _inside(day: str, window: Window) -> bool:
    return window.start.isoformat() <= day < window.end.isoformat()
