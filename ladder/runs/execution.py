"""Starts a run on a deployment, follows it, and continues one that was cut off.

Everything a run writes into the bucket is copied to `<out>/<run>/bucket/` while it runs. A run that is resumed on an
account (or embedded AWS) that lost it gets those objects back first, and every step skips what is already there.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ConnectionClosedError

from contracts import json_codec, keys
from contracts.experiment import APPROACHES, VARIANTS
from contracts.run import Manifest
from cost_reports.prices.catalogue import Catalogue
from ladder.errors import LadderError
from ladder.experiment.folder import LoadedExperiment
from ladder.runs import environment
from ladder.runs.deployment import Deployment
from ladder.runs.manifest import plan
from ladder.runs.preflight_prices import require_prices
from ladder.runs.progress import Progress
from lambdas.common.store import Results

BATCH_SIZE = 16
POLL_SECONDS = 1.0
PARTIAL = ".partial"
FINAL = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """The local side of a run: `run.json` (what was asked), `bucket/` (copy of its objects), reports."""

    path: Path

    @property
    def record(self) -> Path:
        return self.path / "run.json"

    @property
    def mirror(self) -> Path:
        return self.path / "bucket"


def new_run_id(now: datetime) -> str:
    """For instance `r20261123-041530`; short enough to lead SageMaker names."""
    return f"r{now.astimezone(UTC):%Y%m%d-%H%M%S}"


def git_commit(folder: Path) -> str | None:
    """The commit of the checkout that holds `folder`, with `+` when files differ from it; None outside a checkout."""
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain"], cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def start(
    session: boto3.Session,
    deployment: Deployment,
    experiment: LoadedExperiment,
    *,
    profile: str,
    out: Path,
    now: datetime,
    run: str | None = None,
) -> tuple[Manifest, str]:
    """Uploads the experiment and starts the comparison.

    Returns:
        The manifest, and the ARN of the execution that runs it.
    """
    if experiment.experiment.name != deployment.experiment:
        raise LadderError(
            f"{experiment.folder} is experiment {experiment.experiment.name!r}, deployed is {deployment.experiment!r}"
        )
    require_prices(experiment.experiment.models, deployment.region, Catalogue.load())
    manifest = plan(
        experiment,
        profile,
        run or new_run_id(now),
        experiment.experiment.seed,
        now.astimezone(UTC).isoformat(timespec="seconds"),
        git_commit(Path(__file__).parent),
        BATCH_SIZE,
    )
    folder = RunFolder(path=out / manifest.run)
    if folder.record.exists():
        raise LadderError(f"run {manifest.run} exists in {out}; continue it with --resume {manifest.run}")
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.record.write_text(
        json.dumps(
            {"experiment_folder": str(experiment.folder), "manifest": json_codec.to_jsonable(manifest)}, indent=1
        ),
        encoding="utf-8",
    )
    upload_inputs(session, deployment, experiment, manifest)
    return manifest, _execute(session, deployment, manifest, attempt=1)


def resume(
    session: boto3.Session, deployment: Deployment, experiment: LoadedExperiment, *, run: str, out: Path
) -> tuple[Manifest, str, int]:
    """Continues `run`: joins its execution if one still runs, else gives lost objects back and starts another.

    Returns:
        The manifest, the ARN of the execution, and how many objects were given back.

    Raises:
        LadderError: the run is not known in `out`, is one of another experiment, or the experiment's files have changed
            since it started.
    """
    folder = RunFolder(path=out / run)
    record = _record(folder)
    try:
        manifest = json_codec.from_jsonable(Manifest, record["manifest"])
    except (KeyError, TypeError, ValueError) as error:
        raise LadderError(f"{folder.record} is damaged ({error}); start a new run") from error
    if not manifest.experiment == experiment.experiment.name == deployment.experiment:
        raise LadderError(
            f"run {run} is one of experiment {manifest.experiment!r}, {experiment.folder} is "
            f"{experiment.experiment.name!r}; continue it with --experiment {record['experiment_folder']}"
        )
    if experiment.sha256 != manifest.input_sha256:
        raise LadderError(
            f"{experiment.folder} has changed since run {run} started; put the files back, or start a new run"
        )
    states = session.client("stepfunctions")
    attempt = 1
    for execution in _executions(states, deployment.comparison_arn):
        if execution["name"].startswith(f"{run}-"):
            if execution["status"] == "RUNNING":
                return manifest, str(execution["executionArn"]), 0
            attempt = max(attempt, int(execution["name"].rpartition("-")[2]))
    upload_inputs(session, deployment, experiment, manifest)
    given_back = _restore(session, deployment, folder, manifest)
    # An account that forgot the executions still holds model names of earlier attempts in the mirror, so count on.
    attempt = max(attempt, int(record.get("attempt", 1))) + 1
    record["attempt"] = attempt
    folder.record.write_text(json.dumps(record, indent=1), encoding="utf-8")
    return manifest, _execute(session, deployment, manifest, attempt=attempt), given_back


def _record(folder: RunFolder) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(folder.record.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        out = folder.path.parent
        known = ", ".join(sorted(path.parent.name for path in out.glob("*/run.json"))) or "none"
        raise LadderError(f"run {folder.path.name} is not known in {out} (known: {known})") from error
    except ValueError as error:
        raise LadderError(f"{folder.record} is damaged ({error}); start a new run") from error
    return record


def upload_inputs(
    session: boto3.Session, deployment: Deployment, experiment: LoadedExperiment, manifest: Manifest
) -> None:
    """Writes the experiment's normalised files, the manifest and where the run takes place."""
    s3 = session.client("s3")
    prefix = manifest.input_prefix
    files = {
        f"{prefix}experiment.json": json.dumps(json_codec.to_jsonable(experiment.experiment), indent=1),
        f"{prefix}documents.jsonl": json_codec.dump_lines(experiment.documents),
        f"{prefix}questions.train.jsonl": json_codec.dump_lines(experiment.train),
        f"{prefix}questions.test.jsonl": json_codec.dump_lines(experiment.test),
        keys.manifest(manifest.experiment, manifest.run): json.dumps(json_codec.to_jsonable(manifest), indent=1),
        keys.environment(manifest.experiment, manifest.run): json.dumps(
            json_codec.to_jsonable(environment.describe(session, experiment.experiment.models)), indent=1
        ),
    }
    for key, text in files.items():
        s3.put_object(Bucket=deployment.bucket, Key=key, Body=text.encode("utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What can be seen of a run at one moment. `done` counts finished answer batches by approach."""

    status: str
    done: dict[str, int]
    planned: dict[str, int]
    step: dict[str, str]
    error: str | None


class Follower:
    """Polls an execution and copies the run's objects as they appear."""

    def __init__(
        self, session: boto3.Session, deployment: Deployment, manifest: Manifest, execution_arn: str, folder: RunFolder
    ) -> None:
        self._s3 = session.client("s3")
        self._states = session.client("stepfunctions")
        self._deployment = deployment
        self._manifest = manifest
        self._arn = execution_arn
        self._folder = folder
        self._copied: dict[str, str] = {}
        batches = -(-len(manifest.test_question_ids) // manifest.batch_size)
        self._planned: dict[str, int] = {approach: batches * len(VARIANTS[approach]) for approach in APPROACHES}

    def poll(self) -> Snapshot:
        """One look: execution status, finished batches, the state that each approach is in."""
        execution = self._states.describe_execution(executionArn=self._arn)
        self._copy()
        done: dict[str, int] = {
            approach: sum(1 for key in self._copied if f"/approach={approach}/answers/" in key)
            for approach in APPROACHES
        }
        status = str(self._told(execution, "status"))
        return Snapshot(
            status=status,
            done=done,
            planned=self._planned,
            step={} if status in FINAL else self._steps(),
            error=None if status in ("RUNNING", "SUCCEEDED") else _reason(execution),
        )

    def follow(self, on_snapshot: Callable[[Snapshot], None]) -> Snapshot:
        """Polls until the execution has ended."""
        while True:
            snapshot = self.poll()
            on_snapshot(snapshot)
            if snapshot.status in FINAL:
                return snapshot
            time.sleep(POLL_SECONDS)

    def _copy(self) -> None:
        prefix = keys.run_prefix(self._manifest.experiment, self._manifest.run)
        for item in Results(self._deployment.bucket, self._s3).objects(prefix):
            if self._copied.get(item["Key"]) == item["ETag"]:
                continue
            path = self._folder.mirror / item["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(path.name + PARTIAL)
            self._s3.download_file(self._deployment.bucket, item["Key"], str(partial))
            partial.replace(path)
            self._copied[item["Key"]] = item["ETag"]

    def _steps(self) -> dict[str, str]:
        steps = {}
        for approach, arn in self._deployment.approach_arns.items():
            running = self._states.list_executions(stateMachineArn=arn, statusFilter="RUNNING", maxResults=10)
            for execution in self._told(running, "executions"):
                history = self._states.get_execution_history(
                    executionArn=execution["executionArn"], reverseOrder=True, maxResults=20
                )
                events = self._told(history, "events")
                names = [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]
                if names:
                    steps[approach] = names[0]
        return steps

    def _told(self, answer: dict[str, Any], member: str) -> Any:
        """A member of an answer. A service that ends while it answers can leave an answer without its content.

        Raises:
            ConnectionClosedError: the answer is such a one.
        """
        if member not in answer:
            raise ConnectionClosedError(endpoint_url=self._states.meta.endpoint_url)
        return answer[member]


def follow_with_progress(
    session: boto3.Session,
    deployment: Deployment,
    manifest: Manifest,
    execution_arn: str,
    folder: RunFolder,
    progress: Progress,
) -> Snapshot:
    """Follows the execution to its end, showing every step of every approach as a stage of its own."""
    follower = Follower(session, deployment, manifest, execution_arn, folder)
    last: Snapshot | None = None
    with progress.stage("run") as stage:
        current, since = "", time.monotonic()

        def show(snapshot: Snapshot) -> None:
            nonlocal current, since
            now = "; ".join(f"{approach}: {step}" for approach, step in snapshot.step.items())
            if now != current:
                if current:
                    progress.record(current, time.monotonic() - since)
                current, since = now, time.monotonic()
            counts = ", ".join(f"{a} {snapshot.done[a]}/{snapshot.planned[a]}" for a in snapshot.planned)
            stage.update(f"{now or 'comparing'}  (answer batches: {counts})")

        last = follower.follow(show)
        if current:
            progress.record(current, time.monotonic() - since)
        stage.update(last.status.lower())
    return last


def _reason(execution: dict[str, Any]) -> str:
    """Why an execution ended as it did, on one line; one that was stopped from outside may give no reason."""
    said = ": ".join(text for name in ("error", "cause") if (text := str(execution.get(name) or "")))
    return " ".join(said.split()) or "no reason was given"


def _execute(session: boto3.Session, deployment: Deployment, manifest: Manifest, *, attempt: int) -> str:
    response = session.client("stepfunctions").start_execution(
        stateMachineArn=deployment.comparison_arn,
        name=f"{manifest.run}-{attempt}",
        input=json.dumps({"experiment": manifest.experiment, "run": manifest.run, "attempt": attempt}),
    )
    return str(response["executionArn"])


def _executions(states: Any, arn: str) -> Iterator[dict[str, Any]]:
    for page in states.get_paginator("list_executions").paginate(stateMachineArn=arn):
        yield from page["executions"]


def _restore(session: boto3.Session, deployment: Deployment, folder: RunFolder, manifest: Manifest) -> int:
    s3 = session.client("s3")
    prefix = keys.run_prefix(manifest.experiment, manifest.run)
    present = {item["Key"] for item in Results(deployment.bucket, s3).objects(prefix)}
    count = 0
    for path in sorted((folder.mirror / prefix).rglob("*")):
        key = path.relative_to(folder.mirror).as_posix()
        if path.is_file() and not path.name.endswith(PARTIAL) and key not in present:
            s3.upload_file(str(path), deployment.bucket, key)
            count += 1
    return count
