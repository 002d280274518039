"""What `cdk deploy` made of an experiment, as the outputs of its stacks tell it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import ClientError

from contracts.experiment import APPROACHES
from contracts.job_names import stack_name
from ladder.errors import LadderError
from lambdas.common.store import Results


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The deployed pieces that the command line talks to, and the session that reaches them."""

    session: Any
    experiment: str
    region: str
    bucket: str
    run_table: str
    comparison_arn: str
    approach_arns: dict[str, str]
    run_report_function: str
    spend_report_function: str

    @property
    def results(self) -> Results:
        """Return the results bucket."""
        return Results(self.bucket, self.session.client("s3"))


def find(session: boto3.Session, experiment: str) -> Deployment:
    """Return the deployment of `experiment` in the session's account and region.

    Raises:
        LadderError: a stack or one of its outputs is missing; the message names it.
    """
    output = partial(stack_output, session.client("cloudformation"), experiment)
    return Deployment(
        session=session,
        experiment=experiment,
        region=str(session.region_name),
        bucket=output("foundation", "BucketName"),
        run_table=output("foundation", "RunTableName"),
        comparison_arn=output("comparison", "StateMachineArn"),
        approach_arns={approach: output(approach, "StateMachineArn") for approach in APPROACHES},
        run_report_function=output("reporting", "RunReportFunctionName"),
        spend_report_function=output("reporting", "ReportFunctionName"),
    )


def stack_output(cloudformation: Any, experiment: str, concern: str, key: str) -> str:
    """Return an output of one stack of the experiment.

    Raises:
        LadderError: the stack or the output is missing; the message names it.
    """
    stack = stack_name(experiment, concern)
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
