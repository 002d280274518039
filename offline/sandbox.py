"""The embedded AWS on this machine: `up`, `status`, `down`.

A sandbox is a directory. `up` starts one detached supervisor (`offline.supervisor`) for it: it runs the emulator
(another virtual environment) and the engines. All ports are on 127.0.0.1; nothing needs an AWS account or a network.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

from offline.models.cache import ModelFilesError, cache_root
from offline.models.hub import ModelName
from offline.models.own import folder, server
from offline.models.own.choice import ModelFolder, OwnModel, OwnModelError, is_asked_for
from offline.models.prepare import ensure
from offline.process import ports
from offline.process.layout import ROOT, Layout, tail
from offline.supervisor import START_WITHIN_S

#: Another place of the emulator's interpreter, for instance in a container image.
PYTHON_VARIABLE = "LADDER_EMULATOR_PYTHON"
_PYTHON = ROOT / ".venv-emulator" / "bin" / "python"


Model = ModelName | OwnModel | None


class SandboxError(Exception):
    """One line for a person: what is wrong with the sandbox, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """A running sandbox. `endpoint` is the address of every AWS service; `pid` is the supervisor's."""

    directory: Path
    pid: int
    port: int
    engines_port: int
    opensearch_port: int
    account: str
    region: str
    engines: tuple[str, ...] = ()
    """The command of the engines: which model they run."""

    @property
    def endpoint(self) -> str:
        # The CDK command line uses path-style bucket addresses for this name only.
        return f"http://localhost:{self.port}"

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables that point AWS SDKs, the AWS command line and the CDK at this sandbox.

        With `base` (usually `os.environ`): those variables, without what in it points at an AWS account, and these.
        """
        kept = {name: value for name, value in (base or {}).items() if not name.startswith(("AWS_", "CDK_"))}
        return kept | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
            "NO_PROXY": "localhost,127.0.0.1",
            "no_proxy": "localhost,127.0.0.1",
        }


def emulator_python() -> Path:
    """Return the emulator environment's interpreter; raises `SandboxError` when it is missing."""
    python = Path(os.environ.get(PYTHON_VARIABLE) or _PYTHON)
    if not python.exists():
        raise SandboxError(f"the emulator's environment is missing: {python} (make it with: make setup)")
    return python


def engines_command(model: Model = None) -> tuple[str, ...]:
    """Return the command of the engines, in the product's own environment."""
    packaged = ("--model", model) if isinstance(model, str) else ()
    own = () if model is None or isinstance(model, str) else model.arguments()
    return (sys.executable, "-m", "offline.engines", *packaged, *own)


def up(
    directory: Path,
    port: int | None = None,
    *,
    model: Model = None,
    engines: Sequence[str] | None = None,
) -> Sandbox:
    """Start the sandbox of `directory`, or return it when it runs already.

    `port` is the gateway's, chosen freely by default. `model` is the engines' language model: one of the packaged ones
    by name (None is the usual one), or the user's own. `engines` replaces their command. Raises `SandboxError`.
    """
    directory = directory.resolve()
    layout = Layout(directory)
    running = status(directory)
    if running is not None:
        if port not in (None, running.port):
            raise SandboxError(f"the sandbox in {directory} runs on port {running.port}; take it down to use {port}")
        if model is not None and not isinstance(model, str) and not is_asked_for(model, running.engines):
            raise SandboxError(f"the sandbox in {directory} runs with another model; take it down first")
        return running
    if _locked(layout):
        raise SandboxError(f"another command starts or stops the sandbox in {directory}; try again")
    python = emulator_python()
    if port is None:
        (port,) = ports.free_ports(1)
    elif ports.is_listening(port):
        raise SandboxError(
            f"port {port} on 127.0.0.1 is in use; choose another one, or leave it out to take a free one"
        )
    if engines is None:
        _prepare(model)
    layout.logs.mkdir(parents=True, exist_ok=True)
    layout.failure.unlink(missing_ok=True)
    if not _started(layout, port, python, tuple(engines or engines_command(model))):
        raise SandboxError(_explained(layout))
    started = status(directory)
    if started is None:
        raise SandboxError(_explained(layout))
    return started


def check_model(model: OwnModel) -> None:
    """Look at a model of the user's without starting anything; raises `SandboxError` if it cannot answer chats."""
    try:
        if isinstance(model, ModelFolder):
            folder.check(model)
        else:
            server.check(model)
    except OwnModelError as error:
        raise SandboxError(str(error)) from error


