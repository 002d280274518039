"""A demo that is killed, or whose terminal goes away, leaves no process behind and says what it stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from emulator_access import ROOT, STUB_ENGINES

from offline import sandbox
from tests.offline import small_experiment

pytestmark = pytest.mark.emulator

#: The demo on stand-ins of the engines; its first deployment takes until the signal comes.
SCRIPT = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from ladder import cli, demo
up, engines = demo.sandbox.up, sys.argv[3:]
demo.sandbox.up = lambda directory, **_: up(directory, engines=engines)
def cdk(arguments, **_):
    if arguments[0] == "deploy":
        print("deploying", flush=True)
        signal.pause()
demo.cdk = cdk
sys.argv[1:] = ["demo", "--experiment", sys.argv[1], "--out", sys.argv[2], "--quick"]
cli.main()
"""


@pytest.mark.parametrize(("number", "terminal"), [(signal.SIGTERM, "stays"), (signal.SIGHUP, "goes away")])
def test_the_sandbox_of_a_stopped_demo_ends_with_it(tmp_path: Path, number: signal.Signals, terminal: str) -> None:
    experiment, out = small_experiment.write(tmp_path / "shop"), tmp_path / "out"
    command = [sys.executable, "-c", SCRIPT, str(experiment), str(out), *STUB_ENGINES]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            shown = next((line for line in process.stdout if "deploying" in line), "")
            running = sandbox.status(out / "sandbox")
            assert running is not None, shown + process.stderr.read()
            family = [psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)]
            if terminal == "goes away":
                process.stdout.close()
            process.send_signal(number)
            said = process.stderr.read()
            assert process.wait(timeout=60) == 128 + number
        finally:
            process.kill()
            sandbox.down(out / "sandbox")
    assert said.startswith(f"error: stopped by {number.name}; the embedded AWS is stopped and all that was deployed")
    assert psutil.wait_procs(family, timeout=5)[1] == []
