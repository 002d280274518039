"""What the runs of an experiment metered, were expected to cost, and gave, in a window of days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from contracts import keys
from contracts.experiment import APPROACHES
from contracts.money import ChargeRow
from contracts.run import AnswerRow, Manifest, QualityRow
from cost_reports.metering.charges import charge_rows
from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.records import Output, Window
from cost_reports.spend_report.report import Failure
from lambdas.common import run_data
from lambdas.common.runtime import one_line
from lambdas.common.store import MissingObjectError, Results

ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Charges of the runs that fall into the window, null where nobody knows them; outputs by approach, null where the
    window's money is not what they cost; what stood in for AWS models; runs that could not be read.
    """

    description: str = ""
    runs: tuple[str, ...] = ()
    metered: tuple[ChargeRow, ...] | None = ()
    estimated: tuple[ChargeRow, ...] | None = ()
    outputs: dict[str, Output | None] = field(default_factory=dict)
    stand_ins: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unread: tuple[Failure, ...] = ()


def collect(results: Results, experiment: str, window: Window, catalogue: Catalogue) -> Found:
    """Everything that the runs of the window left in the bucket, priced.

    A run that cannot be read or priced is a failure that names it: it must not cost the report of what was billed.
    """
    parts: list[Found] = []
    unread: list[Failure] = []
    for run in _runs(results, experiment, window):
        try:
            parts.append(_of_run(results, experiment, run, window, catalogue))
        except (ValueError, MissingObjectError) as error:
            text = f"{one_line(error)}; what it metered and was expected to cost is missing here"
            unread.append(Failure(request=f"run {run}", code="Unreadable", text=text))
    notes = [note for part in parts for note in part.notes]
    if unread:
        notes.append(f"No unit costs: {unread[0].request} could not be read, and the bill is that of all runs.")
    parts = [part for part in parts if part.runs]
    return Found(
        description=parts[-1].description if parts else "",
        runs=tuple(run for part in parts for run in part.runs),
        metered=_together([part.metered for part in parts], unread),
        estimated=_together([part.estimated for part in parts], unread),
        outputs={} if unread else _summed([part.outputs for part in parts]),
        stand_ins=parts[-1].stand_ins if parts else {},
        notes=tuple(notes),
        unread=tuple(unread),
    )


def _together(parts: Sequence[tuple[ChargeRow, ...] | None], unread: Sequence[Failure]) -> tuple[ChargeRow, ...] | None:
    """The charges of all runs; null where there are none and those of a run are not known."""
    rows = tuple(row for part in parts for row in part or ())
    return rows if rows or not (unread or None in parts) else None


def _runs(results: Results, experiment: str, window: Window) -> list[str]:
    """Ids of the runs that can have used something in the window, oldest first: those that began in it, and earlier
    ones that went on, or were resumed, in it or later.
    """
    first, last = f"r{window.start:%Y%m%d}", f"r{window.end:%Y%m%d}"
    runs = [run for run in run_data.runs(results, experiment) if run < last]
    late = run_data.metered_since(results, experiment, window.start) if runs and runs[0] < first else set()
    return [run for run in runs if run >= first or run in late]


def _of_run(results: Results, experiment: str, run: str, window: Window, catalogue: Catalogue) -> Found:
    try:
        manifest = results.manifest(experiment, run)
    except MissingObjectError:
        # Its upload was cut off before anything ran.
        return Found(notes=(f"Run {run} has no manifest; it never started.",))
    asked = results.experiment(manifest)
    charges = charge_rows(catalogue, [row for _, row in run_data.read_usage(results, manifest)])
    metered = tuple(c for c in charges if _inside(c.day, window))
    began_inside = _inside(manifest.created[:10], window)
    if not metered and not began_inside:
        return Found()
    inside = {c.approach for c in metered}
    outside = {c.approach for c in charges if not _inside(c.day, window)}
    accepted = run_data.accepted_metric(asked.gate)
    outputs: dict[str, Output | None] = {
        a: None if a in outside else _output(results, manifest, a, accepted)
        for a in APPROACHES
        if a in inside or (began_inside and a not in outside)
    }
    both = [a for a, output in outputs.items() if output is None]
    estimated, no_estimate = _estimated(results, manifest, window)
    notes = [no_estimate] if no_estimate else []
    if both:
        notes.append(
            f"No unit costs of {', '.join(both)}: run {run} used something for it outside the window too, so its"
            " answers belong to more money than that of the window."
        )
    return Found(
        description=asked.description,
        runs=(run,),
        metered=metered,
        estimated=estimated,
        outputs=outputs,
        notes=tuple(notes),
        stand_ins=run_data.environment(results, manifest).stand_ins,
    )


def _estimated(results: Results, manifest: Manifest, window: Window) -> tuple[tuple[ChargeRow, ...] | None, str | None]:
    """What a run was expected to cost, on the day on which it began; null, and why, where nobody can say it."""
    run, day = manifest.run, manifest.created[:10]
    if not _inside(day, window):
        return None, f"Run {run} began on {day}, outside the window: what it was expected to cost is in no total."
    try:
        rows = results.read(keys.estimated(manifest.experiment, run), ChargeRow)
    except MissingObjectError:
        return None, f"Run {run} has no estimate: it is written with the run's report, which is not there."
    if not rows:
        return None, f"Run {run} has no estimate: it could not be estimated; the run's report says why."
    return tuple(replace(c, day=day, billing_period=day[:7]) for c in rows), None


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


def _summed(outputs: Sequence[Mapping[str, Output | None]]) -> dict[str, Output | None]:
    """The sum by approach; null where that of a run is."""
    total: dict[str, Output | None] = {}
    for approach, output in (item for part in outputs for item in part.items()):
        old = total.get(approach, output)
        if approach not in total or old is None or output is None:
            total[approach] = None if old is None else output
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
