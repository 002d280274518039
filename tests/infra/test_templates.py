"""What must hold for every resource of every stack."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from infra_templates import (
    CHANGED,
    CONCERNS,
    DOMAIN,
    EXPORTS,
    Templates,
    as_list,
    flat,
    granted,
    only,
    only_in,
    statements,
    tags_of,
)

from contracts.tags import KEYS

SYNTH = Callable[..., Templates]

#: Types that CloudFormation cannot tag.
UNTAGGABLE = {
    "AWS::Glue::Database",
    "AWS::Glue::Table",
    "AWS::IAM::Policy",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::LayerVersion",
    "AWS::OpenSearchServerless::AccessPolicy",
    "AWS::OpenSearchServerless::Index",
    "AWS::OpenSearchServerless::SecurityPolicy",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SNS::Subscription",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
    "Custom::S3AutoDeleteObjects",
}
APPROACHES = {"prompting": "prompting", "rag": "rag", "fine-tuning": "fine-tuning"}
#: Property that fixes a physical name, by type. Each of the types that need one says why.
NAMES = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::OpenSearchService::Domain": "DomainName",
    "AWS::Scheduler::Schedule": "Name",
}


@pytest.fixture(params=["nextgen", "classic", "domain", "exports"], scope="session")
def every_kind(request: pytest.FixtureRequest, synth: SYNTH) -> Templates:
    """The default deployment, those with another store, and the one with billing exports."""
    return synth(**{"nextgen": {}, "classic": CHANGED, "domain": DOMAIN, "exports": EXPORTS}[request.param])


def test_there_is_something_to_look_at(templates: Templates) -> None:
    assert len(list(templates.resources())) > 90
    assert tuple(templates.by_concern) == CONCERNS


def test_everything_taggable_carries_the_five_tags(every_kind: Templates) -> None:
    untagged = []
    for name, resource in every_kind.resources():
        if resource["Type"] in UNTAGGABLE:
            continue
        approach = APPROACHES.get(name.split("/")[0], "shared")
        found = {key: value for key, value in tags_of(resource).items() if key in KEYS}
        wanted = {
            "project": "fm-cost-ladder",
            "experiment": "fixture",
            "approach": approach,
            "cost-cell": f"fixture/{approach}",
            "owner": "unassigned",
        }
        if found != wanted:
            untagged.append((name, resource["Type"], found))
    assert untagged == []


def test_nothing_is_retained(every_kind: Templates) -> None:
    kept = [name for name, r in every_kind.resources() if r.get("DeletionPolicy", "Delete") != "Delete"]
    kept += [name for name, r in every_kind.resources() if r.get("UpdateReplacePolicy", "Delete") != "Delete"]
    assert kept == []


@pytest.mark.parametrize(
    "kind",
    ["AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::OpenSearchService::Domain"],
)
def test_types_that_cloudformation_keeps_by_default_are_deleted(synth: SYNTH, kind: str) -> None:
    found = list(synth(**DOMAIN).resources(kind))
    assert found
    assert all(resource["DeletionPolicy"] == "Delete" for _, resource in found)


def test_every_log_group_forgets(templates: Templates, synth: SYNTH) -> None:
    assert {r["Properties"]["RetentionInDays"] for _, r in templates.resources("AWS::Logs::LogGroup")} == {14}
    short = synth(**CHANGED)
    assert {r["Properties"]["RetentionInDays"] for _, r in short.resources("AWS::Logs::LogGroup")} == {1}


def test_every_function_logs_into_a_group_of_its_stack(templates: Templates) -> None:
    groups = {name for name, _ in templates.resources("AWS::Logs::LogGroup")}
    for name, function in templates.resources("AWS::Lambda::Function"):
        concern = name.split("/")[0]
        assert f"{concern}/{function['Properties']['LoggingConfig']['LogGroup']['Ref']}" in groups, name


def test_functions_cannot_make_log_groups(templates: Templates) -> None:
    for name, role in templates.resources("AWS::IAM::Role"):
        assert "ManagedPolicyArns" not in role["Properties"], name
    makers = {name for name, action, _ in granted(templates) if action == "logs:CreateLogGroup"}
    assert all("JobRole" in name for name in makers)


def test_no_resource_has_a_fixed_name(every_kind: Templates) -> None:
    fixed = [
        name
        for name, resource in every_kind.resources()
        if (prop := NAMES.get(resource["Type"]))
        and prop in resource.get("Properties", {})
        # CDK derives a schedule's name from its path, because its group is part of its identity.
        and resource["Type"] != "AWS::Scheduler::Schedule"
    ]
    assert fixed == []


def test_there_is_no_vpc(every_kind: Templates) -> None:
    text = json.dumps([template["Resources"] for template in every_kind.by_concern.values()])
    assert "AWS::EC2::" not in text
    assert "VpcConfig" not in text
    assert "VPCOptions" not in text


def test_functions_run_python_3_13_on_arm(templates: Templates) -> None:
    own = [
        f["Properties"] for _, f in templates.resources("AWS::Lambda::Function") if "Architectures" in f["Properties"]
    ]
    assert len(own) == 15
    assert {(p["Runtime"], *p["Architectures"]) for p in own} == {("python3.13", "arm64")}


def test_no_two_functions_share_a_role(templates: Templates) -> None:
    roles = [
        f"{name.split('/')[0]}/{json.dumps(function['Properties']['Role'])}"
        for name, function in templates.resources("AWS::Lambda::Function")
    ]
    assert len(roles) == len(set(roles))


# ---- permissions -----------------------------------------------------------------------------------------------------

#: Why a resource of a policy may hold a wildcard: pattern of the flattened ARN -> reason. Nothing else may have one.
WILDCARDS = {
    r"<.*Bucket.*>/(experiment=fixture/|reports/fixture/).*": "objects of the experiment",
    r"arn:aws:bedrock:\*::foundation-model/amazon\.nova-micro-v1:0": "regions of a geographic profile, by condition",
    r"arn:aws:sagemaker:us-east-1:<AWS::AccountId>:[a-z-]+/\*": "named at run time, held by tags",
    r"arn:aws:sagemaker:us-east-1:<AWS::AccountId>:endpoint/fixture-\*": "endpoints of the experiment, gone ones too",
    r"arn:aws:logs:us-east-1:<AWS::AccountId>:log-group:/aws/sagemaker/.*": "SageMaker names them after jobs",
    r"arn:aws:states:us-east-1:<AWS::AccountId>:(execution|mapRun):<.*>[:/]\*": "executions of a named machine",
    r"<.*Domain.*>/\*": "API paths of the domain",
    r"<(SpendReport|Sync|Watch)Function.*>:\*": "versions of a scheduled function",
    r"arn:aws:cloudformation:us-east-1:<AWS::AccountId>:stack/ladder-fixture-(guard|\*)/\*": "ids of stacks",
    r"arn:aws:sagemaker:us-east-1:<AWS::AccountId>:endpoint-config/fixture-\*": "of the experiment's endpoints",
    r"<BillingBucket.*>/exports/\*": "files of billing exports, named by AWS",
}
#: Actions that take no resource.
NO_RESOURCE = {
    # By name it would take one; all stacks are listed and held against the tags.
    "cloudformation:DescribeStacks",
    "sagemaker:ListEndpoints",
    "ce:GetCostAndUsage",
    "ce:GetCostForecast",
    "ce:ListCostAllocationTags",
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}


def test_no_action_is_granted_by_wildcard(every_kind: Templates) -> None:
    assert [(name, action) for name, action, _ in granted(every_kind) if "*" in action] == []


def test_every_wildcard_in_a_resource_has_a_reason(every_kind: Templates) -> None:
    unexplained = [
        (name, action, resource)
        for name, action, resource in granted(every_kind)
        if "*" in resource
        and not (resource == "*" and action in NO_RESOURCE)
        and not any(re.fullmatch(pattern, resource) for pattern in WILDCARDS)
    ]
    assert unexplained == []


LOOKING = {f"sagemaker:{a}" for a in ("DescribeEndpoint", "DescribeEndpointConfig", "ListEndpoints", "ListTags")}


def test_sagemaker_is_held_by_tags(templates: Templates) -> None:
    for name, statement in statements(templates):
        actions = as_list(statement["Action"])
        if not any(action.startswith("sagemaker:") for action in actions):
            continue
        condition = statement.get("Condition", {}).get("StringEquals", {})
        cells = {key: value for key, value in condition.items() if key.endswith("/cost-cell")}
        if not {action for action in actions if action.startswith("sagemaker:")} - LOOKING:
            # One that is gone has no tags, and must be known to be gone; the guard reads tags to know whose one is.
            asked = [flat(resource) for resource in as_list(statement["Resource"])]
            assert all(re.search(r":endpoint(-config)?/fixture-\*$|^\*$", resource) for resource in asked), name
        elif actions != ["sagemaker:CreateEndpoint"]:
            assert set(cells.values()) == {"fixture/fine-tuning"}, (name, actions)


def test_training_and_hosting_instances_are_capped(templates: Templates) -> None:
    caps = {
        statement["Action"]: statement["Condition"]["ForAllValues:StringEquals"]["sagemaker:InstanceTypes"]
        for _, statement in statements(templates)
        if "ForAllValues:StringEquals" in statement.get("Condition", {})
    }
    assert caps == {
        "sagemaker:CreateTrainingJob": ["ml.g5.xlarge"],
        "sagemaker:CreateEndpointConfig": ["ml.g5.xlarge"],
    }


def test_a_model_is_called_through_the_approach_s_own_profile_only(templates: Templates) -> None:
    found = 0
    for name, statement in statements(templates):
        if statement["Action"] != "bedrock:InvokeModel":
            continue
        for resource in map(flat, as_list(statement["Resource"])):
            if "foundation-model" in resource:
                arn = statement["Condition"]["StringEquals"]["bedrock:InferenceProfileArn"]
                assert arn["Fn::GetAtt"][1] == "InferenceProfileArn", name
                found += 1
            else:
                assert resource.endswith(".InferenceProfileArn>"), name
    assert found == 6


def test_each_model_and_approach_has_a_profile_of_its_own(templates: Templates) -> None:
    profiles = [r["Properties"] for _, r in templates.resources("AWS::Bedrock::ApplicationInferenceProfile")]
    names = [re.sub(r"-[0-9a-f]{8}$", "", p["InferenceProfileName"]) for p in profiles]
    assert names == [
        "ladder-fixture-prompting-generator",
        "ladder-fixture-rag-generator",
        "ladder-fixture-rag-embedding",
        "ladder-fixture-fine-tuning-embedding",
    ]
    assert len({p["InferenceProfileName"] for p in profiles}) == 4


# ---- the parts -------------------------------------------------------------------------------------------------------


def test_the_bucket_is_private_encrypted_and_empties_itself(templates: Templates) -> None:
    bucket = only(templates, "AWS::S3::Bucket")["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    assert "VersioningConfiguration" not in bucket
    assert only(templates, "Custom::S3AutoDeleteObjects")
    denied = json.dumps(only(templates, "AWS::S3::BucketPolicy"))
    assert '"aws:SecureTransport": "false"' in denied


def test_the_bucket_of_the_embedded_aws_needs_no_function_to_empty_it(synth: SYNTH) -> None:
    found = synth(**CHANGED)
    assert list(found.resources("Custom::S3AutoDeleteObjects")) == []
    assert len(list(found.resources("AWS::Lambda::Function"))) == 16


def test_the_run_table_is_paid_by_request(templates: Templates) -> None:
    table = only(templates, "AWS::DynamoDB::Table")["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["experiment", "run"]


def test_the_schedule_can_be_switched_off(templates: Templates, synth: SYNTH) -> None:
    assert only_in("reporting", templates, "AWS::Scheduler::Schedule")["Properties"]["State"] == "ENABLED"
    off = synth(**CHANGED)
    assert only_in("reporting", off, "AWS::Scheduler::Schedule")["Properties"]["State"] == "DISABLED"


def test_undelivered_reports_are_kept_and_alarmed(templates: Templates) -> None:
    schedules = {name.split("/")[0]: r["Properties"] for name, r in templates.resources("AWS::Scheduler::Schedule")}
    queues = dict(name.split("/") for name, _ in templates.resources("AWS::SQS::Queue"))
    assert set(schedules) == set(queues) == {"guard", "reporting"}
    for concern, queue in queues.items():
        assert schedules[concern]["Target"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] == queue
    assert any("LettersAlarm" in name for name, _ in templates.resources("AWS::CloudWatch::Alarm"))


def test_a_daily_report_that_keeps_failing_is_not_lost(templates: Templates) -> None:
    config = only_in("reporting", templates, "AWS::Lambda::EventInvokeConfig")
    ((queue, _),) = [q for q in templates.resources("AWS::SQS::Queue") if q[0].startswith("reporting/")]
    failed = config["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
    assert failed["Fn::GetAtt"] == [queue.split("/")[1], "Arn"]
    assert config["Properties"]["MaximumRetryAttempts"] == 2


def test_every_machine_and_every_function_is_alarmed(synth: SYNTH) -> None:
    templates = synth(**EXPORTS)
    alarms = list(templates.resources("AWS::CloudWatch::Alarm"))
    text = json.dumps([alarm for _, alarm in alarms])
    for name, _ in templates.resources("AWS::StepFunctions::StateMachine"):
        assert f'"Ref": "{name.split("/")[1]}"' in text
    for name, function in templates.resources("AWS::Lambda::Function"):
        if function["Properties"]["Runtime"].startswith("python"):
            assert f'"Ref": "{name.split("/")[1]}"' in text
    assert all(len(alarm["Properties"]["AlarmActions"]) == 1 for _, alarm in alarms)


def test_alarms_may_publish_to_their_topic(templates: Templates) -> None:
    policies = dict(templates.resources("AWS::SNS::TopicPolicy"))
    (policy,) = [policy for name, policy in policies.items() if name.startswith("foundation/")]
    services = [s["Principal"] for s in policy["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
    assert services == [{"Service": "cloudwatch.amazonaws.com"}]


def test_an_address_is_subscribed_only_if_given(templates: Templates, synth: SYNTH) -> None:
    assert list(templates.resources("AWS::SNS::Subscription")) == []
    subscription = only_in("foundation", synth(**CHANGED), "AWS::SNS::Subscription")
    assert subscription["Properties"]["Endpoint"] == "alarms@b.org"


def test_the_command_line_finds_its_outputs(templates: Templates) -> None:
    outputs = {
        concern: {name for name in template["Outputs"] if not name.startswith("Publish")}
        for concern, template in templates.by_concern.items()
    }
    assert outputs == {
        "guard": {"ExpiryParameterName", "TeardownMachineArn", "WatchFunctionName"},
        "foundation": {"BucketName", "RunTableName", "AlarmTopicArn"},
        "prompting": {"StateMachineArn"},
        "rag": {"StateMachineArn", "SearchEndpoint"},
        "fine-tuning": {"StateMachineArn", "JobRoleArn"},
        "reporting": {"ReportFunctionName", "ReportTopicArn", "RunReportFunctionName"},
        "comparison": {"StateMachineArn"},
    }
