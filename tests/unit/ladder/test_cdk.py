"""The CDK command line: its output goes to a log, its events to the progress, its failure to a person."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ladder import cdk
from ladder.errors import LadderError

EVENT = "ladder-shop-rag | 2/9 | 04:15:30 AM | CREATE_COMPLETE      | AWS::Lambda::Function | Answer (Answer123)"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in of the command; tests write its text."""
    path = tmp_path / "cdk"
    monkeypatch.setattr(cdk, "cdk_path", lambda: path)
    return path


def write(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_events_become_progress_and_everything_is_logged(script: Path, tmp_path: Path) -> None:
    write(script, f'echo "$@"; echo "$SHOWN $CI"; echo "{EVENT}"; echo "{EVENT.replace("COMPLETE", "IN_PROGRESS")}"')
    seen: list[tuple[int, str]] = []
    log = tmp_path / "logs" / "cdk.log"
    cdk.cdk(["deploy", "--all"], environment={"SHOWN": "value"}, log=log, on_update=lambda *event: seen.append(event))
    assert seen == [(1, "ladder-shop-rag")]
    lines = log.read_text().splitlines()
    assert lines[0] == "deploy --all --progress events --no-notices --no-color"
    assert lines[1] == "value true"
    assert lines[2] == EVENT
    cdk.cdk(["destroy"], environment={}, log=log)
    assert len(log.read_text().splitlines()) == 8


def test_a_failure_shows_the_last_lines_and_the_log(script: Path, tmp_path: Path) -> None:
    write(script, "for n in $(seq 1 60); do echo line $n; done; echo the bucket exists >&2; exit 3")
    log = tmp_path / "cdk.log"
    with pytest.raises(LadderError) as caught:
        cdk.cdk(["deploy"], environment={}, log=log)
    first, *shown = str(caught.value).splitlines()
    assert first == f"`cdk deploy` failed with exit code 3; log: {log}"
    assert shown[-1] == "    the bucket exists"
    assert len(shown) <= cdk.TAIL_LINES + 1
    assert "line 1\n" in log.read_text()


def test_an_interrupted_command_is_stopped(script: Path, tmp_path: Path) -> None:
    write(script, f'echo "{EVENT}"; exec sleep 60')

    def interrupt(_done: int, _stack: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cdk.cdk(["deploy"], environment={}, log=tmp_path / "cdk.log", on_update=interrupt)


def test_a_missing_set_up_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdk, "ROOT", tmp_path)
    with pytest.raises(LadderError, match=r"node_modules/.bin/cdk is missing; run `make setup`$"):
        cdk.cdk_path()
    command = tmp_path / "node_modules" / ".bin" / "cdk"
    command.parent.mkdir(parents=True)
    command.touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LadderError, match=r"^node is not on the PATH; install Node.js 22 or 24$"):
        cdk.cdk_path()
