"""A mocked account in which an experiment is deployed: bucket, run table, state machines that never come to an end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ladder.deployment import Deployment
from ladder.experiment.folder import LoadedExperiment, load
from ladder.runs.follow import Follower
from ladder.runs.resume import resume
from ladder.runs.start import StartedRun, start
from tests.offline import small_experiment

DEFINITION = '{"StartAt": "Ask", "States": {"Ask": {"Type": "Pass", "End": true}}}'
ROLE = "arn:aws:iam::123456789012:role/states"
HANDBOOK = Path(__file__).parents[3] / "experiments" / "handbook"
NOW = datetime(2026, 11, 23, 4, 15, 30, tzinfo=UTC)
RUN = "r20261123-041530-2222"


@pytest.fixture(scope="session")
def one_session() -> boto3.Session:
    """Reads each service's description once, which takes longer than everything else in a test."""
    return boto3.Session(region_name="us-east-1")


@pytest.fixture
def session(one_session: boto3.Session) -> Iterator[boto3.Session]:
    with mock_aws():
        yield one_session


@pytest.fixture
def deployment(session: boto3.Session) -> Deployment:
    session.client("s3").create_bucket(Bucket="results")
    names = ("experiment", "run")
    session.client("dynamodb").create_table(
        TableName="runs",
        KeySchema=[{"AttributeName": n, "KeyType": t} for n, t in zip(names, ("HASH", "RANGE"), strict=True)],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        BillingMode="PAY_PER_REQUEST",
    )
    states = session.client("stepfunctions")
    arns = {
        name: states.create_state_machine(name=name, definition=DEFINITION, roleArn=ROLE)["stateMachineArn"]
        for name in ("comparison", "prompting", "rag", "fine-tuning")
    }
    return Deployment(
        session=session,
        experiment=small_experiment.NAME,
        region="us-east-1",
        bucket="results",
        run_table="runs",
        comparison_arn=arns.pop("comparison"),
        approach_arns=arns,
        run_report_function="run-report",
        spend_report_function="spend-report",
    )


@dataclass(frozen=True, kw_only=True)
class Account:
    """The deployment, the experiment that is deployed, and the folder of its runs."""

    deployment: Deployment
    experiment: LoadedExperiment
    out: Path

    @property
    def s3(self) -> Any:
        return self.deployment.session.client("s3")

    @property
    def states(self) -> Any:
        return self.deployment.session.client("stepfunctions")

    def start(self, loaded: LoadedExperiment | None = None, *, profile: str = "small") -> StartedRun:
        return start(self.deployment, loaded or self.experiment, profile=profile, out=self.out, now=NOW)

    def resume(self, loaded: LoadedExperiment | None = None, *, run: str = RUN) -> StartedRun:
        return resume(self.deployment, loaded or self.experiment, run=run, out=self.out)

    def follower(self, run: StartedRun) -> Follower:
        return Follower(self.deployment, run)

    def put(self, key: str, text: str = "{}\n") -> None:
        self.s3.put_object(Bucket="results", Key=key, Body=text.encode())

    def read(self, key: str) -> str:
        body: bytes = self.s3.get_object(Bucket="results", Key=key)["Body"].read()
        return body.decode()


@pytest.fixture
def account(
    deployment: Deployment, experiment: LoadedExperiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Account:
    monkeypatch.setattr("ladder.runs.start.secrets.choice", min)
    return Account(deployment=deployment, experiment=experiment, out=tmp_path)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The experiment's folder; tests that change it copy it first."""
    return small_experiment.write(tmp_path_factory.mktemp("experiments") / "shop")


@pytest.fixture(scope="session")
def experiment(folder: Path) -> LoadedExperiment:
    return load(folder)


@pytest.fixture(scope="session")
def handbook() -> LoadedExperiment:
    return load(HANDBOOK)


@pytest.fixture
def other_folder(folder: Path, tmp_path: Path) -> Path:
    """The same experiment under another name."""
    return _copy(folder, tmp_path, "experiment.yaml", lambda text: text.replace("name: tiny-shop", "name: other-shop"))


@pytest.fixture
def changed_folder(folder: Path, tmp_path: Path) -> Path:
    """The experiment with another page."""
    return _copy(folder, tmp_path, "documents/SHP-01.md", lambda _: "---\nid: SHP-01\n---\n\nAlways open.\n")


def _copy(folder: Path, target: Path, name: str, change: Callable[[str], str]) -> Path:
    copied = target / f"copy-{name.partition('.')[0].replace('/', '-')}"
    shutil.copytree(folder, copied)
    (copied / name).write_text(change((copied / name).read_text()))
    return copied
