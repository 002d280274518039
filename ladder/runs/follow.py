"""Follows a run to its end: which step it is in and how far. Every object that it writes is copied to this machine.

One look is a listing of the run's objects and a few requests to Step Functions, which are free. On AWS it takes place
every four seconds: listings of a whole day cost 0.11 dollars.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from botocore.exceptions import ConnectionClosedError

from contracts import keys
from contracts.experiment import VARIANTS, Approach
from contracts.job_names import run_prefix
from contracts.run import NOT_MEASURED
from ladder import embedded_aws
from ladder.deployment import Deployment
from ladder.progress import Count, Progress
from ladder.runs import counting
from ladder.runs.start import StartedRun
from lambdas.common.runtime import root_cause

POLL_SECONDS = 1.0
AWS_POLL_SECONDS = 4.0
MIRROR = "bucket"
PARTIAL = ".partial"
FINAL = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A run at one moment. `step` names the state that each running approach is in, `counts` how far the step is."""

    status: str
    step: dict[str, str]
    counts: dict[str, Count]
    error: str | None

    @property
    def reported(self) -> bool:
        """Whether the run came to its end and wrote its report, even if not every variant was measured."""
        return self.status == "SUCCEEDED" or (self.error or "").startswith(f"{NOT_MEASURED}: ")


class Follower:
    """Polls an execution and copies the run's objects as they appear."""

    def __init__(self, deployment: Deployment, run: StartedRun) -> None:
        self._deployment = deployment
        self._run = run
        self._results = deployment.results
        self._states = deployment.session.client("stepfunctions")
        self._copied: dict[str, str] = {}
        embedded = embedded_aws.is_embedded(self._states.meta.endpoint_url)
        self._poll_s = POLL_SECONDS if embedded else AWS_POLL_SECONDS
        self._training = counting.TrainingLog(
            deployment.session.client("logs"),
            run_prefix(run.manifest.experiment, run.manifest.run),
            every_s=2 * POLL_SECONDS if embedded else counting.LOG_SECONDS,
        )

    def poll(self) -> Snapshot:
        """Return the execution's status, the state that each approach is in, and how far that is."""
        execution = self._states.describe_execution(executionArn=self._run.execution_arn)
        self._copy()
        status = str(self._member(execution, "status"))
        step = {} if status in FINAL else self._steps()
        counts = {approach: count for approach, name in step.items() if (count := self._count(approach, name))}
        return Snapshot(
            status=status,
            step=step,
            counts=counts,
            error=None if status in ("RUNNING", "SUCCEEDED") else reason(execution),
        )

    def _count(self, approach: str, state: str) -> Count | None:
        manifest = self._run.manifest
        if state == "AnswerAll":
            variants = len(VARIANTS[cast("Approach", approach)])
            return counting.answers(manifest, approach, self._copied, variants)
        if state == "IngestAll":
            return counting.ingested(manifest, self._copied, self._run.folder / MIRROR)
        return self._training.progress() if state in counting.TRAINING_STATES else None

    def snapshots(self) -> Iterator[Snapshot]:
        """Poll until the execution has ended, and yield every snapshot."""
        while True:
            snapshot = self.poll()
            yield snapshot
            if snapshot.status in FINAL:
                return
            time.sleep(self._poll_s)

    def _copy(self) -> None:
        for item in self._results.objects(keys.run_prefix(self._run.manifest.experiment, self._run.manifest.run)):
            if self._copied.get(item["Key"]) == item["ETag"]:
                continue
            path = self._run.folder / MIRROR / item["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(path.name + PARTIAL)
            self._results.s3.download_file(self._results.bucket, item["Key"], str(partial))
            partial.replace(path)
            self._copied[item["Key"]] = item["ETag"]

    def _steps(self) -> dict[str, str]:
        steps = {}
        for approach, arn in self._deployment.approach_arns.items():
            running = self._states.list_executions(stateMachineArn=arn, statusFilter="RUNNING", maxResults=10)
            for execution in self._member(running, "executions"):
                history = self._states.get_execution_history(
                    executionArn=execution["executionArn"], reverseOrder=True, maxResults=20
                )
                events = self._member(history, "events")
                names = [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]
                if names:
                    steps[approach] = names[0]
        return steps

    def _member(self, response: dict[str, Any], name: str) -> Any:
        """Return a member of a response. A service that ends while it answers can leave one without its content.

        Raises:
            ConnectionClosedError: the response lacks the member.
        """
        if name not in response:
            raise ConnectionClosedError(endpoint_url=self._states.meta.endpoint_url)
        return response[name]


def follow(deployment: Deployment, run: StartedRun, progress: Progress) -> Snapshot:
    """Follow the execution to its end; the stage says which step each approach is in, and how far."""
    with progress.stage("run") as stage:
        current, since = "", progress.clock()
        for snapshot in Follower(deployment, run).snapshots():
            steps = "; ".join(f"{approach}: {step}" for approach, step in snapshot.step.items())
            if steps != current:
                if current:
                    progress.record(current, progress.clock() - since)
                current, since = steps, progress.clock()
            stage.update(steps or "comparing", next(iter(snapshot.counts.values()), None))
        if current:
            progress.record(current, progress.clock() - since)
        stage.update(snapshot.status.lower())
    return snapshot


def reason(execution: dict[str, Any]) -> str:
    """Return why an execution ended as it did, on one line; one that was stopped from outside may give no reason."""
    error, cause = (" ".join(str(execution.get(name) or "").split()) for name in ("error", "cause"))
    inner = root_cause(cause)
    return inner if inner.startswith(f"{error}: ") else ": ".join(filter(None, (error, inner))) or "no reason was given"
