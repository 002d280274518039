"""A run from its start, or from where it was cut off, to the report on the screen."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from ladder import deployment
from ladder.account import consent, place_of
from ladder.errors import LadderError
from ladder.experiment.folder import load
from ladder.progress import Progress
from ladder.runs import follow, reports
from ladder.runs.resume import resume
from ladder.runs.start import start


def run(
    experiment: Path,
    *,
    profile: str,
    out: Path,
    resumed: str | None,
    console: Console,
    yes: bool = False,
    verbose: bool = False,
) -> None:
    """Start a run of the experiment in a folder (or resume one), follow it to its end, and show its report.

    Raises:
        LadderError: the run could not be started or followed, or it ended without success; the message says how to go
            on.
    """
    loaded = load(experiment)
    session = boto3.Session()
    deployed = deployment.find(session, loaded.experiment.name)
    consent(place_of(session), f"run experiment {loaded.experiment.name}", costs="which is charged by use", yes=yes)
    if resumed is None:
        started = start(deployed, loaded, profile=profile, out=out, now=datetime.now(UTC))
        run_id = started.manifest.run
        console.print(f"run {run_id}: {len(started.manifest.test_question_ids)} questions to every variant")
    else:
        started = resume(deployed, loaded, run=resumed, out=out)
        run_id = resumed
        console.print(f"run {run_id} goes on; {started.restored} objects were given back to the bucket")
    try:
        snapshot = follow.follow(deployed, started, Progress(console, verbose=verbose))
    except (BotoCoreError, ClientError) as error:
        raise LadderError(
            f"lost sight of run {run_id}, which may go on: {error}; join it with --resume {run_id}"
        ) from error
    except KeyboardInterrupt as error:
        raise LadderError(f"interrupted; run {run_id} goes on, join it with --resume {run_id}") from error
    succeeded = snapshot.status == "SUCCEEDED"
    ended = LadderError(ending(run_id, snapshot))
    try:
        reports.show(reports.fetch(deployed, run_id, started.folder), console, verbose=verbose)
    except LadderError as error:
        # A run that failed early has no report: what matters is why.
        raise (error if succeeded else ended) from error
    if not succeeded:
        raise ended


def ending(run: str, snapshot: follow.Snapshot) -> str:
    """Return how a run ended that did not succeed, and what to do."""
    error = snapshot.error or "no reason was given"
    if snapshot.reported:
        variants = error.partition(": ")[2]
        return (
            f"run {run} wrote its report, but not everything was measured: {variants}; correct experiment.yaml and "
            "start a new run"
        )
    return f"run {run} ended {snapshot.status}: {error}; go on with --resume {run}"
