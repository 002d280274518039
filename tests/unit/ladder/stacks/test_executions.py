"""Before stacks are destroyed their executions are stopped, and the sweep of each fine-tuning is waited for."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from contracts.job_names import job_name
from ladder.errors import LadderError
from ladder.leftovers.listing import Clients
from ladder.stacks import executions
from ladder.stacks.destroy import blockers, delete_job_logs
from ladder.stacks.executions import Executions
from tests.unit.ladder.conftest import DEFINITION, ROLE

NAME = "tiny-shop"
ASKED = {"experiment": NAME, "run": "r20261201-101500"}
JOB = job_name(NAME, ASKED["run"], "train")


class Stacks:
    """What CloudFormation says of the stacks: moto's needs packages that nothing else here does."""

    def __init__(self, resources: dict[str, list[dict[str, str]]], status: str = "CREATE_COMPLETE") -> None:
        self._resources = resources
        self._status = status

    def all_go(self) -> None:
        self._resources.clear()

    def can_paginate(self, _: str) -> bool:
        return False

    def list_stack_resources(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        return {"StackResourceSummaries": self._of(StackName)}

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        self._of(StackName)
        return {"Stacks": [{"StackName": StackName, "StackStatus": self._status}]}

    def _of(self, name: str) -> list[dict[str, str]]:
        from botocore.exceptions import ClientError

        if name not in self._resources:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "ListStackResources")
        return self._resources[name]


class Session:
    """A mocked account with a comparison, a fine-tuning and its sweep; `sweep_ends` is what sweeps come to."""

    region_name = "us-east-1"

    def __init__(self, session: boto3.Session, *, sweep: bool = True) -> None:
        self._session = session
        self.states = session.client("stepfunctions")
        names = ("comparison", "fine-tuning", *(["sweep"] if sweep else []))
        self.arns = {
            name: self.states.create_state_machine(name=name, definition=DEFINITION, roleArn=ROLE)["stateMachineArn"]
            for name in names
        }
        machine = {"ResourceType": executions.MACHINE}
        fine_tuning = [{**machine, "LogicalResourceId": "Pipeline1", "PhysicalResourceId": self.arns["fine-tuning"]}]
        if sweep:
            fine_tuning.append({**machine, "LogicalResourceId": "Sweep1", "PhysicalResourceId": self.arns["sweep"]})
        comparison = {**machine, "LogicalResourceId": "Pipeline2", "PhysicalResourceId": self.arns["comparison"]}
        topic = {"ResourceType": "AWS::SNS::Topic", "LogicalResourceId": "T", "PhysicalResourceId": "t"}
        self.stacks = Stacks(
            {f"ladder-{NAME}-fine-tuning": fine_tuning, f"ladder-{NAME}-comparison": [topic, comparison]}
        )

    def client(self, service: str, **options: Any) -> Any:
        return self.stacks if service == "cloudformation" else self._session.client(service, **options)

    def start(self, machine: str, name: str, given: dict[str, Any]) -> str:
        arn = self.states.start_execution(stateMachineArn=self.arns[machine], name=name, input=json.dumps(given))[
            "executionArn"
        ]
        return str(arn)

    def statuses(self, machine: str) -> list[str]:
        found = self.states.list_executions(stateMachineArn=self.arns[machine])["executions"]
        return [execution["status"] for execution in found]


def event(name: str) -> dict[str, Any]:
    return {"detail": {"name": name, "input": json.dumps(ASKED), "status": "ABORTED"}}


def of(session: Session, said: list[str], pause: Any = lambda _: None) -> Executions:
    return Executions(Clients(session), NAME, say=said.append, pause=pause)


def test_everything_that_runs_is_stopped_the_comparison_first(session: boto3.Session) -> None:
    account, said = Session(session), list[str]()
    account.start("fine-tuning", "train", ASKED)
    account.start("comparison", "compare", ASKED)
    account.start("sweep", "of-another-day", event("other"))
    stopped = of(account, said).stop()
    assert said == ["stop compare of comparison", "stop train of fine-tuning"]
    assert [(execution.name, execution.endpoint) for execution in stopped] == [("train", JOB)]
    assert account.statuses("comparison") == account.statuses("fine-tuning") == ["ABORTED"]
    assert account.statuses("sweep") == ["RUNNING"]
    assert of(account, said).stop() == []


