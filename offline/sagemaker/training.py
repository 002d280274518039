"""Training jobs: the `code` channel's script runs as a child process with the container's variables and folders."""

from __future__ import annotations

import contextlib
import json
import math
import re
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline.common.wire import AwsError, invalid
from offline.process import children
from offline.process.layout import tail
from offline.sagemaker.errors import job_has_ended, job_name_used, job_not_found
from offline.sagemaker.logs import JobLog
from offline.sagemaker.objects import Objects
from offline.sagemaker.state import untagged

_SCRIPT = re.compile(r"[\w./-]+\.py\b")
STOP_GRACE_S = 20.0
SYNC_S = 1.0


@dataclass
class Job:
    """One training job; `description` is what DescribeTrainingJob answers."""

    request: Mapping[str, Any]
    folder: Path
    description: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None
    stopping: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def ended(self) -> bool:
        return self.description["TrainingJobStatus"] in ("Completed", "Failed", "Stopped")

    def enter(self, secondary: str) -> None:
        now = time.time()
        history = self.description["SecondaryStatusTransitions"]
        if history:
            history[-1]["EndTime"] = now
        history.append({"Status": secondary, "StartTime": now})
        self.description["SecondaryStatus"] = secondary
        self.description["LastModifiedTime"] = now

    def end(self, status: str, secondary: str, reason: str | None = None) -> None:
        now = time.time()
        started = self.description.get("TrainingStartTime", now)
        seconds = math.ceil(now - started)
        self.enter(secondary)
        if reason:
            self.description["FailureReason"] = reason[:1024]
        self.description.update(
            TrainingEndTime=now, TrainingTimeInSeconds=seconds, BillableTimeInSeconds=seconds, TrainingJobStatus=status
        )


