"""The guard on the embedded AWS: it looks, is extended, and takes the whole deployment down, itself last."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from emulator_access import ROOT, cdk, eventually

import app
from ladder.leftovers.audit import audit
from offline.sandbox import Sandbox
from tests.offline import small_experiment

pytestmark = pytest.mark.emulator

EXPERIMENT = "guarded"
STACKS = (f"ladder-{EXPERIMENT}-guard", f"ladder-{EXPERIMENT}-prompting", f"ladder-{EXPERIMENT}-foundation")


@pytest.fixture(scope="module")
def deployed(emulator: Sandbox, aws: boto3.Session, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The guard with two stacks to watch over: the outputs of its own."""
    folder = tmp_path_factory.mktemp("guard")
    experiment = small_experiment.write(folder / "experiment")
    settings = experiment / "experiment.yaml"
    settings.write_text(settings.read_text().replace(f"name: {small_experiment.NAME}", f"name: {EXPERIMENT}"))
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    # Layers are left out: none of the functions here needs one.
    own = {"experiment": str(experiment), "layer-platform": "host", "aws:cdk:bundling-stacks": []}
    app.synth({**context, **own}, str(folder / "cdk.out"))
    cdk(emulator, "bootstrap", "--app", "", f"aws://{emulator.account}/{emulator.region}")
    options = ("--exclusively", "--require-approval", "never", "--method", "direct")
    cdk(emulator, "deploy", *STACKS, "--app", str(folder / "cdk.out"), *options)
    (stack,) = aws.client("cloudformation").describe_stacks(StackName=STACKS[0])["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def watch(aws: boto3.Session, deployed: dict[str, str]) -> dict[str, Any]:
    response = aws.client("lambda").invoke(FunctionName=deployed["WatchFunctionName"], Payload=b"{}")
    answer: dict[str, Any] = json.loads(response["Payload"].read())
    assert "FunctionError" not in response, answer
    return answer


def test_it_ends_what_has_expired_and_itself_last(aws: boto3.Session, deployed: dict[str, str]) -> None:
    first = watch(aws, deployed)
    assert (first["expired"], first["overspent"], first["warnings"]) == (False, False, [])
    expires = datetime.fromisoformat(first["expires"])
    assert timedelta(hours=167) < expires - datetime.now(UTC) <= timedelta(hours=168)

    ssm = aws.client("ssm")
    later = (datetime.now(UTC) + timedelta(hours=300)).isoformat()
    ssm.put_parameter(Name=deployed["ExpiryParameterName"], Value=later, Overwrite=True)
    assert datetime.fromisoformat(watch(aws, deployed)["expires"]) > expires

    states = aws.client("stepfunctions")
    machine = deployed["TeardownMachineArn"]
    assert states.list_executions(stateMachineArn=machine)["executions"] == []
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps({"reason": "test"}))["executionArn"]
    stacks = aws.client("cloudformation")

    def gone() -> bool:
        found = states.describe_execution(executionArn=execution)
        assert found["status"] in ("RUNNING", "SUCCEEDED"), (found.get("error"), found.get("cause"))
        left = [s["StackName"] for s in stacks.describe_stacks()["Stacks"] if s["StackStatus"] != "DELETE_COMPLETE"]
        assert not set(left) & set(STACKS[1:]) or STACKS[0] in left, "the guard goes last"
        return not set(left) & set(STACKS)

    eventually(gone)
    assert audit(aws, experiment=EXPERIMENT, stack_prefix=f"ladder-{EXPERIMENT}-") == []
