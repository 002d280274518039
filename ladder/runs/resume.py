"""Continues a run that was cut off.

A run that is resumed on an account (or embedded AWS) that lost it gets its objects back from the copy on this machine,
and every step skips what is already there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contracts import json_codec, keys
from contracts.run import Manifest
from ladder.deployment import Deployment
from ladder.errors import LadderError
from ladder.experiment.folder import LoadedExperiment
from ladder.files import read_json
from ladder.runs.follow import MIRROR, PARTIAL
from ladder.runs.start import StartedRun, execute, upload_inputs, write_record


def resume(deployment: Deployment, loaded: LoadedExperiment, *, run: str, out: Path) -> StartedRun:
    """Continue `run`: join its execution if one still runs, else give lost objects back and start another.

    Raises:
        LadderError: the run is not known in `out`, is one of another experiment, or the experiment's files have changed
            since it started.
    """
    folder = out / run
    record, manifest = _read_record(folder)
    if not manifest.experiment == loaded.experiment.name == deployment.experiment:
        raise LadderError(
            f"run {run} is one of experiment {manifest.experiment!r}, {loaded.folder} is "
            f"{loaded.experiment.name!r}; continue it with --experiment {record['experiment_folder']}"
        )
    if loaded.sha256 != manifest.input_sha256:
        raise LadderError(
            f"{loaded.folder} has changed since run {run} started; put the files back, or start a new run"
        )
    attempt = 1
    paginator = deployment.session.client("stepfunctions").get_paginator("list_executions")
    for page in paginator.paginate(stateMachineArn=deployment.comparison_arn):
        for execution in page["executions"]:
            if not execution["name"].startswith(f"{run}-"):
                continue
            if execution["status"] == "RUNNING":
                return StartedRun(manifest=manifest, execution_arn=str(execution["executionArn"]), folder=folder)
            attempt = max(attempt, int(execution["name"].rpartition("-")[2]))
    upload_inputs(deployment, loaded, manifest)
    restored = _restore(deployment, folder / MIRROR, manifest)
    # An account that forgot the executions still holds model names of earlier attempts in the mirror, so count on.
    attempt = max(attempt, int(record.get("attempt", 1))) + 1
    write_record(folder, {**record, "attempt": attempt})
    arn = execute(deployment, manifest, attempt=attempt)
    return StartedRun(manifest=manifest, execution_arn=arn, folder=folder, restored=restored)


def _read_record(folder: Path) -> tuple[dict[str, Any], Manifest]:
    file = folder / "run.json"
    try:
        record = read_json(file, "start a new run")
        return record, json_codec.from_jsonable(Manifest, record["manifest"])
    except FileNotFoundError as error:
        out = folder.parent
        known = ", ".join(sorted(path.parent.name for path in out.glob("*/run.json"))) or "none"
        raise LadderError(f"run {folder.name} is not known in {out} (known: {known})") from error
    except (KeyError, TypeError, ValueError) as error:
        raise LadderError(f"{file} is damaged ({error}); start a new run") from error


def _restore(deployment: Deployment, mirror: Path, manifest: Manifest) -> int:
    """Upload the copied objects that the bucket lacks, and return how many they are."""
    results = deployment.results
    prefix = keys.run_prefix(manifest.experiment, manifest.run)
    present = set(results.list_keys(prefix))
    count = 0
    for path in sorted((mirror / prefix).rglob("*")):
        key = path.relative_to(mirror).as_posix()
        if path.is_file() and not path.name.endswith(PARTIAL) and key not in present:
            results.s3.upload_file(str(path), deployment.bucket, key)
            count += 1
    return count