class TrainingJobs:
    """Runs jobs one at a time in the order they came: they share this machine's cores."""

    def __init__(
        self,
        *,
        directory: Path,
        objects: Objects,
        logs: Any,
        environment: Mapping[str, str],
        base_model: str,
        before_training: Callable[[], None],
    ) -> None:
        self._directory = directory
        self._objects = objects
        self._logs = logs
        self._environment = environment
        self._base_model = base_model
        self._before_training = before_training
        self._turn = threading.Lock()
        self.jobs: dict[str, Job] = {}

    def create(self, request: Mapping[str, Any], arn: str) -> None:
        name = request["TrainingJobName"]
        if name in self.jobs:
            raise job_name_used(name)
        self._script(request)
        now = time.time()
        job = Job(
            request=request,
            folder=self._directory / name,
            description={
                **untagged(request),
                "TrainingJobArn": arn,
                "TrainingJobStatus": "InProgress",
                "SecondaryStatus": "Starting",
                "SecondaryStatusTransitions": [],
                "CreationTime": now,
                "LastModifiedTime": now,
                "ModelArtifacts": {
                    "S3ModelArtifacts": f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{name}"
                    "/output/model.tar.gz"
                },
            },
        )
        job.enter("Starting")
        self.jobs[name] = job
        threading.Thread(target=self._run, args=(job,), name=f"training-{name}", daemon=True).start()

    def get(self, name: str) -> Job:
        if name not in self.jobs:
            raise job_not_found()
        return self.jobs[name]

    def stop(self, name: str) -> None:
        job = self.get(name)
        with job.lock:
            if job.ended:
                raise job_has_ended(job.description["TrainingJobStatus"])
            job.stopping = True
            job.description["TrainingJobStatus"] = "Stopping"
            process = job.process
        if process is not None:
            threading.Thread(target=_terminate, args=(process,), daemon=True).start()

    def close(self) -> None:
        for job in self.jobs.values():
            if job.process is not None and job.process.poll() is None:
                job.process.kill()

    def _run(self, job: Job) -> None:
        try:
            with self._turn:
                self._train(job)
        except AwsError as error:
            job.end("Failed", "Failed", f"ClientError: {error.message}")
        except Exception as error:  # noqa: BLE001  (a job that never ends would be waited for without end)
            job.end("Failed", "Failed", f"InternalServerError: {error}")

    def _train(self, job: Job) -> None:
        if job.stopping:
            job.end("Stopped", "Stopped")
            return
        shutil.rmtree(job.folder, ignore_errors=True)
        request, folder = job.request, job.folder
        job.description["TrainingStartTime"] = time.time()
        job.enter("Downloading")
        channels = {}
        for channel in request.get("InputDataConfig", ()):
            name = channel["ChannelName"]
            uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
            channels[name] = folder / "input" / "data" / name
            if self._objects.download_folder(uri, channels[name]) == 0:
                raise invalid(f"No S3 objects found under prefix {uri} of channel {name}")
        checkpoints = request.get("CheckpointConfig", {}).get("S3Uri")
        if checkpoints:
            self._objects.download_folder(checkpoints, folder / "checkpoints")
        script = channels["code"] / self._script(request)
        if not script.is_file():
            raise invalid(f"channel code has no {script.name}")
        variables = self._variables(job, channels)
        self._before_training()
        job.enter("Training")
        outcome = self._execute(job, script, variables, checkpoints)
        if outcome == "completed":
            job.enter("Uploading")
            self._upload(job)
            job.end("Completed", "Completed")
        elif outcome == "failed":
            job.end("Failed", "Failed", _reason(job))
        else:
            job.end("Stopped", "MaxRuntimeExceeded" if outcome == "late" else "Stopped")

    def _execute(self, job: Job, script: Path, variables: Mapping[str, str], checkpoints: str | None) -> str:
        """Run the script to its end: `completed`, `failed`, `stopped` or `late`."""
        known: dict[str, tuple[int, int]] = {}
        log = JobLog(self._logs, job.request["TrainingJobName"], job.log)
        limit = time.monotonic() + job.request["StoppingCondition"].get("MaxRuntimeInSeconds", 86400)
        late = False
        with job.lock:
            stopped_early = job.stopping  # while its inputs were downloaded
            if stopped_early:
                return "stopped"
            job.process = process = children.start(
                "offline.process.child", str(script), environment=variables, log=job.log
            )
        try:
            while process.poll() is None:
                log.sync()
                if checkpoints:
                    self._objects.upload_folder(job.folder / "checkpoints", checkpoints, known=known)
                if time.monotonic() > limit and not late:
                    late = True
                    _terminate(process)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(SYNC_S)
        finally:
            # A job that failed here, for instance because a checkpoint could not be stored, trains no longer.
            if process.stdin is not None:
                process.stdin.close()
        log.sync()
        if checkpoints:
            self._objects.upload_folder(job.folder / "checkpoints", checkpoints, known=known)
        if late:
            return "late"
        if job.stopping:
            return "stopped"
        return "completed" if process.returncode == 0 else "failed"

    def _variables(self, job: Job, channels: Mapping[str, Path]) -> dict[str, str]:
        """Return the variables of the container contract; folders as in /opt/ml."""
        hyperparameters = _with_base(job.request.get("HyperParameters", {}), self._base_model)
        config = job.folder / "input" / "config"
        config.mkdir(parents=True)
        (config / "hyperparameters.json").write_text(json.dumps(hyperparameters), encoding="utf-8")
        folders = {
            "SM_MODEL_DIR": job.folder / "model",
            "SM_OUTPUT_DIR": job.folder / "output",
            "SM_OUTPUT_DATA_DIR": job.folder / "output" / "data",
            "SM_CHECKPOINT_DIR": job.folder / "checkpoints",
        }
        for path in folders.values():
            path.mkdir(parents=True, exist_ok=True)
        return {
            **self._environment,
            **{name: str(path) for name, path in folders.items()},
            **{f"SM_CHANNEL_{name.upper()}": str(path) for name, path in channels.items()},
            "SM_HPS": json.dumps(hyperparameters),
            "TRAINING_JOB_NAME": job.request["TrainingJobName"],
        }

    def _upload(self, job: Job) -> None:
        archive = job.folder / "model.tar.gz"
        # Weights hardly compress; the fastest level keeps the format and saves the seconds.
        with tarfile.open(archive, "w:gz", compresslevel=1) as packed:
            for path in sorted((job.folder / "model").iterdir()):
                packed.add(path, arcname=path.name)
        self._objects.upload(archive, job.description["ModelArtifacts"]["S3ModelArtifacts"])
        archive.unlink()

    @staticmethod
    def _script(request: Mapping[str, Any]) -> str:
        """Return the file name of the script that the container would run."""
        specification = request["AlgorithmSpecification"]
        command = [*specification.get("ContainerEntrypoint", ()), *specification.get("ContainerArguments", ())]
        scripts = _SCRIPT.findall(" ".join(command))
        channels = [channel["ChannelName"] for channel in request.get("InputDataConfig", ())]
        if not scripts or "code" not in channels:
            raise invalid(
                "the embedded AWS runs no container: the job needs a channel named code and a container command that "
                "starts a .py file of it"
            )
        return Path(scripts[-1]).name


def _with_base(hyperparameters: Mapping[str, str], base_model: str) -> dict[str, str]:
    """Return the hyperparameters for the base that is on this machine, whichever base they name.

    What else they say of another base (its revision, its hashes) would not be true of this one.
    """
    if hyperparameters.get("base_model", base_model) == base_model:
        return dict(hyperparameters)
    others = {name: value for name, value in hyperparameters.items() if not name.startswith("base_")}
    return {**others, "base_model": base_model}


def _terminate(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _reason(job: Job) -> str:
    failure = job.folder / "output" / "failure"
    if failure.is_file():
        return f"AlgorithmError: {failure.read_text(encoding='utf-8', errors='replace').strip()}"
    return f"AlgorithmError: the training script failed; its last lines: {tail(job.log, 3)}"
