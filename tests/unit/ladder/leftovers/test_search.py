"""The search through an account: every enabled region, shared containers, things of others; and the command."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from contracts.job_names import job_name, stack_prefix
from ladder import cli
from ladder.leftovers import audit, probes
from ladder.leftovers.audit import Audit, search
from ladder.leftovers.containers import DELIVERY_POLICY, TRAINING_LOGS
from ladder.leftovers.names import Owner
from ladder.leftovers.regions import enabled

#: What moto answers for, without packages that nothing else here needs.
KINDS = {
    "AWS::Logs::LogGroup",
    "AWS::Logs::LogStream",
    "AWS::Logs::ResourcePolicy",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::EndpointConfig",
    "AWS::IAM::Role",
    "AWS::S3::Bucket",
    "AWS::S3Vectors::VectorBucket",
    "AWS::SNS::Topic",
    "AWS::Events::Rule",
    "AWS::Glue::Table",
    "AWS::RDS::DBCluster",
    "AWS::DynamoDB::Table",
}
NAME = "tiny-shop"
TAGS = {"experiment": NAME}
ALL_TAGS = {**TAGS, "cost-cell": f"{NAME}/rag"}
JOB = job_name(NAME, "r20261201-101500", "x")
ROLE = "arn:aws:iam::123456789012:role/FakeRole"


#: Those that the account is said to have enabled: making clients for all of moto's takes seconds.
ENABLED = ("eu-central-1", "us-east-1", "us-west-2")


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "PROBES", tuple(probe for probe in probes.PROBES if probe.kind in KINDS))


@pytest.fixture(autouse=True)
def few_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "enabled", lambda _: (ENABLED, ()))


@pytest.fixture
def aws(one_session: boto3.Session) -> Iterator[boto3.Session]:
    with mock_aws():
        yield one_session


def listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def look(session: Any, **options: Any) -> Audit:
    return search(session, Owner(NAME, stack_prefix(NAME)), **options)


def endpoint(session: boto3.Session, name: str, region: str, tags: dict[str, str]) -> None:
    client = session.client("sagemaker", region_name=region)
    client.create_model(ModelName=f"m-{name}", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "x"})
    variant = {
        "VariantName": "v",
        "ModelName": f"m-{name}",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.g4dn.xlarge",
    }
    client.create_endpoint_config(EndpointConfigName=f"c-{name}", ProductionVariants=[variant])
    client.create_endpoint(EndpointName=name, EndpointConfigName=f"c-{name}", Tags=listed(tags))


@pytest.mark.parametrize("region", ["us-west-2", "eu-central-1"])
def test_what_is_left_in_another_region_is_found(aws: boto3.Session, region: str) -> None:
    endpoint(aws, "left", region, ALL_TAGS)
    found = look(aws)
    assert [(item.name, item.region) for item in found] == [("left", region)]
    depths = {place.name: place.depth for place in found.regions}
    assert (depths[region], depths["us-east-1"]) == ("full", "full")
    assert list(depths.values()).count("tags") == 1
    assert found.ever_deployed


def test_every_enabled_region_is_one_of_the_accounts(aws: boto3.Session) -> None:
    found, missing = enabled(aws)
    assert {"ap-southeast-2", *ENABLED} <= set(found)
    assert (len(found) > 15, missing) == (True, ())


def test_the_regions_that_are_named_are_the_only_ones(aws: boto3.Session) -> None:
    endpoint(aws, "left", "us-west-2", ALL_TAGS)
    found = look(aws, regions=["eu-west-1"])
    assert [place.name for place in found.regions] == ["eu-west-1"]
    assert list(found) == []


def test_the_inside_of_shared_containers(aws: boto3.Session) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName=TRAINING_LOGS)
    for stream in (f"{JOB}/algo-1-1", "acme-tiny-shop-r1/algo-1-1"):
        logs.create_log_stream(logGroupName=TRAINING_LOGS, logStreamName=stream)
    logs.create_log_group(logGroupName="ladder-acme-rag-Logs-1")
    account = "arn:aws:logs:us-east-1:123456789012:log-group:"
    entries = [f"{account}ladder-{NAME}-rag-PipelineLogs-1:*", f"{account}ladder-acme-rag-Logs-1:*", f"{account}gone:*"]
    document = {"Statement": [{"Effect": "Allow", "Resource": entries}]}
    logs.put_resource_policy(policyName=DELIVERY_POLICY, policyDocument=json.dumps(document))
    events = aws.client("events")
    events.create_event_bus(Name="own-bus")
    for name in (f"ladder-{NAME}-fine-tuning-Stopped1-x", f"my-{NAME}-prod"):
        events.put_rule(Name=name, EventBusName="own-bus", EventPattern='{"source": ["aws.states"]}')
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": "shared"})
    glue.create_table(DatabaseName="shared", TableInput={"Name": "copy", "Parameters": ALL_TAGS})
    glue.create_table(DatabaseName="shared", TableInput={"Name": NAME})
    found = look(aws)
    assert [(item.kind, item.name) for item in found] == [
        ("AWS::Events::Rule", f"own-bus/ladder-{NAME}-fine-tuning-Stopped1-x"),
        ("AWS::Glue::Table", "shared/copy"),
        ("AWS::Logs::LogStream", f"{JOB}/algo-1-1"),
    ]
    assert [item.name for item in found.stays] == [f"ladder-{NAME}-rag-PipelineLogs-1"]
    assert f"{len(json.dumps(document))} of 5120 bytes" in found.stays[0].state


def test_kinds_that_no_template_makes(aws: boto3.Session) -> None:
    vectors = aws.client("s3vectors")
    vectors.create_vector_bucket(vectorBucketName=f"ladder-{NAME}-rag-vectors")
    vectors.create_vector_bucket(vectorBucketName="of-others")
    rds = aws.client("rds")
    for name, tags in (("ours", ALL_TAGS), (f"my-{NAME}-prod", {"team": "acme"})):
        rds.create_db_cluster(
            DBClusterIdentifier=name,
            Engine="aurora-postgresql",
            MasterUsername="u",
            MasterUserPassword="long-enough",
            Tags=listed(tags),
        )
    assert [(item.kind, item.name) for item in look(aws)] == [
        ("AWS::RDS::DBCluster", "ours"),
        ("AWS::S3Vectors::VectorBucket", f"ladder-{NAME}-rag-vectors"),
    ]


@pytest.mark.parametrize("name", [f"ladder-{NAME}-2-x", f"my-{NAME}-prod", NAME, f"acme-{NAME}", f"{NAME}-r1-abc"])
def test_things_of_others_are_not_claimed(aws: boto3.Session, name: str) -> None:
    other = {"team": "acme", "experiment": "another"}
    aws.client("s3").create_bucket(Bucket=name)
    aws.client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": listed(other)})
    aws.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
    aws.client("sns").create_topic(Name=name, Tags=listed(other))
    aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=listed(other))
    endpoint(aws, name, "us-east-1", other)
    found = look(aws)
    assert (list(found), found.perhaps, found.ever_deployed) == ([], (), False)


def test_what_only_the_tagging_api_names_is_told_by_its_service(aws: boto3.Session) -> None:
    aws.client("kms").create_key(Tags=[{"TagKey": key, "TagValue": value} for key, value in ALL_TAGS.items()])
    (item,) = look(aws)
    assert (item.kind, item.state, item.evidence) == ("tagged kms", "listed by tag", f"tag cost-cell={NAME}/rag")


def test_a_tag_that_contradicts_another_is_weak_evidence(aws: boto3.Session) -> None:
    aws.client("sns").create_topic(Name="theirs", Tags=listed({**TAGS, "cost-cell": "acme/web"}))
    found = look(aws)
    assert (len(found), [item.name for item in found.perhaps]) == (0, ["theirs"])
    assert not found.ever_deployed


def test_regions_that_cannot_be_listed_are_not_called_empty(
    aws: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": "UnauthorizedOperation"}}, "DescribeRegions")

    make = aws.client
    ec2 = make("ec2")
    monkeypatch.setattr(ec2, "describe_regions", refuse)
    monkeypatch.setattr(aws, "client", lambda name, **o: ec2 if name == "ec2" else make(name, **o))
    monkeypatch.setattr(audit, "enabled", enabled)
    found = look(aws)
    assert [(item.kind, item.reason) for item in found.failed] == [
        ("Regions", "DescribeRegions: UnauthorizedOperation")
    ]
    assert not found.clean


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path) -> Any:
    """Runs `ladder leftovers` on the small experiment: exit code, output, and its one line of error."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ladder", "leftovers", "--experiment", str(folder), *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        assert printed.err.count("\n") <= 1
        return int(end.value.code or 0), printed.out, printed.err

    return run


