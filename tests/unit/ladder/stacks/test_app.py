"""Where the stacks of an experiment go is read from its settings, named and confirmed before the CDK is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest

from ladder.account import Place
from ladder.errors import LadderError
from ladder.stacks import app as apps
from ladder.stacks import destroy as destroying
from ladder.stacks.app import App, app_of, bootstrap, deploy
from ladder.stacks.destroy import destroy
from tests.offline import small_experiment
from tests.unit.ladder.conftest import HANDBOOK
from tests.unit.ladder.stacks.test_executions import Session, event

NAME = small_experiment.NAME
Called = list[list[str]]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Called:
    """The calls of the CDK, which all succeed."""
    calls: Called = []

    def cdk(arguments: Sequence[str], *, environment: object) -> int:
        calls.append(list(arguments))
        return 0

    monkeypatch.setattr(apps, "cdk_aloud", cdk)
    return calls


def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "cdk_aloud", lambda *_, **__: 1)


@pytest.mark.usefixtures("session")
def test_account_and_region_are_those_of_the_deployment(called: Called) -> None:
    app = app_of(HANDBOOK, ["region=eu-west-1", "owner=team-a"])
    assert (app.experiment, app.session.region_name) == ("handbook", "eu-west-1")
    assert app.place == Place(account="123456789012", region="eu-west-1", embedded=False)
    deploy(app, yes=True)
    flags = ["-c", "region=eu-west-1", "-c", "owner=team-a", "-c", f"experiment={HANDBOOK.resolve()}"]
    assert called == [["deploy", "--all", "--require-approval", "never", *flags]]


@pytest.mark.usefixtures("session")
def test_bootstrapping_needs_no_synth(called: Called) -> None:
    bootstrap(app_of(HANDBOOK, ()), yes=True)
    assert called == [["bootstrap", "--app", "", "aws://123456789012/us-east-1"]]


@pytest.mark.usefixtures("session")
def test_a_synthesised_app_is_taken_as_it_is(called: Called, tmp_path: Path) -> None:
    app_of(HANDBOOK, ["region=eu-west-1"], tmp_path).run("destroy")
    assert called == [["destroy", "--app", str(tmp_path)]]


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("context", "line"),
    [("region", "-c region: is not key=value"), ("region=moon-1", "region: must be one of "), ("regoin=x", "regoin: ")],
)
def test_a_wrong_setting_is_one_line(context: str, line: str) -> None:
    with pytest.raises(LadderError) as refused:
        app_of(HANDBOOK, [context])
    assert str(refused.value).startswith(line)


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("act", [deploy, bootstrap])
def test_without_a_yes_and_a_terminal_nothing_is_called(called: Called, act: Callable[..., None]) -> None:
    with pytest.raises(LadderError, match="account 123456789012, region us-east-1 was not confirmed"):
        act(app_of(HANDBOOK, ()), yes=False)
    assert called == []


@pytest.mark.usefixtures("session")
def test_a_failure_of_the_cdk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch)
    with pytest.raises(LadderError, match=r"^`cdk deploy` failed with exit code 1; what it says is above$"):
        deploy(app_of(HANDBOOK, ()), yes=True)


# ---- destroy ---------------------------------------------------------------------------------------------------------


def deployed(session: boto3.Session, account: Any) -> App:
    place = Place(account="123456789012", region="us-east-1", embedded=False)
    return App(experiment=NAME, session=account, place=place, flags=("--app", "cdk.out"))


def test_executions_are_stopped_before_the_stacks_go(session: boto3.Session, called: Called) -> None:
    account = Session(session)
    account.start("comparison", "compare", {})
    said = list[str]()

    def gone(arguments: Sequence[str], *, environment: object) -> int:
        assert account.statuses("comparison") == ["ABORTED"]
        account.stacks.all_go()
        called.append(list(arguments))
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apps, "cdk_aloud", gone)
        patch.setattr(destroying, "POLL_S", 0.0)
        destroy(deployed(session, account), yes=True, say=said.append)
    assert called == [["destroy", "--all", "--force", "--app", "cdk.out"]]
    assert said == ["stop compare of comparison", "next: ladder leftovers"]


def test_an_endpoint_that_may_be_left_keeps_the_stacks(session: boto3.Session, called: Called) -> None:
    account = Session(session, sweep=False)
    account.start("fine-tuning", "train", {"experiment": NAME, "run": "r1"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(destroying, "POLL_S", 0.0)
        with pytest.raises(LadderError, match="may still run and be charged by the hour"):
            destroy(deployed(session, account), yes=True, say=lambda _: None)
    assert called == []


def test_stacks_that_the_cdk_did_not_see_are_named(session: boto3.Session, called: Called) -> None:
    with pytest.raises(LadderError) as left:
        destroy(deployed(session, Session(session)), yes=True, say=lambda _: None)
    names = f"ladder-{NAME}-fine-tuning, ladder-{NAME}-comparison"
    assert str(left.value).startswith(f"stacks are still deployed: {names}; ")


def test_destroying_needs_a_yes(session: boto3.Session, called: Called) -> None:
    account = Session(session)
    account.start("sweep", "x", event("x"))
    with pytest.raises(LadderError, match=f"destroy experiment {NAME} with all its runs in account"):
        destroy(deployed(session, account), yes=False, say=lambda _: None)
    assert called == []
