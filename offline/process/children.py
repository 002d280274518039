"""Python processes that the engines start: each gets a pipe, and ends when it is closed (`watchdog`)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from offline.process.layout import ROOT


def start(
    module: str, *arguments: str, environment: Mapping[str, str], log: Path, answers: bool = False
) -> subprocess.Popen[bytes]:
    """Start `python -m module` with `environment` added to this process's own.

    Its errors are appended to `log`, and so is its output, unless it `answers` on its standard output.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if answers else file,
            stderr=file,
        )
