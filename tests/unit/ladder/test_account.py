"""A command that acts on an account says on which, and asks before it costs or destroys something."""

from __future__ import annotations

import io
import sys

import boto3
import pytest

from ladder.account import Place, consent, place_of
from ladder.errors import LadderError

PLACE = Place(account="123456789012", region="eu-west-1", embedded=False)
WHERE = "account 123456789012, region eu-west-1"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_account_and_region_are_the_sessions(session: boto3.Session) -> None:
    assert place_of(session) == Place(account="123456789012", region="us-east-1", embedded=False)
    assert place_of(session, "eu-west-1") == PLACE


def test_without_a_terminal_nothing_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LadderError) as refused:
        consent(PLACE, "deploy", yes=False)
    assert str(refused.value) == f"deploy in {WHERE} was not confirmed: there is no terminal to ask; say --yes"
    assert capsys.readouterr().out == f"deploy: {WHERE}\n"


@pytest.mark.parametrize(("answer", "goes_on"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_a_person_is_asked(monkeypatch: pytest.MonkeyPatch, answer: str, goes_on: bool) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    if goes_on:
        consent(PLACE, "deploy", yes=False)
    else:
        with pytest.raises(LadderError, match="was not confirmed; nothing was done"):
            consent(PLACE, "deploy", yes=False)


@pytest.mark.parametrize("place", [PLACE, Place(account="1", region="us-east-1", embedded=True)])
def test_nobody_is_asked_with_yes_or_where_nothing_costs(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    consent(place, "deploy", costs="$2 a month", yes=not place.embedded)
    costs = "" if place.embedded else ", $2 a month"
    assert capsys.readouterr().out == f"deploy{costs}: {place}\n"