def _prepare(model: Model) -> None:
    """Convert the packaged language model, once: the engines would do it too, but say so in their log only."""
    if model is not None and not isinstance(model, str):
        check_model(model)
    if isinstance(model, ModelFolder):
        return
    try:
        ensure("tiny" if model == "tiny" else "smollm2", cache_root(os.environ))
    except ModelFilesError as error:
        raise SandboxError(str(error)) from error
    except PackageNotFoundError as error:
        raise SandboxError(f"the engines need the package {error.name}: install the extras (make setup)") from error


def _started(layout: Layout, port: int, python: Path, engines: tuple[str, ...]) -> bool:
    """Start a supervisor and wait until it says that everything answers, or ends."""
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "offline.supervisor", "--directory", str(layout.directory), "--port", str(port)]
    command += ["--python", str(python), "--ready", str(writing), "--", *engines]
    with os.fdopen(reading, "rb", buffering=0) as pipe, layout.log("supervisor").open("wb") as log:
        try:
            # It divides itself at once; the process started here ends.
            subprocess.run(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(writing,),
                check=False,
            )
        finally:
            os.close(writing)
        answered, _, _ = select.select([pipe], [], [], START_WITHIN_S + 60)
        return bool(answered) and pipe.read(6) == b"ready\n"


def status(directory: Path) -> Sandbox | None:
    """Return the running sandbox of `directory`, or None. It runs when its supervisor lives and its gateway answers."""
    layout = Layout(directory.resolve())
    state = _state(layout)
    if state is None or not _locked(layout):
        return None
    sandbox = Sandbox(
        directory=layout.directory,
        **{name: state[name] for name in ("pid", "port", "engines_port", "opensearch_port", "account", "region")},
        engines=tuple(state.get("engines", ())),
    )
    return sandbox if _instance(sandbox.port) == state["instance"] else None


def down(directory: Path, *, within_s: float = 30.0) -> bool:
    """Stop the sandbox of `directory` and remove its temporary files; its logs stay. False when none was running."""
    layout = Layout(directory.resolve())
    state = _state(layout)
    was_running = _locked(layout)
    if was_running:
        if state is None:
            raise SandboxError(f"the sandbox in {layout.directory} is just starting; try again")
        # The lock proves that this process is the supervisor: its number cannot have been given to another one.
        with contextlib.suppress(ProcessLookupError):
            os.kill(state["pid"], signal.SIGTERM)
        until = time.monotonic() + within_s
        while _locked(layout) and time.monotonic() < until:
            time.sleep(0.05)
        if _locked(layout):
            with contextlib.suppress(ProcessLookupError):
                os.kill(state["pid"], signal.SIGKILL)
    # A supervisor that was killed could not do this.
    layout.clean()
    return was_running


@contextlib.contextmanager
def running(
    directory: Path, port: int | None = None, *, model: Model = None, engines: Sequence[str] | None = None
) -> Iterator[Sandbox]:
    """Run a sandbox for the length of a `with` block."""
    sandbox = up(directory, port, model=model, engines=engines)
    try:
        yield sandbox
    finally:
        down(directory)


def _state(layout: Layout) -> dict[str, Any] | None:
    try:
        document = json.loads(layout.state.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return document if isinstance(document, dict) else None


def _locked(layout: Layout) -> bool:
    """Return whether a supervisor lives for this directory."""
    try:
        lock = layout.lock.open("r+", encoding="utf-8")
    except FileNotFoundError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _instance(port: int) -> str | None:
    """Return the instance that answers on the gateway's port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_ladder/health", timeout=10) as answer:
            return str(json.load(answer).get("instance"))
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError):
        return None


def _explained(layout: Layout) -> str:
    """Return why the supervisor ended, as one line with a remedy."""
    failure = layout.failure
    reason = failure.read_text(encoding="utf-8").strip() if failure.exists() else tail(layout.log("supervisor"))
    missing = re.search(r"No module named '([^']+)'", reason)
    if missing and reason.startswith("engines"):
        return f"the engines need the package {missing[1]}: install the extras (make setup); {reason}"
    if "address already in use" in reason.lower() or "is already in use" in reason.lower():
        return f"a port was taken by another program in the meantime; try again; {reason}"
    return f"the sandbox did not start: {reason} (logs: {layout.logs})"
