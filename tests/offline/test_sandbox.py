"""A sandbox starts, says clearly why it cannot, and leaves no process, port or temporary file behind."""

from __future__ import annotations

import io
import os
import signal
import socket
import sys
import time
import zipfile
from pathlib import Path

import pytest
from emulator_access import STUB_ENGINES, session_of

from offline import sandbox
from offline.process import ports
from offline.process.layout import Layout

pytestmark = pytest.mark.emulator


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A child that nobody waits for is a zombie here until init reaps it: it runs no more.
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def descendants(pid: int) -> set[int]:
    """The processes below `pid`, from /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def gone(pids: set[int], within_s: float) -> set[int]:
    until = time.monotonic() + within_s
    while (left := {pid for pid in pids if alive(pid)}) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def test_up_status_down(tmp_path: Path) -> None:
    assert sandbox.status(tmp_path) is None
    assert sandbox.down(tmp_path) is False
    running = sandbox.up(tmp_path, engines=STUB_ENGINES)
    try:
        assert sandbox.status(tmp_path) == running
        assert sandbox.up(tmp_path) == running
        with pytest.raises(sandbox.SandboxError, match="runs on port"):
            sandbox.up(tmp_path, port=running.port + 1)
        pids = descendants(running.pid)
        assert len(pids) == 3
    finally:
        assert sandbox.down(tmp_path) is True
    assert gone(pids, 2) == set()
    assert not any(ports.is_listening(port) for port in (running.port, running.engines_port, running.opensearch_port))
    layout = Layout(tmp_path)
    assert not layout.temporary.exists()
    assert not layout.state.exists()
    assert layout.log("emulator").exists()


# Linux only, as the check itself is: macOS has no /proc. It always runs in continuous integration.
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the process table from /proc")
def test_nothing_survives_a_killed_supervisor(tmp_path: Path) -> None:
    running = sandbox.up(tmp_path / "box", engines=STUB_ENGINES)
    try:
        functions = session_of(running).client("lambda")
        functions.create_function(
            FunctionName="sleeper",
            Runtime="python3.13",
            Handler="sleeper.handle",
            Role="arn:aws:iam::123456789012:role/r",
            Timeout=100,
            Code={
                "ZipFile": zipped("sleeper.py", "import time\n\n\ndef handle(event, context):\n    time.sleep(90)\n")
            },
        )
        functions.invoke(FunctionName="sleeper", InvocationType="Event", Payload=b"{}")
        until = time.monotonic() + 20
        while len(pids := descendants(running.pid)) < 4:
            assert time.monotonic() < until, "the function's worker did not start"
            time.sleep(0.05)
        time.sleep(0.5)
        assert set(listening(pids)) == {"0100007F"}
        os.kill(running.pid, signal.SIGKILL)
        assert gone(pids, 5) == set()
        assert sandbox.status(tmp_path / "box") is None
    finally:
        sandbox.down(tmp_path / "box")
    assert not Layout(tmp_path / "box").temporary.exists()


def zipped(name: str, text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, text)
    return file.getvalue()


def listening(pids: set[int]) -> list[str]:
    """The local addresses (hexadecimal) on which these processes accept connections."""
    sockets = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                sockets.add(str(descriptor.readlink()))
            except FileNotFoundError:
                continue
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.append(fields[1].split(":")[0])
    return found


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(sandbox.SandboxError, match=rf"^port {port} on 127\.0\.0\.1 is in use"):
            sandbox.up(tmp_path, port=port, engines=STUB_ENGINES)


def test_a_missing_emulator_environment_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sandbox.PYTHON_VARIABLE, str(tmp_path / "no" / "python"))
    with pytest.raises(sandbox.SandboxError, match=r"the emulator's environment is missing: .*make setup"):
        sandbox.up(tmp_path)


def test_an_engine_that_dies_at_start_is_quoted(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "raise SystemExit('the model file is damaged')")
    with pytest.raises(sandbox.SandboxError, match="engines ended with status 1: the model file is damaged"):
        sandbox.up(tmp_path, engines=command)
    assert sandbox.status(tmp_path) is None


def test_a_missing_package_of_the_engines_is_named(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import no_such_package")
    with pytest.raises(
        sandbox.SandboxError, match=r"^the engines need the package no_such_package: install the extras"
    ):
        sandbox.up(tmp_path, engines=command)
