"""What the guard may see and end: what carries the experiment's tags, and its stacks by their names."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from contracts.tags import CELL, cell
from infra import permissions
from infra.settings import Settings

LISTED = "Listing takes no resource: what is found is held against the experiment's tags."
NAMED_LATER = "Endpoints are named when a run starts; the condition says by its tags which are meant."
OWN_NAMES = "Endpoints are named when a run starts; their names begin with the experiment's."
STACKS = "CloudFormation adds an id of its own to the name of a stack."


def allow_endpoints(role: iam.Role, settings: Settings) -> None:
    """Let a role see stacks and endpoints, and delete endpoints."""
    stack = cdk.Stack.of(role)
    permissions.allow(
        role,
        ["cloudformation:DescribeStacks", "sagemaker:ListEndpoints"],
        ["*"],
        wildcard=LISTED,
    )
    permissions.allow(role, ["sagemaker:ListTags"], [_named(role, settings, "endpoint")], wildcard=OWN_NAMES)
    permissions.allow(
        role,
        ["sagemaker:DeleteEndpoint"],
        [f"arn:{stack.partition}:sagemaker:{stack.region}:{stack.account}:endpoint/*"],
        when={"StringEquals": {f"aws:ResourceTag/{CELL}": cell(settings.experiment, "fine-tuning")}},
        wildcard=NAMED_LATER,
    )


def allow_prices_of_endpoints(role: iam.Role, settings: Settings) -> None:
    """Let a role see what instances the endpoints have."""
    arns = [_named(role, settings, "endpoint")]
    permissions.allow(role, ["sagemaker:DescribeEndpoint"], arns, wildcard=OWN_NAMES)
    arns = [_named(role, settings, "endpoint-config")]
    permissions.allow(role, ["sagemaker:DescribeEndpointConfig"], arns, wildcard=OWN_NAMES)


def allow_deleting(role: iam.Role, settings: Settings, concern: str) -> None:
    """Let a role delete a stack of the experiment (`*`: all of them).

    CloudFormation does it with the role that deployed the stack.
    """
    stack = cdk.Stack.of(role)
    permissions.allow(
        role,
        ["cloudformation:DeleteStack"],
        [f"arn:{stack.partition}:cloudformation:{stack.region}:{stack.account}:stack/{settings.stack_name(concern)}/*"],
        when=_tagged(settings),
        wildcard=STACKS,
    )


def _named(role: iam.Role, settings: Settings, kind: str) -> str:
    stack = cdk.Stack.of(role)
    return f"arn:{stack.partition}:sagemaker:{stack.region}:{stack.account}:{kind}/{settings.experiment}-*"


def _tagged(settings: Settings) -> dict[str, dict[str, str]]:
    return {
        "StringEquals": {
            "aws:ResourceTag/project": settings.project,
            "aws:ResourceTag/experiment": settings.experiment,
        }
    }
