"""The pinned CDK command line; its event lines become progress."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ladder.errors import LadderError

ROOT = Path(__file__).resolve().parents[1]
_EVENT = re.compile(r"^(?P<stack>\S+) \| .*?\| (?P<status>[A-Z_]+_COMPLETE|[A-Z_]+_FAILED)\s+\|")
TAIL_LINES = 25


def cdk_path() -> Path:
    """Return the path of this checkout's CDK command.

    Raises:
        LadderError: `make setup` has not run, or Node.js is missing.
    """
    path = ROOT / "node_modules" / ".bin" / "cdk"
    if not path.exists():
        raise LadderError(f"{path} is missing; run `make setup`")
    if shutil.which("node", path=_search_path()) is None:
        raise LadderError("node is not on the PATH; install Node.js 22 or 24")
    return path


def _search_path() -> str:
    """Return the PATH of the CDK: this Python, then the Node.js that set-up installed where the machine's is old."""
    folders = [Path(sys.executable).parent, ROOT / "node_modules" / ".bin"]
    return os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])


def cdk_aloud(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run `cdk <arguments>` in the repository root as a person would, on this terminal; return its exit code."""
    env = {**os.environ, **environment, "PATH": _search_path()}
    return subprocess.run([str(cdk_path()), *arguments], cwd=ROOT, env=env, check=False).returncode


def cdk(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: Path,
    on_update: Callable[[int, str], None] = lambda _done, _stack: None,
) -> None:
    """Run `cdk <arguments>` in the repository root; all output goes into `log`.

    `on_update` is told of each resource that is made or deleted: how many there are by now, and the stack.

    Raises:
        LadderError: the command failed; the message shows its last lines and names the log.
    """
    command = [str(cdk_path()), *arguments, "--progress", "events", "--no-notices", "--no-color"]
    env = {**os.environ, **environment, "CI": "true", "CDK_DISABLE_VERSION_CHECK": "1"}
    env["PATH"] = _search_path()
    log.parent.mkdir(parents=True, exist_ok=True)
    done = 0
    with (
        log.open("a", encoding="utf-8") as out,
        subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        ) as process,
    ):
        assert process.stdout is not None  # noqa: S101  (PIPE was asked for)
        tail: list[str] = []
        try:
            for line in process.stdout:
                out.write(line)
                tail = [*tail[-TAIL_LINES:], line.rstrip()]
                if match := _EVENT.match(line):
                    done += 1
                    on_update(done, match["stack"])
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        shown = "\n".join(f"    {line}" for line in tail if line.strip())
        raise LadderError(f"`cdk {arguments[0]}` failed with exit code {process.returncode}; log: {log}\n{shown}")
