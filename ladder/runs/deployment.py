"""Finds what `cdk deploy` made, from the outputs of the experiment's stacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from ladder.errors import LadderError

APPROACH_STACKS = {"prompting": "prompting", "rag": "rag", "fine-tuning": "fine-tuning"}


def stack_prefix(experiment: str) -> str:
    """Every stack of an experiment is named `ladder-<experiment>-<concern>`."""
    return f"ladder-{experiment}-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The deployed pieces that the command line talks to."""

    experiment: str
    region: str
    bucket: str
    run_table: str
    comparison_arn: str
    approach_arns: dict[str, str]
    run_report_function: str
    spend_report_function: str


def find(session: boto3.Session, experiment: str) -> Deployment:
    """The deployment of `experiment` in the session's account and region.

    Raises:
        LadderError: a stack or one of its outputs is missing; the message names it.
    """
    cloudformation = session.client("cloudformation")
    prefix = stack_prefix(experiment)
    return Deployment(
        experiment=experiment,
        region=str(session.region_name),
        bucket=_output(cloudformation, f"{prefix}foundation", "BucketName"),
        run_table=_output(cloudformation, f"{prefix}foundation", "RunTableName"),
        comparison_arn=_output(cloudformation, f"{prefix}comparison", "StateMachineArn"),
        approach_arns={
            approach: _output(cloudformation, f"{prefix}{concern}", "StateMachineArn")
            for approach, concern in APPROACH_STACKS.items()
        },
        run_report_function=_output(cloudformation, f"{prefix}reporting", "RunReportFunctionName"),
        spend_report_function=_output(cloudformation, f"{prefix}reporting", "ReportFunctionName"),
    )


def stack_output(session: boto3.Session, experiment: str, concern: str, key: str) -> str:
    """An output of one stack of the experiment; errors as for `find`."""
    return _output(session.client("cloudformation"), f"{stack_prefix(experiment)}{concern}", key)


def _output(cloudformation: Any, stack: str, key: str) -> str:
    try:
        (description,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            raise LadderError(
                f"stack {stack} is not deployed; run `make deploy` (or `npx cdk deploy --all`)"
            ) from error
        raise
    status = description["StackStatus"]
    if not status.endswith("_COMPLETE") or "ROLLBACK" in status or status == "DELETE_COMPLETE":
        raise LadderError(f"stack {stack} is {status}; deploy it again before running")
    for output in description.get("Outputs", []):
        if output["OutputKey"] == key:
            return str(output["OutputValue"])
    raise LadderError(f"stack {stack} has no output {key}; it was deployed by another version, deploy it again")
