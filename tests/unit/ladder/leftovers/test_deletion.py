"""Every kind that is looked for has a call that deletes it, and the call is one that the service knows."""

from __future__ import annotations

import boto3
import pytest
from botocore.validate import ParamValidator

from ladder.leftovers import deletion, probes
from ladder.leftovers.audit import STAYING
from ladder.leftovers.records import EVERYWHERE, STACK, Leftover

KINDS = sorted({probe.kind for probe in probes.PROBES} - STAYING)


def leftover(kind: str, name: str = "bus/rule", handle: str = "7", region: str = "eu-west-1") -> Leftover:
    return Leftover(
        kind=kind, name=name, state="exists", evidence="tag", arn=f"arn:aws:x:::{name}", handle=handle, region=region
    )


def test_every_kind_that_is_looked_for_can_be_deleted() -> None:
    assert deletion.kinds() == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_service_knows_the_call(kind: str, one_session: boto3.Session) -> None:
    call = deletion._CALLS[kind]
    model = one_session.client(call.service).meta
    operation = model.service_model.operation_model(model.method_to_api_mapping[call.operation])
    report = ParamValidator().validate(call.request(leftover(kind), "123456789012"), operation.input_shape)
    # Lengths and enumerations are of no interest: the names and types of the arguments are.
    assert not [e for e in report._errors if e[0] in ("unknown field", "missing required field", "invalid type")], (
        report.generate_report()
    )


@pytest.mark.parametrize(
    ("item", "line"),
    [
        (
            leftover("AWS::SageMaker::Endpoint", "e-1"),
            "aws sagemaker delete-endpoint --endpoint-name e-1 --region eu-west-1",
        ),
        (
            leftover("AWS::Events::Rule"),
            "aws events delete-rule --name rule --event-bus-name bus --region eu-west-1",
        ),
        (leftover("AWS::S3::Bucket", "b", region=EVERYWHERE), "aws s3 rb s3://b --force"),
        (
            leftover("AWS::RDS::DBCluster", "c"),
            "aws rds delete-db-cluster --db-cluster-identifier c --skip-final-snapshot --region eu-west-1",
        ),
        (
            leftover("AWS::CloudWatch::Alarm", "a b"),
            "aws cloudwatch delete-alarms --alarm-names 'a b' --region eu-west-1",
        ),
        (
            leftover("AWS::Budgets::Budget", "b", region=EVERYWHERE),
            "aws budgets delete-budget --account-id 123456789012 --budget-name b",
        ),
        (leftover("tagged neptune"), ""),
    ],
)
def test_the_call_is_shown_as_a_line(item: Leftover, line: str) -> None:
    assert deletion.command(item, "123456789012") == line


def test_what_costs_by_the_hour_goes_first_and_what_holds_others_last() -> None:
    kinds = ["AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SageMaker::Endpoint"]
    assert [i.kind for i in sorted(map(leftover, kinds), key=deletion._rank)] == kinds[::-1]


def test_while_a_stack_is_left_nothing_is_deleted(session: boto3.Session) -> None:
    session.client("sns").create_topic(Name="t")
    left = [leftover(STACK, "ladder-x-rag"), leftover("AWS::SNS::Topic", "t")]
    with pytest.raises(deletion.StackLeftError, match="ladder-x-rag"):
        deletion.delete(session, left, "123456789012", lambda _: None)
    assert len(session.client("sns").list_topics()["Topics"]) == 1
