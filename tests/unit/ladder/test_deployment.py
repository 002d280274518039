"""What is deployed is found by the outputs of its stacks; what is not is named."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from ladder import deployment
from ladder.errors import LadderError

OUTPUTS = {
    "foundation": {"BucketName": "bucket", "RunTableName": "table"},
    "prompting": {"StateMachineArn": "arn:prompting"},
    "rag": {"StateMachineArn": "arn:rag"},
    "fine-tuning": {"StateMachineArn": "arn:fine-tuning"},
    "reporting": {"RunReportFunctionName": "run-report", "ReportFunctionName": "spend-report"},
    "comparison": {"StateMachineArn": "arn:comparison"},
}


class Stacks:
    """A session whose account has these stacks of the experiment `shop`, all in the same condition.

    moto's CloudFormation needs packages that nothing else here does.
    """

    region_name = "us-east-1"

    def __init__(self, outputs: dict[str, dict[str, str]], status: str = "CREATE_COMPLETE") -> None:
        self.outputs = outputs
        self.status = status

    def client(self, service: str) -> Stacks:
        assert service == "cloudformation"
        return self

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803  (boto3's name)
        concern = StackName.removeprefix("ladder-shop-")
        if concern not in self.outputs:
            error = {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}
            raise ClientError({"Error": error}, "DescribeStacks")
        found = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs[concern].items()]
        return {"Stacks": [{"StackStatus": self.status, "Outputs": found}]}


def find(session: Any) -> deployment.Deployment:
    return deployment.find(session, "shop")


def test_a_deployment_is_found_by_its_outputs() -> None:
    stacks = Stacks(OUTPUTS)
    assert find(stacks) == deployment.Deployment(
        session=stacks,
        experiment="shop",
        region="us-east-1",
        bucket="bucket",
        run_table="table",
        comparison_arn="arn:comparison",
        approach_arns={name: f"arn:{name}" for name in ("prompting", "rag", "fine-tuning")},
        run_report_function="run-report",
        spend_report_function="spend-report",
    )


ONE_STACK = {"foundation": OUTPUTS["foundation"]}
STATES = ("CREATE_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "DELETE_COMPLETE")


@pytest.mark.parametrize(
    ("stacks", "message"),
    [
        (Stacks(ONE_STACK), "stack ladder-shop-comparison is not deployed; run `make deploy`"),
        *((Stacks(OUTPUTS, state), f"stack ladder-shop-foundation is {state}; deploy it again") for state in STATES),
        (
            Stacks({"foundation": {}}, "UPDATE_COMPLETE"),
            "stack ladder-shop-foundation has no output BucketName; it was",
        ),
    ],
)
def test_a_stack_that_cannot_be_used_is_named(stacks: Stacks, message: str) -> None:
    with pytest.raises(LadderError, match=f"^{message}"):
        find(stacks)
