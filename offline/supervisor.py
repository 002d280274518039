"""`python -m offline.supervisor`: runs the emulator and the engines for one sandbox until it is told to stop.

`offline.sandbox.up` starts it; it goes on as a process of its own. It holds the sandbox's lock for as long as it
lives, writes `sandbox.json` and a line to its starter's pipe when everything answers, and removes the file at its
end. Its two children end when their standard input closes: none is left over, however this process ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO

from offline.process import ports
from offline.process.layout import ROOT, Layout, tail

ACCOUNT = "123456789012"
REGION = "us-east-1"

START_WITHIN_S = 120.0
STOP_WITHIN_S = 10.0
_POLL_S = 0.05


class StartError(Exception):
    """One line for a person: what did not start, and why."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to run. `engines` is the command before its arguments; `python` is the emulator environment's."""

    layout: Layout
    port: int
    python: Path
    engines: tuple[str, ...]
    ready: int
    """Descriptor of the pipe to the starter: `ready` is written to it, or it is closed without a word."""


@dataclass
class Child:
    name: str
    process: subprocess.Popen[bytes]
    ready_url: str
    log: Path

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.ready_url, timeout=5) as answer:  # noqa: S310 - a loopback address
                return bool(json.load(answer).get("ready"))
        except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError):
            return False


def acquire(layout: Layout) -> IO[str]:
    """Return the sandbox's lock, held until the file is closed; `StartError` when another supervisor holds it."""
    lock = layout.lock.open("w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StartError(f"another sandbox runs in {layout.directory}") from None
    return lock


class Supervisor:
    """Starts the children, waits until they answer, and stops them."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.layout = options.layout
        self.instance = secrets.token_hex(8)
        self.children: list[Child] = []
        self.stopping = False
        self._engines_port, self._opensearch_port = ports.free_ports(2)

    def spawn(self, name: str, command: Sequence[object], ready_url: str) -> None:
        log = self.layout.log(name)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
            )
        self.children.append(Child(name, process, ready_url, log))

    def start(self) -> None:
        """Start both children and wait for them; raises `StartError` with the last log lines of one that failed."""
        self.layout.temporary.mkdir(parents=True, exist_ok=True)
        # The emulator forgets everything when it ends; indexes that outlived it would stand in the way of a deployment.
        shutil.rmtree(self.layout.engines, ignore_errors=True)
        self.layout.engines.mkdir(parents=True, exist_ok=True)
        gateway = f"http://127.0.0.1:{self.options.port}"
        engines = f"http://127.0.0.1:{self._engines_port}"
        shared = ["--opensearch-port", self._opensearch_port, "--account", ACCOUNT, "--region", REGION]
        emulator = [self.options.python, "-m", "offline.emulator", "--port", self.options.port, *shared]
        emulator += ["--engines-port", self._engines_port, "--instance", self.instance]
        self.spawn("emulator", [*emulator, "--directory", self.layout.temporary], f"{gateway}/_ladder/health")
        model = [*self.options.engines, "--port", self._engines_port, "--gateway", gateway, *shared]
        self.spawn("engines", [*model, "--directory", self.layout.engines], f"{engines}/_health")
        until = time.monotonic() + START_WITHIN_S
        waiting = list(self.children)
        while waiting and not self.stopping:
            self.check()
            waiting = [child for child in waiting if not child.is_ready()]
            if waiting and time.monotonic() > until:
                names = ", ".join(child.name for child in waiting)
                raise StartError(f"{names} did not answer within {START_WITHIN_S:.0f} s: {tail(waiting[0].log)}")
            time.sleep(_POLL_S)

    def check(self) -> None:
        for child in self.children:
            status = child.process.poll()
            if status is not None:
                raise StartError(f"{child.name} ended with status {status}: {tail(child.log)}")

    def record(self) -> None:
        """Write `sandbox.json` in one step: a reader sees all of it or none."""
        document = {
            "pid": os.getpid(),
            "port": self.options.port,
            "engines_port": self._engines_port,
            "opensearch_port": self._opensearch_port,
            "account": ACCOUNT,
            "region": REGION,
            "engines": self.options.engines,
            "instance": self.instance,
            "children": {child.name: child.process.pid for child in self.children},
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        partial = self.layout.state.with_suffix(".partial")
        partial.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        partial.replace(self.layout.state)

    def answer(self) -> None:
        """Tell the starter. Where it was interrupted meanwhile, the sandbox must end: its owner does not know of it."""
        try:
            os.write(self.options.ready, b"ready\n")
        except BrokenPipeError:
            raise StartError("the command that started the sandbox was interrupted") from None
        os.close(self.options.ready)

    def stop(self) -> None:
        """Close the children's standard input, and end by force those that do not follow."""
        for child in self.children:
            if child.process.stdin is not None:
                child.process.stdin.close()
        for force in (subprocess.Popen.poll, subprocess.Popen.terminate, subprocess.Popen.kill):
            until = time.monotonic() + STOP_WITHIN_S
            for child in self.children:
                if child.process.poll() is None:
                    force(child.process)
            while any(child.process.poll() is None for child in self.children) and time.monotonic() < until:
                time.sleep(_POLL_S)

    def run(self) -> None:
        """Serve until a signal comes or a child ends."""
        try:
            self.start()
            if not self.stopping:
                self.record()
                self.answer()
            while not self.stopping:
                self.check()
                time.sleep(0.2)
        finally:
            self.stop()
            self.layout.clean()


def parse(arguments: Sequence[str]) -> Options:
    parser = ArgumentParser(prog="python -m offline.supervisor")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--python", type=Path, required=True, help="interpreter of the emulator's environment")
    parser.add_argument("--ready", type=int, required=True, help="descriptor of a pipe that learns of the start")
    parser.add_argument("engines", nargs="+", help="command of the engines, before its arguments; put -- before it")
    options = parser.parse_args(arguments)
    return Options(
        layout=Layout(options.directory),
        port=options.port,
        python=options.python,
        engines=tuple(options.engines),
        ready=options.ready,
    )


def main() -> int:
    options = parse(sys.argv[1:])
    # The starter waits for the process that it started, and for no other: this one must not become its zombie.
    if os.fork():
        os._exit(0)
    layout = options.layout
    layout.logs.mkdir(parents=True, exist_ok=True)
    try:
        lock = acquire(layout)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    layout.clean()
    supervisor = Supervisor(options)

    def stop(_number: int, _frame: FrameType | None) -> None:
        supervisor.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        supervisor.run()
    except StartError as error:
        layout.failure.write_text(f"{error}\n", encoding="utf-8")
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        lock.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
