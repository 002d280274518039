"""Runs are started once, followed with a copy of their objects, and resumed without repeating or losing anything."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError
from rich.console import Console

from contracts import json_codec, keys
from contracts.run import Manifest
from ladder.errors import LadderError
from ladder.experiment.folder import LoadedExperiment, load
from ladder.runs import execution
from ladder.runs.deployment import Deployment
from ladder.runs.progress import Progress

NOW = datetime(2026, 11, 23, 4, 15, 30, tzinfo=UTC)
RUN = "r20261123-041530"


def start(
    session: boto3.Session, deployment: Deployment, experiment: LoadedExperiment, out: Path
) -> tuple[Manifest, str]:
    return execution.start(session, deployment, experiment, profile="small", out=out, now=NOW)


def follower(
    session: boto3.Session, deployment: Deployment, out: Path, started: tuple[Manifest, str]
) -> execution.Follower:
    manifest, arn = started
    return execution.Follower(session, deployment, manifest, arn, execution.RunFolder(path=out / manifest.run))


def put(session: boto3.Session, key: str, text: str = "{}\n") -> None:
    session.client("s3").put_object(Bucket="results", Key=key, Body=text.encode())


def read(session: boto3.Session, key: str) -> str:
    body: bytes = session.client("s3").get_object(Bucket="results", Key=key)["Body"].read()
    return body.decode()


def answers(variant: str, approach: str = "prompting") -> str:
    return keys.answers("tiny-shop", RUN, approach, variant, 0)


def test_a_run_id_is_the_moment_in_utc() -> None:
    assert execution.new_run_id(NOW) == RUN
    assert execution.new_run_id(NOW.astimezone(timezone(timedelta(hours=-7)))) == RUN


def test_the_commit_says_when_files_differ_from_it(tmp_path: Path) -> None:
    assert execution.git_commit(tmp_path) is None

    def git(*arguments: str) -> str:
        options = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ["git", *options, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    head = git("rev-parse", "HEAD")
    assert execution.git_commit(tmp_path) == head
    (tmp_path / "new").touch()
    assert execution.git_commit(tmp_path) == f"{head}+"


def test_start_uploads_the_experiment_and_starts_the_comparison(
    session: boto3.Session, deployment: Deployment, experiment: LoadedExperiment, tmp_path: Path
) -> None:
    manifest, arn = start(session, deployment, experiment, tmp_path)
    assert manifest.run == RUN
    assert json.loads(read(session, keys.manifest("tiny-shop", RUN))) == json_codec.to_jsonable(manifest)
    assert json.loads(read(session, keys.environment("tiny-shop", RUN)))["embedded"] is False
    assert read(session, f"{manifest.input_prefix}documents.jsonl") == json_codec.dump_lines(experiment.documents)
    assert read(session, f"{manifest.input_prefix}questions.test.jsonl") == json_codec.dump_lines(experiment.test)
    execution = session.client("stepfunctions").describe_execution(executionArn=arn)
    assert execution["name"] == f"{RUN}-1"
    assert json.loads(execution["input"]) == {"experiment": "tiny-shop", "run": RUN, "attempt": 1}
    record = json.loads((tmp_path / RUN / "run.json").read_text())
    assert record["experiment_folder"] == str(experiment.folder)
    with pytest.raises(LadderError, match=rf"^run {RUN} exists in .*; continue it with --resume {RUN}$"):
        start(session, deployment, experiment, tmp_path)


def test_start_refuses_an_unknown_profile_and_another_experiment(
    session: boto3.Session, deployment: Deployment, experiment: LoadedExperiment, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(LadderError, match=r"profile 'huge' is not in .*; use one of small, all"):
        execution.start(session, deployment, experiment, profile="huge", out=tmp_path / "out", now=NOW)
    other = renamed(folder, tmp_path / "other")
    with pytest.raises(LadderError, match=r"is experiment 'other-shop', deployed is 'tiny-shop'$"):
        start(session, deployment, load(other), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def renamed(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    settings = target / "experiment.yaml"
    settings.write_text(settings.read_text().replace("name: tiny-shop", "name: other-shop"))
    return target


def test_following_copies_what_is_new_and_counts_finished_batches(
    session: boto3.Session, deployment: Deployment, experiment: LoadedExperiment, tmp_path: Path
) -> None:
    started = start(session, deployment, experiment, tmp_path)
    watching = follower(session, deployment, tmp_path, started)
    first = watching.poll()
    assert (first.status, first.error) == ("RUNNING", None)
    assert first.done == {"prompting": 0, "rag": 0, "fine-tuning": 0}
    assert first.planned == {"prompting": 3, "rag": 2, "fine-tuning": 4}
    put(session, answers("zero-shot"), "one\n")
    put(session, answers("rag", "rag"), "two\n")
    assert watching.poll().done == {"prompting": 1, "rag": 1, "fine-tuning": 0}
    copy = tmp_path / RUN / "bucket" / answers("zero-shot")
    assert copy.read_text() == "one\n"
    # The same object is not fetched again, a changed one is.
    copy.write_text("untouched")
    watching.poll()
    assert copy.read_text() == "untouched"
    put(session, answers("zero-shot"), "three\n")
    assert watching.poll().done["prompting"] == 1
    assert copy.read_text() == "three\n"
    assert not list(tmp_path.rglob(f"*{execution.PARTIAL}"))


def test_a_run_that_was_stopped_says_so(
    session: boto3.Session, deployment: Deployment, experiment: LoadedExperiment, tmp_path: Path
) -> None:
    started = start(session, deployment, experiment, tmp_path)
    session.client("stepfunctions").stop_execution(executionArn=started[1])
    seen: list[execution.Snapshot] = []
    last = follower(session, deployment, tmp_path, started).follow(seen.append)
    assert (last.status, last.error, last.step) == ("ABORTED", "no reason was given", {})
    assert seen == [last]


def test_why_a_run_failed_is_one_line() -> None:
    failed = {"error": "ApproachesFailed", "cause": '["rag"] did not\n  finish'}
    assert execution._reason(failed) == 'ApproachesFailed: ["rag"] did not finish'


def test_resume_joins_an_execution_that_still_runs(
    session: boto3.Session, deployment: Deployment, experiment: LoadedExperiment, tmp_path: Path
) -> None:
    manifest, arn = start(session, deployment, experiment, tmp_path)
    assert execution.resume(session, deployment, experiment, run=RUN, out=tmp_path) == (manifest, arn, 0)


def test_resume_gives_lost_objects_back_and_counts_attempts(
    session: boto3.Session, deployment: Deployment, experiment: LoadedExperiment, tmp_path: Path
) -> None:
    started = start(session, deployment, experiment, tmp_path)
    put(session, answers("zero-shot"), "kept\n")
    put(session, answers("few-shot"), "lost\n")
    follower(session, deployment, tmp_path, started).poll()
    session.client("stepfunctions").stop_execution(executionArn=started[1])
    s3 = session.client("s3")
    s3.delete_object(Bucket="results", Key=answers("few-shot"))
    put(session, answers("zero-shot"), "newer\n")
    (tmp_path / RUN / "bucket" / f"{answers('few-shot')}{execution.PARTIAL}").write_text("half")
    manifest, arn, given_back = execution.resume(session, deployment, experiment, run=RUN, out=tmp_path)
    assert (manifest, given_back) == (started[0], 1)
    assert read(session, answers("few-shot")) == "lost\n"
    assert read(session, answers("zero-shot")) == "newer\n"
    listed = [item["Key"] for item in s3.list_objects_v2(Bucket="results")["Contents"]]
    assert not any(key.endswith(execution.PARTIAL) for key in listed)
    states = session.client("stepfunctions")
    assert states.describe_execution(executionArn=arn)["name"] == f"{RUN}-2"
    states.stop_execution(executionArn=arn)
    _, again, _ = execution.resume(session, deployment, experiment, run=RUN, out=tmp_path)
    assert states.describe_execution(executionArn=again)["name"] == f"{RUN}-3"


def test_attempts_are_counted_on_where_the_account_forgot_them(
    session: boto3.Session, deployment: Deployment, experiment: LoadedExperiment, tmp_path: Path
) -> None:
    _, arn = start(session, deployment, experiment, tmp_path)
    states = session.client("stepfunctions")
    states.stop_execution(executionArn=arn)
    record = tmp_path / RUN / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "attempt": 4}))
    _, arn, _ = execution.resume(session, deployment, experiment, run=RUN, out=tmp_path)
    assert states.describe_execution(executionArn=arn)["name"] == f"{RUN}-5"
    assert json.loads(record.read_text())["attempt"] == 5


def test_resume_refuses_what_it_cannot_continue(
    session: boto3.Session, deployment: Deployment, experiment: LoadedExperiment, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(LadderError, match=r"^run r1 is not known in .* \(known: none\)$"):
        execution.resume(session, deployment, experiment, run="r1", out=tmp_path)
    start(session, deployment, experiment, tmp_path)
    with pytest.raises(LadderError, match=rf"^run r1 is not known in .* \(known: {RUN}\)$"):
        execution.resume(session, deployment, experiment, run="r1", out=tmp_path)
    other = load(renamed(folder, tmp_path / "other"))
    with pytest.raises(LadderError, match=rf"^run {RUN} is one of experiment 'tiny-shop', .*--experiment {folder}$"):
        execution.resume(session, deployment, other, run=RUN, out=tmp_path)
    changed = tmp_path / "changed"
    shutil.copytree(folder, changed)
    (changed / "documents" / "SHP-01.md").write_text("---\nid: SHP-01\ntitle: Hours\n---\n\nAlways open.\n")
    with pytest.raises(LadderError, match=rf"^.* has changed since run {RUN} started; put the files back"):
        execution.resume(session, deployment, load(changed), run=RUN, out=tmp_path)
    (tmp_path / RUN / "run.json").write_text("{")
    with pytest.raises(LadderError, match=r"run\.json is damaged \(.*\); start a new run$"):
        execution.resume(session, deployment, experiment, run=RUN, out=tmp_path)


class Snapshots:
    """A follower that has seen everything already."""

    def __init__(self, *steps: dict[str, str]) -> None:
        counts = {"prompting": 1, "rag": 0, "fine-tuning": 0}
        self.all = [
            execution.Snapshot(status="RUNNING", done=counts, planned=dict.fromkeys(counts, 2), step=step, error=None)
            for step in steps
        ]

    def follow(self, on_snapshot: Any) -> execution.Snapshot:
        last = execution.Snapshot(status="SUCCEEDED", done={}, planned={}, step={}, error=None)
        for snapshot in (*self.all, last):
            on_snapshot(snapshot)
        return last


def test_every_step_of_every_approach_is_shown_once(
    session: boto3.Session, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prepare, answer = {"prompting": "Prepare"}, {"prompting": "AnswerAll"}
    monkeypatch.setattr(execution, "Follower", lambda *_: Snapshots({}, prepare, prepare, answer, {}))
    console = Console(record=True, width=120, force_terminal=False, quiet=False)
    progress = Progress(console)
    manifest: Any = None
    last = execution.follow_with_progress(
        session, deployment, manifest, "arn", execution.RunFolder(path=tmp_path), progress
    )
    assert last.status == "SUCCEEDED"
    assert list(progress.seconds) == ["prompting: Prepare", "prompting: AnswerAll", "run"]
    assert "succeeded" in console.export_text()


def test_an_answer_without_its_content_is_a_lost_connection(
    session: boto3.Session, deployment: Deployment, experiment: LoadedExperiment, tmp_path: Path
) -> None:
    following = follower(session, deployment, tmp_path, start(session, deployment, experiment, tmp_path))
    with pytest.raises(ConnectionClosedError, match="Connection was closed before we received a valid response"):
        following._told({"ResponseMetadata": {}}, "executions")
    assert following._told({"executions": []}, "executions") == []
