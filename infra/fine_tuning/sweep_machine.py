"""The machine that cleans up after an execution that was stopped or ran out of time, and the rule that starts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import permissions
from infra.fine_tuning import permissions as sagemaker
from infra.fine_tuning import sweep
from infra.settings import Settings
from infra.state_machine import Machine


def sweep_after(scope: Construct, machine: Machine, *, settings: Settings, tags: Mapping[str, str]) -> Machine:
    """Return the sweep of `machine`, which may delete only what carries `tags`."""
    sweeper = Machine(scope, "Sweep", settings=settings, definition=sweep.definition(), functions={})
    sagemaker.allow_clean_up(sweeper.role, tags)
    caller = permissions.service_role(scope, "SweepRuleRole", "events.amazonaws.com", "Starts the sweep")
    events.Rule(
        scope,
        "Stopped",
        description="A fine-tuning execution was stopped or ran out of time",
        event_pattern=events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={"stateMachineArn": [machine.arn], "status": ["ABORTED", "TIMED_OUT"]},
        ),
        targets=[targets.SfnStateMachine(sweeper.machine, role=cast(iam.IRole, caller))],
    )
    return sweeper
