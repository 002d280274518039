"""A run in flight when its experiment is destroyed: it is stopped, and the sweep deletes its endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
from emulator_access import eventually, settled

from contracts.job_names import job_name
from infra.fine_tuning import sweep
from ladder.leftovers.listing import Clients
from ladder.stacks.executions import Executions

pytestmark = pytest.mark.emulator

NAME = "in-flight"
STACK = f"ladder-{NAME}-fine-tuning"
ASKED = {"experiment": NAME, "run": "r20261201-101500"}
ROLE = "arn:aws:iam::123456789012:role/r"
WAITING = {"StartAt": "Train", "States": {"Train": {"Type": "Wait", "Seconds": 3600, "End": True}}}


def machine(definition: object) -> dict[str, object]:
    properties = {"RoleArn": ROLE, "DefinitionString": json.dumps(definition)}
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}


@pytest.fixture
def pipeline(aws: boto3.Session) -> Iterator[str]:
    """The ARN of a fine-tuning that does not end by itself; its stack has the sweep, but no rule that starts it."""
    stacks = aws.client("cloudformation")
    template = {"Resources": {"Pipeline1": machine(WAITING), "Sweep1": machine(sweep.definition())}}
    stacks.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
    assert settled(stacks, STACK)["StackStatus"] == "CREATE_COMPLETE"
    resources = stacks.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    yield next(r["PhysicalResourceId"] for r in resources if r["LogicalResourceId"] == "Pipeline1")
    stacks.delete_stack(StackName=STACK)
    stacks.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


def test_a_run_in_flight_leaves_no_endpoint(aws: boto3.Session, pipeline: str) -> None:
    states, sagemaker = aws.client("stepfunctions"), aws.client("sagemaker")
    arn = states.start_execution(stateMachineArn=pipeline, name="train", input=json.dumps(ASKED))["executionArn"]
    endpoint = job_name(NAME, ASKED["run"], "train")
    sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=endpoint)
    eventually(lambda: states.describe_execution(executionArn=arn)["status"] == "RUNNING")
    said = list[str]()
    executions = Executions(Clients(aws), NAME, say=said.append, poll_s=0.1)
    executions.await_sweeps(executions.stop())
    assert said == ["stop train of fine-tuning", "wait for the sweep of train"]
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"
    assert endpoint not in [found["EndpointName"] for found in sagemaker.list_endpoints()["Endpoints"]]
