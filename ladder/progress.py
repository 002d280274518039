"""What a person sees while long work runs: one line a stage, with the time it took.

On a terminal the running stage is a live line. Elsewhere (CI, a log file) a line is printed when a stage starts, when
it ends, and when its detail changes, at most every five seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from rich.console import Console
from rich.status import Status
from rich.text import Text

QUIET_SECONDS = 5.0


@dataclass
class Stage:
    """A running stage. `status` is its live line; None where no terminal is."""

    name: str
    console: Console
    status: Status | None
    started: float = field(default_factory=lambda: time.monotonic())
    detail: str = ""
    _printed: float = field(default_factory=lambda: time.monotonic())

    def update(self, detail: str) -> None:
        """Show `detail` behind the stage's name."""
        if detail == self.detail:
            return
        self.detail = detail
        if self.status is not None:
            self.status.update(_line(self.name, detail))
        elif time.monotonic() - self._printed >= QUIET_SECONDS:
            self._printed = time.monotonic()
            self.console.print(Text(f"  … {self.name}: {detail} ({self.seconds:.0f} s)", style="dim"))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


@dataclass
class Progress:
    """Prints stages to `console`; `seconds` keeps their durations by name, in order."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Show a stage while the block runs; its end, or its failure, is printed."""
        live = self.console.is_terminal
        if not live:
            self.console.print(Text(f"  … {name}", style="dim"))
        with self.console.status(_line(name, "")) if live else nullcontext() as status:
            stage = Stage(name=name, console=self.console, status=status)
            try:
                yield stage
            except BaseException:
                self.console.print(Text(f"  ✗ {name}  {stage.seconds:.1f} s  {stage.detail}", style="red"))
                raise
            self.record(name, stage.seconds, stage.detail)

    def record(self, name: str, seconds: float, detail: str = "") -> None:
        """Print a finished stage. Times of one name add up."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        line = Text("  ✓ ", style="green")
        line.append(f"{name:<28}", style="default")
        line.append(f"{seconds:7.1f} s  ", style="cyan")
        line.append(detail, style="dim")
        self.console.print(line)


def _line(name: str, detail: str) -> Text:
    return Text(f"{name}  {detail}" if detail else name)
