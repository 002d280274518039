"""What the guard sees of a deployment: its stacks, running executions and endpoints. Only what carries its tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

MACHINE_OUTPUT = "StateMachineArn"
BUCKET_OUTPUT = "BucketName"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack that is not deleted. `changed` is when it was made or last updated (UTC)."""

    name: str
    status: str
    created: datetime
    changed: datetime
    outputs: dict[str, str]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A SageMaker endpoint, which is charged by the second until it is deleted."""

    name: str
    status: str
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Stacks in the order in which they were made, ARNs of running executions, endpoints."""

    stacks: tuple[Stack, ...]
    executions: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]

    def output(self, key: str) -> list[str]:
        """Return the values of an output of all stacks that are not being deleted."""
        standing = (stack for stack in self.stacks if not stack.status.startswith("DELETE_"))
        return [stack.outputs[key] for stack in standing if key in stack.outputs]


def look(client: Callable[[str], Any], *, project: str, experiment: str) -> Sight:
    """Return what exists of the experiment. A stack that is being deleted takes its machine with it."""
    wanted = {"project": project, "experiment": experiment}
    stacks = sorted(_stacks(client("cloudformation"), wanted), key=lambda stack: (stack.created, stack.name))
    seen = Sight(stacks=tuple(stacks), executions=(), endpoints=())
    running = client("stepfunctions").get_paginator("list_executions")
    return replace(
        seen,
        executions=tuple(
            str(execution["executionArn"])
            for machine in seen.output(MACHINE_OUTPUT)
            for page in running.paginate(stateMachineArn=machine, statusFilter="RUNNING")
            for execution in page["executions"]
        ),
        endpoints=tuple(_endpoints(client("sagemaker"), experiment, wanted)),
    )


def _stacks(cloudformation: Any, wanted: dict[str, str]) -> Iterator[Stack]:
    for page in cloudformation.get_paginator("describe_stacks").paginate():
        for found in page["Stacks"]:
            if _carries(found.get("Tags", []), wanted) and found["StackStatus"] != "DELETE_COMPLETE":
                yield Stack(
                    name=str(found["StackName"]),
                    status=str(found["StackStatus"]),
                    created=found["CreationTime"],
                    changed=found.get("LastUpdatedTime") or found["CreationTime"],
                    outputs={o["OutputKey"]: str(o["OutputValue"]) for o in found.get("Outputs", [])},
                    reason=str(found.get("StackStatusReason", "")),
                )


def _endpoints(sagemaker: Any, experiment: str, wanted: dict[str, str]) -> Iterator[Endpoint]:
    for page in sagemaker.get_paginator("list_endpoints").paginate(NameContains=experiment):
        for found in page["Endpoints"]:
            if _carries(sagemaker.list_tags(ResourceArn=found["EndpointArn"])["Tags"], wanted):
                yield Endpoint(
                    name=str(found["EndpointName"]),
                    status=str(found["EndpointStatus"]),
                    created=found["CreationTime"],
                )


def _carries(found: list[dict[str, str]], wanted: dict[str, str]) -> bool:
    carried = {tag["Key"]: tag["Value"] for tag in found}
    return all(carried.get(key) == value for key, value in wanted.items())
