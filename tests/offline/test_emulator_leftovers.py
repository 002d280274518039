"""The audit finds what was planted, by each of its ways of searching, and nothing else."""

from __future__ import annotations

import dataclasses
import json

import boto3
import pytest
from emulator_access import fault

from ladder.leftovers import audit as leftovers
from ladder.leftovers import probes
from offline.sandbox import Sandbox

pytestmark = pytest.mark.emulator

EXPERIMENT, PREFIX = "planted", "ladder-planted-"
TAGS = [{"Key": "experiment", "Value": EXPERIMENT}]
ROLE = "arn:aws:iam::123456789012:role/r"


def audit(aws: boto3.Session) -> leftovers.Audit:
    return leftovers.audit(aws, experiment=EXPERIMENT, stack_prefix=PREFIX)


@pytest.fixture
def planted(aws: boto3.Session) -> None:
    """Made outside CloudFormation: some tagged, some known by name only, an endpoint, and things of others."""
    key = {"AttributeName": "id", "KeyType": "HASH"}
    aws.client("dynamodb").create_table(
        TableName="of-no-name",
        KeySchema=[key],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=TAGS,
    )
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="tagged-bucket")
    s3.put_bucket_tagging(Bucket="tagged-bucket", Tagging={"TagSet": TAGS})
    s3.create_bucket(Bucket="of-another-experiment")
    s3.put_bucket_tagging(
        Bucket="of-another-experiment", Tagging={"TagSet": [{"Key": "experiment", "Value": "planted2"}]}
    )
    aws.client("logs").create_log_group(logGroupName="/aws/lambda/ladder-planted-rag-Answer-1")
    aws.client("logs").create_log_group(logGroupName="/aws/lambda/my-planted-prod")
    aws.client("iam").create_role(RoleName="tagged-role", AssumeRolePolicyDocument="{}", Tags=TAGS)
    policy = {"Rules": [{"ResourceType": "collection", "Resource": ["collection/planted-x"]}], "AWSOwnedKey": True}
    aws.client("opensearchserverless").create_security_policy(
        name="ladder-planted-ng-ft", type="encryption", policy=json.dumps(policy)
    )
    sagemaker = aws.client("sagemaker")
    sagemaker.create_endpoint(EndpointName="served", EndpointConfigName="config", Tags=TAGS)
    sagemaker.create_model(ModelName="of-no-experiment", ExecutionRoleArn=ROLE)
    aws.client("cloudformation").create_stack(
        StackName="ladder-planted-foundation",
        TemplateBody=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}),
    )


@pytest.fixture
def removed(aws: boto3.Session) -> object:
    yield None
    aws.client("cloudformation").delete_stack(StackName="ladder-planted-foundation")
    aws.client("sagemaker").delete_endpoint(EndpointName="served")
    aws.client("sagemaker").delete_model(ModelName="of-no-experiment")
    aws.client("opensearchserverless").delete_security_policy(name="ladder-planted-ng-ft", type="encryption")
    aws.client("iam").delete_role(RoleName="tagged-role")
    for name in ("/aws/lambda/ladder-planted-rag-Answer-1", "/aws/lambda/my-planted-prod"):
        aws.client("logs").delete_log_group(logGroupName=name)
    for name in ("tagged-bucket", "of-another-experiment"):
        aws.client("s3").delete_bucket(Bucket=name)
    aws.client("dynamodb").delete_table(TableName="of-no-name")
    assert list(audit(aws)) == []


@pytest.mark.usefixtures("removed", "planted")
def test_everything_planted_is_found_and_nothing_else(aws: boto3.Session) -> None:
    aws.client("cloudformation").get_waiter("stack_create_complete").wait(
        StackName="ladder-planted-foundation", WaiterConfig={"Delay": 1}
    )
    found = audit(aws)
    tag = "tag experiment=planted"
    assert [(item.kind, item.name, item.state, item.evidence) for item in found if item.kind != "AWS::SNS::Topic"] == [
        (
            "AWS::CloudFormation::Stack",
            "ladder-planted-foundation",
            "CREATE_COMPLETE",
            "name of its stack ladder-planted-foundation",
        ),
        ("AWS::DynamoDB::Table", "of-no-name", "exists", tag),
        ("AWS::IAM::Role", "tagged-role", "exists", tag),
        (
            "AWS::Logs::LogGroup",
            "/aws/lambda/ladder-planted-rag-Answer-1",
            "exists",
            "name of its stack ladder-planted-rag",
        ),
        (
            "AWS::OpenSearchServerless::SecurityPolicy",
            "ladder-planted-ng-ft",
            "encryption",
            "name ladder-planted-ng-ft",
        ),
        ("AWS::S3::Bucket", "tagged-bucket", "exists", tag),
        ("AWS::SageMaker::Endpoint", "served", "InService", tag),
    ]
    assert [item.name.startswith("ladder-planted-foundation") for item in found if item.kind == "AWS::SNS::Topic"] == [
        True
    ]
    assert json.loads(json.dumps([dataclasses.asdict(item) for item in found]))
    assert audit(aws) == found


def test_a_failed_call_is_no_leftover(aws: boto3.Session, emulator: Sandbox) -> None:
    fault(emulator, service="opensearchserverless", operation="ListCollections", status=400, code="AccessDenied")
    found = audit(aws)
    assert list(found) == []
    assert [(item.kind, item.region, item.reason) for item in found.failed] == [
        ("AWS::OpenSearchServerless::Collection", "us-east-1", "ListCollections: AccessDenied")
    ]
    assert not found.clean
    assert audit(aws).clean


def test_what_the_embedded_aws_does_not_offer_is_said(aws: boto3.Session) -> None:
    found = audit(aws)
    assert found.embedded
    assert all(item.reason.startswith("not offered by the embedded AWS (") for item in found.not_seen)
    seen = set(found.kinds) - {item.kind for item in found.not_seen}
    assert set(probes.TEMPLATE_KINDS) <= seen, "all that the templates make can be looked at"