@pytest.mark.usefixtures("aws")
def test_an_experiment_that_was_never_deployed_is_refused(ended: Any, tmp_path: Path) -> None:
    code, out, err = ended("--json", tmp_path / "leftovers.json")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: experiment {NAME} was never deployed in account 123456789012: ")
    assert not (tmp_path / "leftovers.json").exists()


def test_the_result_names_account_regions_kinds_and_the_call(aws: boto3.Session, ended: Any, tmp_path: Path) -> None:
    endpoint(aws, "left", "us-west-2", ALL_TAGS)
    code, out, err = ended("--json", tmp_path / "leftovers.json", "--receipt", tmp_path / "receipt.json")
    assert code == 1
    assert err.startswith(f"error: 1 leftovers of experiment {NAME}; ")
    lines = out.splitlines()
    assert lines[:2] == [f"experiment {NAME}, account 123456789012", "looked at every kind in: us-east-1, us-west-2"]
    assert "SageMaker (Endpoint, EndpointConfig)" in out
    assert "    aws sagemaker delete-endpoint --endpoint-name left --region us-west-2" in lines
    assert [item["name"] for item in json.loads((tmp_path / "leftovers.json").read_text())] == ["left"]
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    assert (receipt["clean_passes"], receipt["proven"], receipt["passes"][0]["clean"]) == (0, False, False)


