"""Whatever is asked wrongly ends as one line on standard error and exit code 1."""

from __future__ import annotations

import fcntl
import json
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ladder import cli, deployment
from ladder.errors import LadderError
from ladder.runs import follow, reports
from offline.process import ports
from tests.offline import small_experiment
from tests.unit.ladder.conftest import Account

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
    line = refused(command, "--experiment", folder, "--out", tmp_path)
    assert line == "stack ladder-tiny-shop-foundation is not deployed; run `make deploy` (or `npx cdk deploy --all`)"


def test_no_account_can_be_reached(refused: Refused, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert refused("run", "--experiment", folder) == "AWS cannot be reached: Unable to locate credentials"


@pytest.fixture
def run_refused(account: Account, refused: Refused, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Runs `ladder run` on the mocked account, which is found whatever experiment is asked for; the line it fails with.

    Options that are given last count.
    """
    monkeypatch.setattr(deployment, "find", lambda *_: account.deployment)
    options = ("--experiment", folder, "--out", account.out, "--profile", "small", "--yes")
    return lambda *arguments: refused("run", *options, *arguments)


def test_an_unknown_run_and_an_unknown_profile(run_refused: Refused, tmp_path: Path) -> None:
    assert run_refused("--resume", "r1") == f"run r1 is not known in {tmp_path} (known: none)"
    assert run_refused("--profile", "huge").startswith("profile 'huge' is not in ")


def test_another_experiment_is_deployed(run_refused: Refused, other_folder: Path) -> None:
    line = run_refused("--experiment", other_folder)
    assert line == f"{other_folder} is experiment 'other-shop', deployed is 'tiny-shop'"


def test_the_experiment_has_changed_since_the_start(
    run_refused: Refused, account: Account, changed_folder: Path
) -> None:
    run = account.start().manifest.run
    line = run_refused("--experiment", changed_folder, "--resume", run)
    assert line.startswith(f"{changed_folder} has changed since run {run} started; ")


@pytest.mark.parametrize(
    ("error", "start"),
    [
        (EndpointConnectionError(endpoint_url="http://localhost:1"), "lost sight of run {run}, which may go on: "),
        (KeyboardInterrupt(), "interrupted; run {run} goes on, join it with --resume {run}"),
    ],
)
def test_losing_sight_of_a_run_says_how_to_join_it(
    run_refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, start: str
) -> None:
    monkeypatch.setattr(follow, "follow", mock.Mock(side_effect=error))
    line = run_refused()
    (record,) = tmp_path.glob("*/run.json")
    run = record.parent.name
    assert line.startswith(start.format(run=run))
    assert line.endswith(f"join it with --resume {run}")


def test_a_run_that_failed_without_a_report_says_why(run_refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = follow.Snapshot(status="FAILED", step={}, counts={}, error="States.Runtime: no such table")
    monkeypatch.setattr(follow, "follow", lambda *_: failed)
    monkeypatch.setattr(reports, "fetch", mock.Mock(side_effect=LadderError("the run has no report")))
    assert " ended FAILED: States.Runtime: no such table; go on with --resume r" in run_refused()


def test_a_run_that_did_not_measure_everything_shows_its_report_and_is_no_success(
    run_refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = 'NotMeasured: ["rag (rag+few-shot): 12 of 12 failed, ValidationException: Input is too long"]'
    gaps = follow.Snapshot(status="FAILED", step={}, counts={}, error=error)
    assert gaps.reported
    monkeypatch.setattr(follow, "follow", lambda *_: gaps)
    monkeypatch.setattr(reports, "fetch", mock.Mock(return_value="the report"))
    shown = mock.Mock()
    monkeypatch.setattr(reports, "show", shown)
    line = run_refused()
    assert shown.call_args.args[0] == "the report"
    assert 'not everything was measured: ["rag (rag+few-shot): 12 of 12 failed, ' in line
    assert line.endswith("correct experiment.yaml and start a new run")


def test_a_folder_that_cannot_be_written(run_refused: Refused, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert run_refused("--out", blocked).endswith(": Not a directory")


@pytest.mark.parametrize("command", ["status", "env"])
def test_no_sandbox_runs(refused: Refused, tmp_path: Path, command: str) -> None:
    assert (
        refused("sandbox", command, "--dir", tmp_path)
        == f"no embedded AWS runs in {tmp_path}; start one with `ladder sandbox up`"
    )


def test_two_demos_in_one_folder(refused: Refused, folder: Path, tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        line = refused("demo", "--experiment", folder, "--out", tmp_path)
    assert line == f"another demo runs in {tmp_path}; name another folder with --out (make demo OUT=...)"


def test_a_damaged_sandbox_state_counts_as_none(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text(json.dumps(["not", "an", "object"]))
    assert refused("sandbox", "status", "--dir", tmp_path).startswith("no embedded AWS runs")


def test_the_small_experiment_is_what_it_says() -> None:
    assert len(small_experiment.PAGES) == 4
    assert len(small_experiment.TEST) == 6


def test_a_defect_is_one_line_and_debug_shows_where(
    refused: Refused, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("no such\nname")

    monkeypatch.setattr(deployment, "find", broken)
    line = refused("run", "--experiment", folder)
    assert line == "unexpected KeyError: 'no such\\nname'; this is a defect, --debug shows where"
    monkeypatch.setattr(sys, "argv", ["ladder", "run", "--debug", "--experiment", str(folder)])
    with pytest.raises(KeyError):
        cli.main()


def test_an_error_never_steers_the_terminal(refused: Refused, tmp_path: Path) -> None:
    assert refused("estimate", "--experiment", tmp_path / "\x1b]0;x\x07") == (
        f"{tmp_path}/\\x1b]0;x\\x07: does not exist; name the folder that holds experiment.yaml"
    )


@pytest.mark.parametrize(
    ("option", "name", "end"),
    [
        ("--csv", "experiment.yaml", ".csv"),
        ("--json", "charges.csv", ".json"),
        ("--html", "page", ".html"),
        ("--markdown", "README", ".md"),
    ],
)
def test_a_result_is_never_written_over_a_file_of_another_form(
    refused: Refused, folder: Path, tmp_path: Path, option: str, name: str, end: str
) -> None:
    path = tmp_path / name
    path.write_text("mine", encoding="utf-8")
    assert refused("estimate", "--experiment", folder, option, path) == (f"{option} {path}: the name must end in {end}")
    assert path.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("command", ["demo", "sandbox up"])
def test_a_model_that_cannot_answer_is_refused_before_anything_starts(
    refused: Refused, folder: Path, tmp_path: Path, command: str
) -> None:
    where = (
        ("--dir", tmp_path / "box") if command == "sandbox up" else ("--experiment", folder, "--out", tmp_path / "out")
    )
    (tmp_path / "mine").mkdir()
    assert "no config.json in it" in refused(*command.split(), *where, "--model", tmp_path / "mine")
    (port,) = ports.free_ports(1)
    url = f"http://127.0.0.1:{port}/v1"
    line = refused(*command.split(), *where, "--model-url", url, "--model-name", "m")
    assert line == (
        f"--model-url {url}: the model server at 127.0.0.1:{port} cannot be reached: Connection refused; is the server "
        "running?"
    )
    line = refused(*command.split(), *where, "--model-url", "http://192.0.2.1/v1", "--model-name", "m")
    assert "is not on this machine" in line
    assert not (tmp_path / "box").exists()
    assert not (tmp_path / "out").exists()
