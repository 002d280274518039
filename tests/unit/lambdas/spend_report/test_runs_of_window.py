"""What the runs of a window left: which runs count, whose money is known, and whose answers belong to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from contracts import keys
from cost_reports.metering.charges import total
from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.records import Window
from lambdas.common.store import Results
from lambdas.spend_report import runs_of_window
from lambdas.spend_report.runs_of_window import WindowRuns
from tests.unit.cost_reports import sample_run as run
from tests.unit.lambdas.sample_bucket import count_outputs, fill

CATALOGUE = Catalogue.load()
WINDOW = Window(start=date(2026, 11, 20), end=date(2026, 11, 28))
EARLY = "r20261101-090000"


@pytest.fixture
def results(results: Results) -> Results:
    """The bucket with the sample run, whose report has counted what it gave."""
    fill(results)
    count_outputs(results)
    return results


def collect(results: Results, window: Window = WINDOW) -> WindowRuns:
    return runs_of_window.collect(results, run.EXPERIMENT, window, CATALOGUE)


def copy(results: Results, name: str, created: str) -> None:
    """The sample run once more, as `name`, begun on the day `created`; what it used stays where it was."""
    for key in results.list_keys(keys.run_prefix(run.EXPERIMENT, run.RUN)):
        text = results.read_text(key).replace(run.RUN, name)
        if key.endswith("manifest.json"):
            text = text.replace("2026-11-23T", f"{created}T")
        results.write_text(key.replace(run.RUN, name), text)


def estimate(results: Results, name: str = run.RUN) -> None:
    charges = collect(results).metered or ()
    results.write(
        keys.estimated(run.EXPERIMENT, name), [replace(c, source="estimated", estimated=True) for c in charges]
    )


def used(results: Results, name: str, day: str, approach: str) -> None:
    """Usage of a run on another day."""
    row = next(row for _, row in run.usage() if row.approach == approach)
    times = {"start": f"{day}T09:00:00Z", "end": f"{day}T09:00:01Z"}
    results.write(keys.usage(run.EXPERIMENT, name, approach, "resumed"), [replace(row, run=name, **times)])


def test_a_run_of_the_window(results: Results) -> None:
    estimate(results)
    found = collect(results)
    assert (found.runs, found.unread, found.notes) == ((run.RUN,), (), ())
    assert found.metered
    assert total(found.estimated or ()) == total(found.metered)
    assert {a for a, output in found.outputs.items() if output} == {"prompting", "rag", "fine-tuning"}


def test_no_runs_are_known_to_have_used_nothing(results: Results) -> None:
    found = collect(results, Window(start=date(2026, 10, 1), end=date(2026, 11, 1)))
    assert (found.runs, found.metered, found.estimated, found.outputs) == ((), (), (), {})


def test_a_run_that_cannot_be_read_leaves_nothing_known_of_it(results: Results) -> None:
    results.write_text(keys.usage(run.EXPERIMENT, run.RUN, "rag", "broken"), "{no json")
    found = collect(results)
    assert (found.runs, found.metered, found.estimated, found.outputs) == ((), None, None, {})
    assert [f.request for f in found.unread] == [f"run {run.RUN}"]
    assert found.notes == (f"No unit costs: run {run.RUN} could not be read, and the bill is that of all runs.",)


def test_one_of_two_runs_that_cannot_be_read_withholds_the_unit_costs_of_both(results: Results) -> None:
    alone = collect(results)
    copy(results, "r20261124-090000", "2026-11-24")
    results.write_text(keys.usage(run.EXPERIMENT, "r20261124-090000", "rag", "broken"), "{no json")
    found = collect(results)
    assert (found.runs, found.metered, found.outputs) == ((run.RUN,), alone.metered, {})


def test_no_estimate_is_told_from_one_that_failed_and_neither_is_zero(results: Results) -> None:
    absent = collect(results)
    assert absent.estimated is None
    assert absent.notes == (f"Run {run.RUN} has no estimate: it is written with the run's report, which is not there.",)
    results.write(keys.estimated(run.EXPERIMENT, run.RUN), [])
    failed = collect(results)
    assert failed.estimated is None
    assert failed.notes == (f"Run {run.RUN} has no estimate: it could not be estimated; the run's report says why.",)


def test_answers_that_were_not_counted_leave_unit_costs_unknown(results: Results) -> None:
    estimate(results)
    results.s3.delete_object(Bucket=results.bucket, Key=keys.outputs(run.EXPERIMENT, run.RUN))
    found = collect(results)
    assert found.metered
    assert set(found.outputs.values()) == {None}
    assert found.notes == (
        f"No unit costs of run {run.RUN}: its answers are counted with its report, which is not there.",
    )


def test_ids_of_runs(results: Results) -> None:
    assert runs_of_window.run_ids(results, run.EXPERIMENT) == [run.RUN]
    assert runs_of_window.run_ids(results, "other") == []


def test_a_run_that_was_resumed_in_the_window_counts_with_what_it_used_there(results: Results) -> None:
    alone = collect(results)
    copy(results, EARLY, "2026-11-01")
    used(results, EARLY, "2026-11-01", "rag")
    found = collect(results)
    assert found.runs == (EARLY, run.RUN)
    assert total(found.metered or ()) == 2 * total(alone.metered or ())
    # Answers of rag belong to both days; those of the others were all paid for in the window.
    assert found.outputs["rag"] is None
    prompting, once = found.outputs["prompting"], alone.outputs["prompting"]
    assert prompting is not None
    assert once is not None
    assert prompting.answers == 2 * once.answers
    assert any(note.startswith(f"No unit costs of rag: run {EARLY} used something for it") for note in found.notes)
    assert any(f"Run {EARLY} began on 2026-11-01, outside the window" in note for note in found.notes)


def test_a_run_that_went_on_after_the_window_has_no_unit_costs_there(results: Results) -> None:
    used(results, run.RUN, "2026-11-29", "prompting")
    found = collect(results)
    assert found.outputs["prompting"] is None
    assert found.outputs["rag"] is not None


def test_an_earlier_run_that_used_nothing_in_the_window_is_none_of_it(results: Results) -> None:
    copy(results, EARLY, "2026-11-01")
    found = collect(results, Window(start=date(2026, 11, 24), end=date(2026, 11, 28)))
    assert (found.runs, found.notes) == ((), ())


def test_earlier_runs_are_read_only_where_they_wrote_usage_since() -> None:
    prefix = "experiment=e/run="
    then, now = datetime(2026, 9, 25, tzinfo=UTC), datetime(2026, 10, 5, tzinfo=UTC)
    listed = [
        (f"{prefix}r20260901-000000/approach=rag/usage/part-a.jsonl", then),
        (f"{prefix}r20260901-000000/approach=rag/answers/part-a.jsonl", now),
        (f"{prefix}r20260925-000000/approach=rag/usage/part-a.jsonl", then),
        (f"{prefix}r20260925-000000/approach=rag/usage/part-b.jsonl", now),
    ]
    entries = [{"Key": key, "LastModified": moment} for key, moment in listed]
    bucket = cast("Results", SimpleNamespace(objects=lambda asked: [e for e in entries if e["Key"].startswith(asked)]))
    assert runs_of_window.metered_since(bucket, "e", date(2026, 10, 1)) == {"r20260925-000000"}