def end_sweeps(account: Session) -> None:
    """Only moto's own store can end an execution otherwise than by stopping it."""
    from moto.stepfunctions.models import stepfunctions_backends

    backend = stepfunctions_backends["123456789012"]["us-east-1"]
    for machine in backend.state_machines:
        if machine.arn == account.arns["sweep"]:
            for execution in machine.executions:
                execution.status = "SUCCEEDED"


def test_the_sweep_that_the_rule_started_is_waited_for(session: boto3.Session) -> None:
    account, said = Session(session), list[str]()
    account.start("fine-tuning", "train", ASKED)
    waited = of(account, said, lambda _: end_sweeps(account))
    stopped = waited.stop()
    account.start("sweep", "by-the-rule", event("train"))
    waited.await_sweeps(stopped)
    assert account.statuses("sweep") == ["SUCCEEDED"]
    assert said[-1] == "wait for the sweep of train"


def test_where_the_rule_starts_none_the_sweep_is_started(session: boto3.Session) -> None:
    account, said = Session(session), list[str]()
    account.start("fine-tuning", "train", ASKED)
    waited = of(account, said, lambda _: end_sweeps(account))
    waited.await_sweeps(waited.stop())
    (execution,) = account.states.list_executions(stateMachineArn=account.arns["sweep"])["executions"]
    given = account.states.describe_execution(executionArn=execution["executionArn"])["input"]
    assert json.loads(given) == event("train")


@pytest.mark.parametrize(("sweep", "why"), [(False, "there is no sweep in its stack"), (True, "its sweep is RUNNING")])
def test_an_endpoint_that_may_be_left_is_told_with_the_call(session: boto3.Session, sweep: bool, why: str) -> None:
    account = Session(session, sweep=sweep)
    account.start("fine-tuning", "train", ASKED)
    waited = of(account, [])
    stopped = waited.stop()
    with pytest.raises(LadderError) as refused:
        waited.await_sweeps(stopped)
    assert str(refused.value) == (
        f"endpoint {JOB} may still run and be charged by the hour, because {why}: `aws sagemaker delete-endpoint "
        f"--endpoint-name {JOB} --region us-east-1`, then run `make destroy` again"
    )


def test_what_blocks_a_stack_is_named() -> None:
    bucket = {
        "ResourceType": "AWS::S3::Bucket",
        "LogicalResourceId": "Bucket",
        "PhysicalResourceId": "results",
        "ResourceStatus": "DELETE_FAILED",
        "ResourceStatusReason": "The bucket you tried to delete\n is not empty",
    }
    other = {"ResourceType": "AWS::SNS::Topic", "LogicalResourceId": "T", "ResourceStatus": "DELETE_COMPLETE"}
    stacks = Stacks({f"ladder-{NAME}-foundation": [bucket, other]}, "DELETE_FAILED")

    class Account:
        region_name = "us-east-1"

        def client(self, service: str, **_: Any) -> Any:
            assert service == "cloudformation"
            return stacks

    assert list(blockers(Clients(Account()), NAME)) == [
        f"stack ladder-{NAME}-foundation is DELETE_FAILED: AWS::S3::Bucket results (The bucket you tried to delete is "
        "not empty)"
    ]


def test_the_log_streams_of_its_jobs_go_and_those_of_others_stay(session: boto3.Session) -> None:
    clients = Clients(session)
    assert delete_job_logs(clients, NAME) == 0, "without the group there is nothing to delete"
    logs = session.client("logs")
    logs.create_log_group(logGroupName="/aws/sagemaker/TrainingJobs")
    for name in (f"{JOB}/algo-1-1", f"other-{JOB}/algo-1-1", f"{NAME}-2-r20261201-101500-1a2b3c4d/algo-1-1"):
        logs.create_log_stream(logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=name)
    assert delete_job_logs(clients, NAME) == 1
    left = logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs")["logStreams"]
    assert f"{JOB}/algo-1-1" not in [stream["logStreamName"] for stream in left]
