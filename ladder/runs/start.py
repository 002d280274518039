"""Starts a run on a deployment: draws its questions, uploads the experiment, starts the comparison."""

from __future__ import annotations

import json
import secrets
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from contracts import json_codec, keys
from contracts.run import Manifest
from cost_reports.prices.catalogue import Catalogue
from ladder import embedded_aws
from ladder.check.limits import require_fit
from ladder.deployment import Deployment
from ladder.errors import LadderError
from ladder.experiment.folder import LoadedExperiment
from ladder.files import write_text
from ladder.runs.manifest import plan
from ladder.runs.preflight_prices import require_prices
from lambdas.common.runtime import error_code
from lambdas.common.store import StoredObject

#: Letters and digits that no one takes for another one.
SUFFIX_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
SUFFIX_LENGTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedRun:
    """A run whose comparison is executing, and its local side, `<out>/<run>`.

    `folder` holds `run.json` (the experiment's folder, the manifest, attempts), `bucket/` (a copy of the run's objects)
    and reports. `restored` counts the objects that a resumed run gave back to the bucket.
    """

    manifest: Manifest
    execution_arn: str
    folder: Path
    restored: int = 0


def new_run_id(now: datetime) -> str:
    """Return, for instance, `r20261123-041530-k3fb`: no other start of the same second has it."""
    suffix = "".join(secrets.choice(SUFFIX_LETTERS) for _ in range(SUFFIX_LENGTH))
    return f"r{now.astimezone(UTC):%Y%m%d-%H%M%S}-{suffix}"


def git_commit(folder: Path) -> str | None:
    """Return the commit of the checkout that holds `folder`, with `+` when files differ from it; None outside one."""
    try:
        head, changes = (
            subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
            for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain"))
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+" if changes else "")


def start(deployment: Deployment, loaded: LoadedExperiment, *, profile: str, out: Path, now: datetime) -> StartedRun:
    """Upload the experiment and start the comparison.

    Raises:
        LadderError: another experiment is deployed, something has no price, the profile is not known, or a prompt
            cannot fit its model.
    """
    experiment = loaded.experiment
    if experiment.name != deployment.experiment:
        raise LadderError(f"{loaded.folder} is experiment {experiment.name!r}, deployed is {deployment.experiment!r}")
    catalogue = Catalogue.load()
    require_prices(experiment.models, deployment.region, catalogue)
    run = new_run_id(now)
    created = now.astimezone(UTC).isoformat(timespec="seconds")
    manifest = plan(loaded, profile, run, created=created, git_commit=git_commit(Path(__file__).parent))
    require_fit(loaded, manifest, catalogue)
    folder = out / run
    folder.mkdir(parents=True)
    write_record(folder, {"experiment_folder": str(loaded.folder), "manifest": json_codec.to_jsonable(manifest)})
    _claim(deployment, manifest)
    upload_inputs(deployment, loaded, manifest)
    return StartedRun(manifest=manifest, execution_arn=execute(deployment, manifest, attempt=1), folder=folder)


def _claim(deployment: Deployment, manifest: Manifest) -> None:
    """Write the manifest where none is, so that no two runs share a prefix.

    Raises:
        LadderError: the bucket holds a run of that id.
    """
    key = keys.manifest(manifest.experiment, manifest.run)
    body = json.dumps(json_codec.to_jsonable(manifest), indent=1).encode()
    stored = StoredObject(body=body, content_type="application/json", metadata={})
    try:
        deployment.results.put_if(key, stored, None)
    except ClientError as error:
        if error_code(error) != "PreconditionFailed":
            raise
        raise LadderError(f"{deployment.results.uri(key)} exists: another run has this id; start again") from error


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write the `run.json` of a run: what resuming it needs."""
    write_text(folder / "run.json", json.dumps(record, indent=1))


def upload_inputs(deployment: Deployment, loaded: LoadedExperiment, manifest: Manifest) -> None:
    """Write the experiment's normalised files, the manifest, and where the run takes place."""
    results = deployment.results
    lines = {"documents": loaded.documents, "questions.train": loaded.train, "questions.test": loaded.test}
    for name, values in lines.items():
        results.write(f"{manifest.input_prefix}{name}.jsonl", values)
    endpoint = str(results.s3.meta.endpoint_url)
    records = {
        f"{manifest.input_prefix}experiment.json": loaded.experiment,
        keys.manifest(manifest.experiment, manifest.run): manifest,
        keys.environment(manifest.experiment, manifest.run): embedded_aws.describe(endpoint, loaded.experiment.models),
    }
    for key, record in records.items():
        results.write_text(key, json.dumps(json_codec.to_jsonable(record), indent=1))


def execute(deployment: Deployment, manifest: Manifest, *, attempt: int) -> str:
    """Start the comparison, and return the ARN of its execution."""
    response = deployment.session.client("stepfunctions").start_execution(
        stateMachineArn=deployment.comparison_arn,
        name=f"{manifest.run}-{attempt}",
        input=json.dumps({"experiment": manifest.experiment, "run": manifest.run, "attempt": attempt}),
    )
    return str(response["executionArn"])
