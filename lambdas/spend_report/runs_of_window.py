"""What the runs of an experiment metered, were expected to cost, and gave, in a window of days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from contracts import keys
from contracts.experiment import APPROACHES
from contracts.money import ChargeRow
from contracts.run import Manifest, OutputRow
from cost_reports.metering.charges import charge_rows
from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.records import Output, Window
from cost_reports.spend_report.report import Failure
from lambdas.common import run_data
from lambdas.common.runtime import one_line
from lambdas.common.store import MissingObjectError, Results


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRuns:
    """Charges of the runs that fall into the window, None where they are not known; outputs by approach, None where the
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


def collect(results: Results, experiment: str, window: Window, catalogue: Catalogue) -> WindowRuns:
    """Return everything that the runs of the window left in the bucket, priced.

    A run that cannot be read or priced becomes a failure that names it: the report of what was billed goes on.
    """
    parts: list[WindowRuns] = []
    unread: list[Failure] = []
    for run in _run_ids(results, experiment, window):
        try:
            parts.append(_of_run(results, experiment, run, window, catalogue))
        except (ValueError, MissingObjectError) as error:
            text = f"{one_line(error)}; what it metered and was expected to cost is missing here"
            unread.append(Failure(request=f"run {run}", code="Unreadable", text=text))
    notes = [note for part in parts for note in part.notes]
    if unread:
        notes.append(f"No unit costs: {unread[0].request} could not be read, and the bill is that of all runs.")
    parts = [part for part in parts if part.runs]
    return WindowRuns(
        description=parts[-1].description if parts else "",
        runs=tuple(run for part in parts for run in part.runs),
        metered=_together([part.metered for part in parts], unread),
        estimated=_together([part.estimated for part in parts], unread),
        outputs={} if unread else _summed([part.outputs for part in parts]),
        stand_ins=parts[-1].stand_ins if parts else {},
        notes=tuple(notes),
        unread=tuple(unread),
    )


def run_ids(results: Results, experiment: str) -> list[str]:
    """Return the ids of all runs of the experiment, oldest first (ids begin with the time at which the run began)."""
    return results.list_folders(keys.runs_prefix(experiment))


def metered_since(results: Results, experiment: str, day: date) -> set[str]:
    """Return the ids of the runs that wrote usage on `day` or later, by what S3 lists: nothing is read."""
    prefix = keys.runs_prefix(experiment)
    written = (str(o["Key"]) for o in results.objects(prefix) if o["LastModified"].date() >= day)
    return {key.removeprefix(prefix).partition("/")[0] for key in written if run_data.USAGE in key}


def _together(parts: Sequence[tuple[ChargeRow, ...] | None], unread: Sequence[Failure]) -> tuple[ChargeRow, ...] | None:
    """Return the charges of all runs; None where those of a run are not known and no other has any."""
    rows = tuple(row for part in parts for row in part or ())
    return rows if rows or not (unread or None in parts) else None


def _run_ids(results: Results, experiment: str, window: Window) -> list[str]:
    """Return the ids of the runs that can have used something in the window, oldest first: those that began in it, and
    earlier ones that went on, or were resumed, in it or later.
    """
    first, last = f"r{window.start:%Y%m%d}", f"r{window.end:%Y%m%d}"
    runs = [run for run in run_ids(results, experiment) if run < last]
    late = metered_since(results, experiment, window.start) if runs and runs[0] < first else set()
    return [run for run in runs if run >= first or run in late]


def _of_run(results: Results, experiment: str, run: str, window: Window, catalogue: Catalogue) -> WindowRuns:
    try:
        manifest = results.manifest(experiment, run)
    except MissingObjectError:
        # Its upload was stopped before anything ran.
        return WindowRuns(notes=(f"Run {run} has no manifest; it never started.",))
    description = results.experiment(manifest).description
    charges = charge_rows(catalogue, [row for _, row in run_data.read_usage(results, manifest)])
    metered = tuple(c for c in charges if _inside(c.day, window))
    began_inside = _inside(manifest.created[:10], window)
    if not metered and not began_inside:
        return WindowRuns()
    inside = {c.approach for c in metered}
    outside = {c.approach for c in charges if not _inside(c.day, window)}
    estimated, no_estimate = _estimated(results, manifest, window)
    outputs, no_outputs = _outputs(
        results, manifest, [a for a in APPROACHES if a in inside or (began_inside and a not in outside)], outside
    )
    return WindowRuns(
        description=description,
        runs=(run,),
        metered=metered,
        estimated=estimated,
        outputs=outputs,
        notes=tuple(note for note in (no_estimate, no_outputs) if note is not None),
        stand_ins=run_data.environment(results, manifest).stand_ins,
    )


def _estimated(results: Results, manifest: Manifest, window: Window) -> tuple[tuple[ChargeRow, ...] | None, str | None]:
    """Return what a run was expected to cost, on the day on which it began; None, and why, where it is not known."""
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


def _outputs(
    results: Results, manifest: Manifest, approaches: Sequence[str], outside: set[str | None]
) -> tuple[dict[str, Output | None], str | None]:
    """Return what `approaches` gave, None for those that used something `outside` the window, and why there is a None.

    The run's report counts them, so that no spend report reads answers.
    """
    try:
        counted = results.read(keys.outputs(manifest.experiment, manifest.run), OutputRow)
    except MissingObjectError:
        return dict.fromkeys(approaches), (
            f"No unit costs of run {manifest.run}: its answers are counted with its report, which is not there."
        )
    rows: dict[str, OutputRow] = {row.approach: row for row in counted}
    outputs: dict[str, Output | None] = {}
    for approach in approaches:
        row = rows.get(approach) if approach not in outside else None
        outputs[approach] = (
            None if row is None else Output(answers=row.answers, accepted=row.accepted, tokens=row.tokens)
        )
    both = [approach for approach in approaches if approach in outside]
    if not both:
        return outputs, None
    return outputs, (
        f"No unit costs of {', '.join(both)}: run {manifest.run} used something for it outside the window too, so its"
        " answers belong to more money than that of the window."
    )


def _summed(outputs: Sequence[Mapping[str, Output | None]]) -> dict[str, Output | None]:
    """Return the sum by approach; None where that of a run is None."""
    total: dict[str, Output | None] = {}
    for approach, output in (item for part in outputs for item in part.items()):
        old = total.get(approach, output)
        if approach not in total or old is None or output is None:
            total[approach] = None if old is None else output
            continue
        accepted = [o.accepted for o in (old, output) if o.accepted is not None]
        total[approach] = Output(
            answers=old.answers + output.answers,
            # Answers of a run that was not scored cannot be called accepted or not.
            accepted=sum(accepted) if len(accepted) == 2 else None,
            tokens=old.tokens + output.tokens,
        )
    return total


def _inside(day: str, window: Window) -> bool:
    return window.start.isoformat() <= day < window.end.isoformat()
