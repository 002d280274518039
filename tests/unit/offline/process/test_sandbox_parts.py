"""What the sandbox library does without starting anything."""

from __future__ import annotations

from pathlib import Path

from offline import sandbox
from offline.process import ports
from offline.process.layout import Layout, tail


def box(directory: Path) -> sandbox.Sandbox:
    return sandbox.Sandbox(
        directory=directory, pid=1, port=4000, engines_port=4001, opensearch_port=4002, account="1", region="eu-west-1"
    )


def test_the_environment_points_every_sdk_at_the_sandbox(tmp_path: Path) -> None:
    base = {"AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "t", "CDK_DEFAULT_ACCOUNT": "9", "PATH": "/bin"}
    environment = box(tmp_path).environment(base)
    assert environment["AWS_ENDPOINT_URL"] == "http://localhost:4000"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert environment["PATH"] == "/bin"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "CDK_DEFAULT_ACCOUNT"} & set(environment)
    assert "PATH" not in box(tmp_path).environment()


def test_free_ports_are_free_and_different() -> None:
    found = ports.free_ports(5)
    assert len(set(found)) == 5
    assert not any(ports.is_listening(port) for port in found)


def test_what_a_killed_supervisor_left_is_cleaned(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.state.write_text('{"pid": 1, "port": 2}', encoding="utf-8")
    layout.lock.touch()
    (layout.temporary / "function").mkdir(parents=True)
    assert sandbox.status(tmp_path) is None
    assert sandbox.down(tmp_path) is False
    assert not layout.state.exists()
    assert not layout.temporary.exists()


def test_the_end_of_a_log_is_one_line(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert tail(log) == "no log"
    log.write_text("".join(f"line {number}\n" for number in range(9)), encoding="utf-8")
    assert tail(log, 2) == "line 7 | line 8"
