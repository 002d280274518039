"""Runs are started once, followed with a copy of their objects, and resumed without repeating or losing anything."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ConnectionClosedError
from rich.console import Console

from contracts import json_codec, keys
from ladder.deployment import Deployment
from ladder.errors import LadderError
from ladder.experiment.folder import load
from ladder.progress import Count, Progress
from ladder.runs import follow
from ladder.runs.follow import PARTIAL, Snapshot
from ladder.runs.start import StartedRun, git_commit, new_run_id
from tests.unit.ladder.conftest import NOW, RUN, Account


def answers(variant: str, approach: str = "prompting") -> str:
    return keys.answers("tiny-shop", RUN, approach, variant, 0)


def test_a_run_id_is_the_moment_in_utc() -> None:
    moment = RUN.rpartition("-")[0]
    assert new_run_id(NOW).rpartition("-")[0] == moment
    assert new_run_id(NOW.astimezone(timezone(timedelta(hours=-7)))).rpartition("-")[0] == moment


def test_no_two_starts_of_a_second_share_an_id() -> None:
    assert len({new_run_id(NOW) for _ in range(40)}) == 40


def test_the_commit_says_when_files_differ_from_it(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None

    def git(*arguments: str) -> str:
        options = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ["git", *options, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    head = git("rev-parse", "HEAD")
    assert git_commit(tmp_path) == head
    (tmp_path / "new").touch()
    assert git_commit(tmp_path) == f"{head}+"


def test_start_uploads_the_experiment_and_starts_the_comparison(account: Account) -> None:
    run = account.start()
    manifest, experiment = run.manifest, account.experiment
    assert manifest.run == RUN
    assert json.loads(account.read(keys.manifest("tiny-shop", RUN))) == json_codec.to_jsonable(manifest)
    assert json.loads(account.read(keys.environment("tiny-shop", RUN)))["embedded"] is False
    assert account.read(f"{manifest.input_prefix}documents.jsonl") == json_codec.dump_lines(experiment.documents)
    assert account.read(f"{manifest.input_prefix}questions.test.jsonl") == json_codec.dump_lines(experiment.test)
    execution = account.states.describe_execution(executionArn=run.execution_arn)
    assert execution["name"] == f"{RUN}-1"
    assert json.loads(execution["input"]) == {"experiment": "tiny-shop", "run": RUN, "attempt": 1}
    record = json.loads((account.out / RUN / "run.json").read_text())
    assert record["experiment_folder"] == str(experiment.folder)


def test_a_run_that_the_bucket_holds_is_never_written_over(account: Account) -> None:
    account.put(keys.manifest("tiny-shop", RUN), "of another machine")
    with pytest.raises(LadderError, match=rf"run={RUN}/manifest\.json exists: another run has this id; start again$"):
        account.start()
    assert account.read(keys.manifest("tiny-shop", RUN)) == "of another machine"
    assert not account.states.list_executions(stateMachineArn=account.deployment.comparison_arn)["executions"]


def test_start_refuses_an_unknown_profile_and_another_experiment(account: Account, other_folder: Path) -> None:
    with pytest.raises(LadderError, match=r"profile 'huge' is not in .*; use one of quick, full, small, all"):
        account.start(profile="huge")
    with pytest.raises(LadderError, match=r"is experiment 'other-shop', deployed is 'tiny-shop'$"):
        account.start(load(other_folder))
    assert list(account.out.iterdir()) == [other_folder]


def test_following_copies_what_is_new_once(account: Account) -> None:
    watching = account.follower(account.start())
    first = watching.poll()
    assert (first.status, first.error, first.counts) == ("RUNNING", None, {})
    account.put(answers("zero-shot"), "one\n")
    watching.poll()
    copy = account.out / RUN / "bucket" / answers("zero-shot")
    assert copy.read_text() == "one\n"
    # The same object is not fetched again, a changed one is.
    copy.write_text("untouched")
    watching.poll()
    assert copy.read_text() == "untouched"
    account.put(answers("zero-shot"), "three\n")
    watching.poll()
    assert copy.read_text() == "three\n"
    assert not list(account.out.rglob(f"*{PARTIAL}"))


def test_a_run_that_was_stopped_says_so(account: Account) -> None:
    run = account.start()
    account.states.stop_execution(executionArn=run.execution_arn)
    (last,) = account.follower(run).snapshots()
    assert (last.status, last.error, last.step) == ("ABORTED", "no reason was given", {})


def test_why_a_run_failed_is_one_line() -> None:
    failed = {"error": "ApproachesFailed", "cause": '["rag"] did not\n  finish'}
    assert follow.reason(failed) == 'ApproachesFailed: ["rag"] did not finish'


def test_resume_joins_an_execution_that_still_runs(account: Account) -> None:
    assert account.start() == account.resume()


def test_resume_gives_lost_objects_back_and_counts_attempts(account: Account) -> None:
    run = account.start()
    account.put(answers("zero-shot"), "kept\n")
    account.put(answers("few-shot"), "lost\n")
    account.follower(run).poll()
    account.states.stop_execution(executionArn=run.execution_arn)
    account.s3.delete_object(Bucket="results", Key=answers("few-shot"))
    account.put(answers("zero-shot"), "newer\n")
    (account.out / RUN / "bucket" / f"{answers('few-shot')}{PARTIAL}").write_text("half")
    resumed = account.resume()
    assert (resumed.manifest, resumed.restored) == (run.manifest, 1)
    assert account.read(answers("few-shot")) == "lost\n"
    assert account.read(answers("zero-shot")) == "newer\n"
    listed = [item["Key"] for item in account.s3.list_objects_v2(Bucket="results")["Contents"]]
    assert not any(key.endswith(PARTIAL) for key in listed)
    assert account.states.describe_execution(executionArn=resumed.execution_arn)["name"] == f"{RUN}-2"
    account.states.stop_execution(executionArn=resumed.execution_arn)
    again = account.resume()
    assert account.states.describe_execution(executionArn=again.execution_arn)["name"] == f"{RUN}-3"


def test_attempts_are_counted_on_where_the_account_forgot_them(account: Account) -> None:
    account.states.stop_execution(executionArn=account.start().execution_arn)
    record = account.out / RUN / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "attempt": 4}))
    resumed = account.resume()
    assert account.states.describe_execution(executionArn=resumed.execution_arn)["name"] == f"{RUN}-5"
    assert json.loads(record.read_text())["attempt"] == 5


def test_resume_refuses_what_it_cannot_continue(account: Account, other_folder: Path, changed_folder: Path) -> None:
    with pytest.raises(LadderError, match=r"^run r1 is not known in .* \(known: none\)$"):
        account.resume(run="r1")
    account.start()
    with pytest.raises(LadderError, match=rf"^run r1 is not known in .* \(known: {RUN}\)$"):
        account.resume(run="r1")
    started_with = account.experiment.folder
    with pytest.raises(
        LadderError, match=rf"^run {RUN} is one of experiment 'tiny-shop', .*--experiment {started_with}$"
    ):
        account.resume(load(other_folder))
    with pytest.raises(LadderError, match=rf"^.* has changed since run {RUN} started; put the files back"):
        account.resume(load(changed_folder))
    (account.out / RUN / "run.json").write_text("{")
    with pytest.raises(LadderError, match=r"run\.json: not JSON: .*; start a new run$"):
        account.resume()


def test_the_run_is_one_line_and_says_how_far_each_step_is(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now = [0.0]
    prepare, answer = {"prompting": "Prepare"}, {"prompting": "AnswerAll"}
    running = Snapshot(status="RUNNING", step={}, counts={}, error=None)

    def answered(done: int) -> Snapshot:
        return replace(running, step=answer, counts={"prompting": Count(done=done, total=40, unit="answers")})

    def snapshots() -> Iterator[Snapshot]:
        for snapshot in (running, replace(running, step=prepare), answered(0), answered(10), running):
            yield snapshot
            now[0] += 20
        yield replace(running, status="SUCCEEDED")

    monkeypatch.setattr(follow, "Follower", lambda *_: mock.Mock(snapshots=snapshots))
    for verbose, lines in ((False, 1), (True, 3)):
        console = Console(record=True, width=120, force_terminal=False, quiet=False)
        progress = Progress(console, verbose=verbose, clock=lambda: now[0])
        manifest: Any = None
        run = StartedRun(manifest=manifest, execution_arn="arn", folder=tmp_path)
        assert follow.follow(deployment, run, progress).status == "SUCCEEDED"
        assert progress.seconds == {"prompting: Prepare": 20.0, "prompting: AnswerAll": 40.0, "run": 100.0}
        text = console.export_text()
        assert text.count("✓") == lines
        assert "… run  1 min 00 s  prompting: AnswerAll  10/40 answers, 30.0/min, 1 min 00 s left" in text
        assert "succeeded" in text


def test_an_answer_without_its_content_is_a_lost_connection(account: Account) -> None:
    following = account.follower(account.start())
    with pytest.raises(ConnectionClosedError, match="Connection was closed before we received a valid response"):
        following._member({"ResponseMetadata": {}}, "executions")
    assert following._member({"executions": []}, "executions") == []
