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

import psutil
import pytest
from emulator_access import STUB_ENGINES, eventually, session_of

from offline import sandbox
from offline.process import ports
from offline.process.layout import Layout

pytestmark = pytest.mark.emulator


def family(pid: int) -> list[psutil.Process]:
    """The process and all below it."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def survivors(processes: list[psutil.Process], within_s: float) -> list[psutil.Process]:
    return psutil.wait_procs(processes, timeout=within_s)[1]


def test_up_status_down(tmp_path: Path) -> None:
    assert sandbox.status(tmp_path) is None
    assert sandbox.down(tmp_path) is False
    running = sandbox.up(tmp_path, engines=STUB_ENGINES)
    try:
        assert sandbox.status(tmp_path) == running
        assert sandbox.up(tmp_path) == running
        with pytest.raises(sandbox.SandboxError, match="runs on port"):
            sandbox.up(tmp_path, port=running.port + 1)
        processes = family(running.pid)
        assert len(processes) == 3
    finally:
        assert sandbox.down(tmp_path) is True
    assert survivors(processes, 2) == []
    assert not any(ports.is_listening(port) for port in (running.port, running.engines_port, running.opensearch_port))
    layout = Layout(tmp_path)
    assert not layout.temporary.exists()
    assert not layout.state.exists()
    assert layout.log("emulator").exists()


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
        eventually(lambda: len(family(running.pid)) == 4)
        # The worker, too, has begun to run the function.
        time.sleep(0.5)
        processes = family(running.pid)
        listening = [c.laddr.ip for process in processes for c in process.net_connections() if c.status == "LISTEN"]
        assert set(listening) == {"127.0.0.1"}
        os.kill(running.pid, signal.SIGKILL)
        assert survivors(processes, 5) == []
        assert sandbox.status(tmp_path / "box") is None
    finally:
        sandbox.down(tmp_path / "box")
    assert not Layout(tmp_path / "box").temporary.exists()


def zipped(name: str, text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, text)
    return file.getvalue()


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