def test_what_is_left_is_deleted_after_a_yes_and_nothing_else(aws: boto3.Session, ended: Any) -> None:
    endpoint(aws, "left", "us-west-2", ALL_TAGS)
    endpoint(aws, "theirs", "us-west-2", {**TAGS, "cost-cell": "acme/web"})
    logs = aws.client("logs")
    logs.create_log_group(logGroupName=TRAINING_LOGS)
    for stream in (f"{JOB}/algo-1-1", "acme/algo-1-1"):
        logs.create_log_stream(logGroupName=TRAINING_LOGS, logStreamName=stream)
    code, _, err = ended("--delete")
    assert code == 1
    assert err.endswith("was not confirmed: there is no terminal to ask; say --yes\n")
    code, out, _ = ended("--delete", "--yes")
    assert code == 0
    assert out.splitlines()[-1] == f"nothing is left of experiment {NAME}"
    names = [e["EndpointName"] for e in aws.client("sagemaker", region_name="us-west-2").list_endpoints()["Endpoints"]]
    assert names == ["theirs"]
    streams = logs.describe_log_streams(logGroupName=TRAINING_LOGS)["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == ["acme/algo-1-1"]


def test_what_was_there_before_the_first_deployment_is_not_ours(aws: boto3.Session, ended: Any, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    aws.client("sns").create_topic(Name=f"ladder-{NAME}-rag-topic")
    code, out, _ = ended("--baseline", file)
    assert (code, out.startswith(f"{file}: 1 things that look like the experiment's were there before")) == (0, True)
    aws.client("sns").create_topic(Name="later", Tags=listed(ALL_TAGS))
    code, out, _ = ended("--baseline", file)
    assert code == 1
    assert [line.split()[2] for line in out.splitlines() if line.startswith("left: ")] == ["later"]
    file.write_text(file.read_text().replace("123456789012", "999999999999"))
    assert "is of experiment tiny-shop in account 999999999999" in ended("--baseline", file)[2]
