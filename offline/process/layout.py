"""Where a sandbox keeps what: its state, its lock, its logs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

#: The checkout: the processes of a sandbox run in it, and the emulator's environment lies in it.
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Layout:
    """Where a sandbox keeps what."""

    directory: Path

    @property
    def state(self) -> Path:
        return self.directory / "sandbox.json"

    @property
    def failure(self) -> Path:
        """One line written by a supervisor that could not start, or whose child died."""
        return self.directory / "failed.txt"

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def temporary(self) -> Path:
        """TMPDIR of the emulator: unpacked Lambda functions. Removed when the sandbox goes down."""
        return self.directory / "tmp"

    @property
    def engines(self) -> Path:
        return self.directory / "engines"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def clean(self) -> None:
        """Remove what must not outlive a sandbox; its logs and the engines' files stay."""
        self.state.unlink(missing_ok=True)
        shutil.rmtree(self.temporary, ignore_errors=True)


def tail(path: Path, lines: int = 6) -> str:
    """Return the last lines of a log, as one line."""
    if not path.exists():
        return "no log"
    text = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return " | ".join(line.strip() for line in text[-lines:]) or "its log is empty"
