"""A mocked account in which an experiment is deployed: bucket, run table, state machines that never come to an end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from ladder.experiment.folder import LoadedExperiment, load
from ladder.runs.deployment import Deployment
from tests.offline import small_experiment

DEFINITION = '{"StartAt": "Ask", "States": {"Ask": {"Type": "Pass", "End": true}}}'
ROLE = "arn:aws:iam::123456789012:role/states"


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
    session.client("dynamodb").create_table(
        TableName="runs",
        KeySchema=[{"AttributeName": "experiment", "KeyType": "HASH"}, {"AttributeName": "run", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "experiment", "AttributeType": "S"},
            {"AttributeName": "run", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    states = session.client("stepfunctions")
    arns = {
        name: states.create_state_machine(name=name, definition=DEFINITION, roleArn=ROLE)["stateMachineArn"]
        for name in ("comparison", "prompting", "rag", "fine-tuning")
    }
    return Deployment(
        experiment=small_experiment.NAME,
        region="us-east-1",
        bucket="results",
        run_table="runs",
        comparison_arn=arns.pop("comparison"),
        approach_arns=arns,
        run_report_function="run-report",
        spend_report_function="spend-report",
    )


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The experiment's folder; tests that change it copy it first."""
    return small_experiment.write(tmp_path_factory.mktemp("experiments") / "shop")


@pytest.fixture(scope="session")
def experiment(folder: Path) -> LoadedExperiment:
    return load(folder)
