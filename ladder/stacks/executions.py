"""Stops the executions of an experiment, and waits until what they were charged for by the hour is deleted.

A stopped fine-tuning execution has no clean-up of its own: the sweep deletes its endpoint. The sweep is a state machine
of the same stack, so the stack must outlive it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from contracts.job_names import CONCERNS, job_name, stack_name
from ladder.errors import LadderError
from ladder.leftovers.listing import Clients

MACHINE = "AWS::StepFunctions::StateMachine"
FINE_TUNING, SWEEP = "fine-tuning", "Sweep"
POLL_S = 5.0
#: Polls: for executions to be stopped, for the rule to start a sweep, for a sweep to end (its own limits are shorter).
STOPPING, STARTING, SWEEPING = 24, 12, 360
#: The machine that starts the others is stopped first.
ORDER = ("comparison", *(concern for concern in CONCERNS if concern != "comparison"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A deployed state machine."""

    concern: str
    arn: str
    sweep: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A fine-tuning execution that was stopped: its name, and what it was asked (experiment and run)."""

    name: str
    input: str

    @property
    def endpoint(self) -> str:
        """Return the name of the endpoint that it made, if it came to that."""
        asked = json.loads(self.input)
        return job_name(asked["experiment"], asked["run"], self.name)


class Executions:
    """The executions of one experiment. `pause` waits some seconds; `say` tells a person what happens."""

    def __init__(
        self,
        clients: Clients,
        experiment: str,
        *,
        say: Callable[[str], None],
        pause: Callable[[float], None] = time.sleep,
        poll_s: float = POLL_S,
    ) -> None:
        self._clients = clients
        self._say = say
        self._wait = pause
        self._poll_s = poll_s
        self._machines = list(machines(clients, experiment))

    def stop(self) -> list[Stopped]:
        """Stop all running executions but sweeps, and return those whose endpoint a sweep must delete.

        Raises:
            LadderError: some do not stop.
        """
        stopped: dict[str, Stopped] = {}
        others = [machine for machine in self._machines if not machine.sweep]
        for _ in range(STOPPING):
            running = [(machine, e) for machine in others for e in self._list(machine, statusFilter="RUNNING")]
            if not running:
                return list(stopped.values())
            for machine, execution in running:
                arn = execution["executionArn"]
                self._say(f"stop {execution['name']} of {machine.concern}")
                if machine.concern == FINE_TUNING:
                    given = self._clients.call("stepfunctions", "describe_execution", executionArn=arn)["input"]
                    stopped[arn] = Stopped(name=execution["name"], input=given)
                self._clients.call(
                    "stepfunctions", "stop_execution", executionArn=arn, cause="the experiment is destroyed"
                )
            self._wait(self._poll_s)
        names = ", ".join(execution["name"] for _, execution in running)
        raise LadderError(f"executions do not stop: {names}; stop them in the console, then run `make destroy` again")

    def await_sweeps(self, stopped: Sequence[Stopped]) -> None:
        """Return when a sweep has ended for each execution. The rule starts it; where it does not, this does.

        Raises:
            LadderError: a sweep failed or does not end; the message names the endpoint that may be left.
        """
        sweep = next((machine for machine in self._machines if machine.sweep), None)
        for execution in stopped:
            if sweep is None:
                raise LadderError(self._left(execution, "there is no sweep in its stack"))
            arn = self._started(sweep, execution) or self._start(sweep, execution)
            self._say(f"wait for the sweep of {execution.name}")
            for _ in range(SWEEPING):
                described = self._clients.call("stepfunctions", "describe_execution", executionArn=arn)
                if described["status"] != "RUNNING":
                    break
                self._wait(self._poll_s)
            if described["status"] != "SUCCEEDED":
                raise LadderError(self._left(execution, f"its sweep is {described['status']}"))

    def _started(self, sweep: Machine, execution: Stopped) -> str:
        for _ in range(STARTING):
            for candidate in self._list(sweep):
                arn = str(candidate["executionArn"])
                event = json.loads(self._clients.call("stepfunctions", "describe_execution", executionArn=arn)["input"])
                if event.get("detail", {}).get("name") == execution.name:
                    return arn
            self._wait(self._poll_s)
        return ""

    def _start(self, sweep: Machine, execution: Stopped) -> str:
        event = {"detail": {"name": execution.name, "input": execution.input, "status": "ABORTED"}}
        answer = self._clients.call(
            "stepfunctions", "start_execution", stateMachineArn=sweep.arn, input=json.dumps(event)
        )
        return str(answer["executionArn"])

    def _list(self, machine: Machine, **options: str) -> Iterator[dict[str, Any]]:
        yield from self._clients.pages(
            "stepfunctions", "list_executions", "executions", stateMachineArn=machine.arn, **options
        )

    def _left(self, execution: Stopped, why: str) -> str:
        call = f"aws sagemaker delete-endpoint --endpoint-name {execution.endpoint} --region {self._clients.region}"
        return (
            f"endpoint {execution.endpoint} may still run and be charged by the hour, because {why}: `{call}`, "
            "then run `make destroy` again"
        )


def machines(clients: Clients, experiment: str) -> Iterator[Machine]:
    """Yield the state machines of the experiment's stacks, in the order in which they are stopped."""
    for concern in ORDER:
        try:
            resources = list(
                clients.pages(
                    "cloudformation",
                    "list_stack_resources",
                    "StackResourceSummaries",
                    StackName=stack_name(experiment, concern),
                )
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            continue  # this stack is not deployed
        for resource in resources:
            if resource["ResourceType"] == MACHINE and resource.get("PhysicalResourceId"):
                name = resource["LogicalResourceId"]
                yield Machine(concern=concern, arn=resource["PhysicalResourceId"], sweep=name.startswith(SWEEP))
