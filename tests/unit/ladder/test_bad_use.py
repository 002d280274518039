"""Whatever is asked wrongly ends as one line on standard error and exit code 1."""

from __future__ import annotations

import fcntl
import json
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ladder import cli
from ladder.errors import LadderError
from ladder.experiment.folder import LoadedExperiment
from ladder.runs import execution, reports
from ladder.runs.deployment import Deployment
from tests.offline import small_experiment

Refused = Callable[..., str]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs the command line, which must fail: its one line, without `error: `."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["ladder", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("error: ")
        return lines[0].removeprefix("error: ")

    return run


class EmptyAccount:
    """A session on an account without stacks; moto's CloudFormation needs packages that nothing else here does."""

    region_name = "us-east-1"

    def client(self, service: str) -> EmptyAccount:
        return self

    def describe_stacks(self, **asked: str) -> None:
        error = {"Code": "ValidationError", "Message": "Stack does not exist"}
        raise ClientError({"Error": error}, "DescribeStacks")


@pytest.mark.parametrize("command", ["run", "report"])
def test_nothing_is_deployed(
    refused: Refused, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(boto3, "Session", EmptyAccount)
    said = refused(command, "--experiment", folder, "--out", tmp_path)
    assert said == "stack ladder-tiny-shop-foundation is not deployed; run `make deploy` (or `npx cdk deploy --all`)"


def test_no_account_can_be_reached(refused: Refused, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert refused("run", "--experiment", folder) == "AWS cannot be reached: Unable to locate credentials"


@pytest.fixture
def deployed(session: boto3.Session, deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The mocked account, found whatever experiment is asked for."""
    monkeypatch.setattr(cli, "find", lambda *_: deployment)
    monkeypatch.setattr(boto3, "Session", lambda: session)
    return deployment


@pytest.mark.usefixtures("deployed")
def test_an_unknown_run_and_an_unknown_profile(refused: Refused, folder: Path, tmp_path: Path) -> None:
    options = ("run", "--experiment", folder, "--out", tmp_path)
    assert refused(*options, "--resume", "r1") == f"run r1 is not known in {tmp_path} (known: none)"
    assert refused(*options, "--profile", "huge").startswith("profile 'huge' is not in ")


@pytest.mark.usefixtures("deployed")
def test_another_experiment_is_deployed(refused: Refused, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    settings = other / "experiment.yaml"
    settings.write_text(settings.read_text().replace("name: tiny-shop", "name: other-shop"))
    said = refused("run", "--experiment", other, "--out", tmp_path, "--profile", "small")
    assert said == f"{other} is experiment 'other-shop', deployed is 'tiny-shop'"


def test_the_experiment_has_changed_since_the_start(
    refused: Refused,
    session: boto3.Session,
    deployed: Deployment,
    experiment: LoadedExperiment,
    folder: Path,
    tmp_path: Path,
) -> None:
    manifest, _ = execution.start(session, deployed, experiment, profile="small", out=tmp_path, now=datetime.now(UTC))
    changed = tmp_path / "changed"
    shutil.copytree(folder, changed)
    (changed / "documents" / "SHP-01.md").write_text("---\nid: SHP-01\ntitle: Hours\n---\n\nAlways open.\n")
    said = refused("run", "--experiment", changed, "--out", tmp_path, "--resume", manifest.run)
    assert said.startswith(f"{changed} has changed since run {manifest.run} started; ")


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EndpointConnectionError(endpoint_url="http://localhost:1"), "lost sight of run {run}, which may go on: "),
        (KeyboardInterrupt(), "interrupted; run {run} goes on, join it with --resume {run}"),
    ],
)
def test_losing_sight_of_a_run_says_how_to_join_it(
    refused: Refused, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, said: str
) -> None:
    def follow(*_: object) -> execution.Snapshot:
        raise error

    monkeypatch.setattr(execution, "follow_with_progress", follow)
    found = refused("run", "--experiment", folder, "--out", tmp_path, "--profile", "small")
    (record,) = tmp_path.glob("*/run.json")
    run = record.parent.name
    assert found.startswith(said.format(run=run))
    assert found.endswith(f"join it with --resume {run}")


@pytest.mark.usefixtures("deployed")
def test_a_run_that_failed_without_a_report_says_why(
    refused: Refused, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = execution.Snapshot(status="FAILED", done={}, planned={}, step={}, error="States.Runtime: no such table")

    def fetch(*_: object) -> reports.SavedReport:
        raise LadderError("the run has no report")

    monkeypatch.setattr(execution, "follow_with_progress", lambda *_: failed)
    monkeypatch.setattr(reports, "fetch", fetch)
    found = refused("run", "--experiment", folder, "--out", tmp_path, "--profile", "small")
    assert " ended FAILED: States.Runtime: no such table; go on with --resume r" in found


@pytest.mark.parametrize("command", ["status", "env"])
def test_no_sandbox_runs(refused: Refused, tmp_path: Path, command: str) -> None:
    said = refused("sandbox", command, "--dir", tmp_path)
    assert said == f"no embedded AWS runs in {tmp_path}; start one with `ladder sandbox up`"


def test_two_demos_in_one_folder(refused: Refused, folder: Path, tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = refused("demo", "--experiment", folder, "--out", tmp_path)
    assert said == f"another demo runs in {tmp_path}; name another folder with --out (make demo OUT=...)"


@pytest.mark.usefixtures("deployed")
def test_a_folder_that_cannot_be_written(refused: Refused, folder: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    said = refused("run", "--experiment", folder, "--out", blocked, "--profile", "small")
    assert said.endswith(": Not a directory")


def test_a_damaged_sandbox_state_counts_as_none(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text(json.dumps(["not", "an", "object"]))
    assert refused("sandbox", "status", "--dir", tmp_path).startswith("no embedded AWS runs")


def test_the_small_experiment_is_what_it_says() -> None:
    assert len(small_experiment.PAGES) == 4
    assert len(small_experiment.TEST) == 6
