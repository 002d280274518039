"""What a person sees while long work runs: one line a stage with its time; how much is done, how fast, how long still.

On a terminal the running stage is a live line. Elsewhere (CI, a log file) a line is printed when a stage starts, when
it ends, and every fifteen seconds in between, news or not: a stage that works must not look like one that hangs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from rich.console import Console
from rich.status import Status
from rich.text import Text

#: Between two lines where no terminal is.
QUIET_SECONDS = 15.0
#: Between two looks at the clock.
TICK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How much of a step is done: 350 of 900 `pages`."""

    done: int
    total: int
    unit: str


@dataclass(slots=True)
class Pace:
    """How fast a count grows. Work that was done before the first look (a resumed run's) counts for no speed."""

    began: float
    first: int

    def text(self, count: Count, now: float) -> str:
        """Return `350/900 pages, 8.2/s, 1 min 07 s left`; without speed as long as none is known."""
        shown = f"{count.done:,}/{count.total:,} {count.unit}"
        done, seconds = count.done - self.first, now - self.began
        if done <= 0 or seconds <= 0 or count.done >= count.total:
            return shown
        speed = done / seconds
        rate = f"{speed:.1f}/s" if speed >= 1 else f"{speed * 60:.1f}/min"
        return f"{shown}, {rate}, {duration((count.total - count.done) / speed)} left"


@dataclass
class Stage:
    """A running stage. `status` is its live line; None where no terminal is."""

    name: str
    console: Console
    status: Status | None = None
    clock: Callable[[], float] = time.monotonic
    detail: str = ""
    count: Count | None = None

    def __post_init__(self) -> None:
        self.started = self._printed = self.clock()
        self._paces: dict[tuple[str, str], Pace] = {}
        self._lock = threading.Lock()

    def update(self, detail: str, count: Count | None = None) -> None:
        """Show `detail` behind the stage's name, then how much of it is done."""
        with self._lock:
            self.detail, self.count = detail, count
            if count is not None:
                self._paces.setdefault((detail, count.unit), Pace(began=self.clock(), first=count.done))
        self.tick()

    def tick(self) -> None:
        """Show what is new and how much time has passed; called every second."""
        with self._lock:
            if self.status is not None:
                self.status.update(self._line())
            elif self.clock() - self._printed >= QUIET_SECONDS:
                self._printed = self.clock()
                self.console.print(Text("  … ").append_text(self._line()), style="dim", soft_wrap=True)

    def _line(self) -> Text:
        parts = [self.name, duration(self.seconds), self.detail]
        if self.count is not None:
            parts.append(self._paces[self.detail, self.count.unit].text(self.count, self.clock()))
        return Text("  ".join(filter(None, parts)), no_wrap=True, overflow="ellipsis")

    @property
    def seconds(self) -> float:
        return self.clock() - self.started


@dataclass
class Progress:
    """Prints stages to `console`; `seconds` keeps their durations by name, in order. `verbose`: also those of steps."""

    console: Console
    verbose: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Show a stage while the block runs; its end, or its failure, is printed."""
        live = self.console.is_terminal
        if not live:
            self.console.print(Text(f"  … {name}", style="dim"))
        with self.console.status(Text(name)) if live else nullcontext() as status:
            stage = Stage(name, self.console, status, self.clock)
            try:
                with _ticking(stage):
                    yield stage
            except BaseException:
                self.console.print(Text(f"  ✗ {name}  {stage.seconds:.1f} s  {stage.detail}", style="red"))
                raise
            self._finished(name, stage.seconds, stage.detail)

    def record(self, name: str, seconds: float) -> None:
        """Keep the time of a step inside a stage; it is a line of its own where everything is shown."""
        if self.verbose:
            self._finished(name, seconds, "")
        else:
            self._add(name, seconds)

    def _finished(self, name: str, seconds: float, detail: str) -> None:
        self._add(name, seconds)
        line = Text("  ✓ ", style="green")
        line.append(f"{name:<28}", style="default")
        line.append(f"{seconds:7.1f} s  ", style="cyan")
        line.append(detail, style="dim")
        if self.console.is_terminal:
            self.console.print(line, no_wrap=True, overflow="ellipsis")
        else:
            self.console.print(line, soft_wrap=True)  # a log keeps what it is told

    def _add(self, name: str, seconds: float) -> None:
        """Times of one name add up."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds


def duration(seconds: float) -> str:
    """Return `45 s`, `3 min 05 s` or `2 h 03 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


@contextmanager
def _ticking(stage: Stage) -> Iterator[None]:
    over = threading.Event()

    def work() -> None:
        while not over.wait(TICK_SECONDS):
            stage.tick()

    thread = threading.Thread(target=work, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
