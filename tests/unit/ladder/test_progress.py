"""One line a stage, with its time; how far it is, how fast, how long still; nothing that jumps without a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ladder import progress
from ladder.progress import Count, Progress, duration


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def console(*, terminal: bool = False) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=100, force_terminal=terminal, color_system=None), text


def test_a_stage_is_a_line_when_it_starts_and_one_when_it_ends(clock: Clock) -> None:
    screen, text = console()
    shown = Progress(screen, clock=clock)
    with shown.stage("deploy") as stage:
        stage.update("3 resources")
        clock.now += 2.5
    assert [line.split() for line in text.getvalue().splitlines()] == [
        ["…", "deploy"],
        ["✓", "deploy", "2.5", "s", "3", "resources"],
    ]
    assert shown.seconds == {"deploy": 2.5}


def test_without_a_terminal_a_line_comes_every_fifteen_seconds_news_or_not(clock: Clock) -> None:
    screen, text = console()
    with Progress(screen, clock=clock).stage("run") as stage:
        stage.update("answering")
        for _ in range(50):
            clock.now += 1
            stage.tick()
    lines = [line.strip() for line in text.getvalue().splitlines() if "answering" in line]
    assert lines[:3] == [f"… run  {seconds} s  answering" for seconds in (15, 30, 45)]
    assert len(lines) == 4  # and the stage's end


def test_a_count_says_how_fast_it_grows_and_how_long_it_takes_still(clock: Clock) -> None:
    screen, text = console()
    with Progress(screen, clock=clock).stage("run") as stage:
        for done in (0, 150, 300):
            stage.update("rag: IngestAll", Count(done=done, total=900, unit="pages"))
            clock.now += 16
        stage.update("rag: AnswerAll", Count(done=3, total=10, unit="answers"))  # of a run that is resumed
        clock.now += 60
        stage.update("rag: AnswerAll", Count(done=4, total=10, unit="answers"))
    lines = [line.strip() for line in text.getvalue().splitlines() if "…" in line][1:]
    assert lines == [
        "… run  16 s  rag: IngestAll  150/900 pages, 9.4/s, 1 min 20 s left",
        "… run  32 s  rag: IngestAll  300/900 pages, 9.4/s, 1 min 04 s left",
        "… run  48 s  rag: AnswerAll  3/10 answers",
        "… run  1 min 48 s  rag: AnswerAll  4/10 answers, 1.0/min, 6 min 00 s left",
    ]


def test_the_clock_is_looked_at_while_a_stage_says_nothing(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(progress, "TICK_SECONDS", 0.001)
    looked = progress.threading.Event()

    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            if "16 s" in text:
                looked.set()
            return super().write(text)

    screen = Console(file=Watched(), width=100, force_terminal=False)
    with Progress(screen, clock=clock).stage("start"):
        clock.now += 16
        assert looked.wait(timeout=30)


def test_a_failed_stage_says_where_it_was(clock: Clock) -> None:
    screen, text = console()
    shown = Progress(screen, clock=clock)

    def train() -> None:
        with shown.stage("train") as stage:
            stage.update("epoch 2")
            clock.now += 1
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        train()
    assert text.getvalue().splitlines()[-1].split() == ["✗", "train", "1.0", "s", "epoch", "2"]
    assert shown.seconds == {}


def test_times_of_one_step_add_up_and_are_shown_where_everything_is() -> None:
    for verbose in (False, True):
        screen, text = console()
        shown = Progress(screen, verbose=verbose)
        shown.record("rag: AnswerAll", 2.0)
        shown.record("rag: AnswerAll", 3.0)
        assert shown.seconds == {"rag: AnswerAll": 5.0}
        assert text.getvalue().count("✓ rag: AnswerAll") == (2 if verbose else 0)


def test_a_terminal_has_one_line_a_stage_and_a_log_keeps_all(clock: Clock) -> None:
    told = "an endpoint and an account " * 6
    for terminal in (True, False):
        screen, text = console(terminal=terminal)
        Progress(screen, clock=clock)._finished("start", 1.0, told)
        (line,) = text.getvalue().splitlines()
        assert (len(line) <= 100, told.strip() in line) == (terminal, not terminal)


def test_on_a_terminal_the_running_stage_is_alive() -> None:
    screen, text = console(terminal=True)
    with Progress(screen).stage("deploy") as stage:
        assert stage.status is not None
        stage.update("3 resources", Count(done=3, total=9, unit="resources"))
    assert "✓ deploy" in text.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599, "59 min 59 s"), (7380, "2 h 03 min")],
)
def test_a_duration_is_read_at_once(seconds: float, text: str) -> None:
    assert duration(seconds) == text
