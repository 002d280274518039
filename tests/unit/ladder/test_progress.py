"""One line a stage, with its time; nothing that jumps about where there is no terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ladder import progress
from ladder.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def console(*, terminal: bool = False) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=100, force_terminal=terminal, color_system=None), text


def test_a_stage_is_a_line_when_it_starts_and_one_when_it_ends(clock: list[float]) -> None:
    screen, text = console()
    shown = Progress(screen)
    with shown.stage("deploy") as stage:
        stage.update("3 resources")
        clock[0] += 2.5
    assert [line.split() for line in text.getvalue().splitlines()] == [
        ["…", "deploy"],
        ["✓", "deploy", "2.5", "s", "3", "resources"],
    ]
    assert shown.seconds == {"deploy": 2.5}


def test_without_a_terminal_news_come_every_five_seconds_and_only_news(clock: list[float]) -> None:
    screen, text = console()
    with Progress(screen).stage("run") as stage:
        for detail in ("one", "two", "two", "three", "four"):
            clock[0] += 2
            stage.update(detail)
    details = [line.split()[-3] for line in text.getvalue().splitlines() if "run:" in line]
    assert details == ["three"]


def test_a_failed_stage_says_where_it_was(clock: list[float]) -> None:
    screen, text = console()
    shown = Progress(screen)

    def train() -> None:
        with shown.stage("train") as stage:
            stage.update("epoch 2")
            clock[0] += 1
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        train()
    assert text.getvalue().splitlines()[-1].split() == ["✗", "train", "1.0", "s", "epoch", "2"]
    assert shown.seconds == {}


def test_times_of_one_name_add_up(clock: list[float]) -> None:
    shown = Progress(console()[0])
    shown.record("rag: AnswerAll", 2.0)
    shown.record("rag: AnswerAll", 3.0)
    assert shown.seconds == {"rag: AnswerAll": 5.0}


def test_on_a_terminal_the_running_stage_is_alive() -> None:
    screen, text = console(terminal=True)
    with Progress(screen).stage("deploy") as stage:
        assert stage.status is not None
        stage.update("3 resources")
    assert "✓ deploy" in text.getvalue()
