"""Follows a run to its end, showing its steps. Every object that it writes is copied to `<out>/<run>/bucket/`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ConnectionClosedError

from contracts import keys
from contracts.experiment import APPROACHES, VARIANTS
from contracts.run import NOT_MEASURED
from ladder.deployment import Deployment
from ladder.progress import Progress
from ladder.runs.start import StartedRun
from lambdas.common.runtime import root_cause

POLL_SECONDS = 1.0
MIRROR = "bucket"
PARTIAL = ".partial"
FINAL = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A run at one moment. `done` counts finished answer batches by approach, `step` names the state it is in."""

    status: str
    done: dict[str, int]
    planned: dict[str, int]
    step: dict[str, str]
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
        batches = -(-len(run.manifest.test_question_ids) // run.manifest.batch_size)
        self._planned: dict[str, int] = {approach: batches * len(VARIANTS[approach]) for approach in APPROACHES}

    def poll(self) -> Snapshot:
        """Return the execution's status, the finished batches, and the state that each approach is in."""
        execution = self._states.describe_execution(executionArn=self._run.execution_arn)
        self._copy()
        status = str(self._member(execution, "status"))
        return Snapshot(
            status=status,
            done={
                approach: sum(f"/approach={approach}/answers/" in key for key in self._copied)
                for approach in self._planned
            },
            planned=self._planned,
            step={} if status in FINAL else self._steps(),
            error=None if status in ("RUNNING", "SUCCEEDED") else reason(execution),
        )

    def snapshots(self) -> Iterator[Snapshot]:
        """Poll until the execution has ended, and yield every snapshot."""
        while True:
            snapshot = self.poll()
            yield snapshot
            if snapshot.status in FINAL:
                return
            time.sleep(POLL_SECONDS)

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
    """Follow the execution to its end, showing every step of every approach as a stage of its own."""
    with progress.stage("run") as stage:
        current, since = "", time.monotonic()
        for snapshot in Follower(deployment, run).snapshots():
            steps = "; ".join(f"{approach}: {step}" for approach, step in snapshot.step.items())
            if steps != current:
                if current:
                    progress.record(current, time.monotonic() - since)
                current, since = steps, time.monotonic()
            counts = ", ".join(f"{a} {snapshot.done[a]}/{snapshot.planned[a]}" for a in snapshot.planned)
            stage.update(f"{steps or 'comparing'}  (answer batches: {counts})")
        if current:
            progress.record(current, time.monotonic() - since)
        stage.update(snapshot.status.lower())
    return snapshot


def reason(execution: dict[str, Any]) -> str:
    """Return why an execution ended as it did, on one line; one that was stopped from outside may give no reason."""
    error, cause = (" ".join(str(execution.get(name) or "").split()) for name in ("error", "cause"))
    inner = root_cause(cause)
    return inner if inner.startswith(f"{error}: ") else ": ".join(filter(None, (error, inner))) or "no reason was given"
