"""The unmodified CDK command line deploys every kind of resource that the product uses, and the result works."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from typing import Any

import boto3
import pytest
from emulator_access import cdk, clear_faults, eventually, fault, settled
from emulator_app import example_stacks

from ladder.leftovers import audit as leftovers
from ladder.leftovers.listing import Clients
from ladder.stacks.destroy import blockers
from offline.sandbox import Sandbox

pytestmark = pytest.mark.emulator

OPTIONS = ("--require-approval", "never", "--concurrency", "4")


@pytest.fixture(scope="module")
def bootstrapped(emulator: Sandbox) -> Sandbox:
    cdk(emulator, "bootstrap", "--app", "", f"aws://{emulator.account}/{emulator.region}")
    return emulator


@pytest.fixture(scope="module")
def outputs(bootstrapped: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Both stacks, deployed: their outputs."""
    directory = tmp_path_factory.mktemp("assembly")
    example_stacks.synthesize(directory / "cdk.out", prefix="EmulatorTest", experiment="emulator-test")
    file = directory / "outputs.json"
    cdk(bootstrapped, "deploy", "--all", "--app", str(directory / "cdk.out"), *OPTIONS, "--outputs-file", str(file))
    stacks = json.loads(file.read_text())
    return {key: value for stack in stacks.values() for key, value in stack.items()}


@pytest.fixture
def faults(emulator: Sandbox) -> Iterator[Any]:
    """Adds faults; removes what is left of them afterwards."""
    yield partial(fault, emulator)
    clear_faults(emulator)


def execute(aws: boto3.Session, machine: str, **given: object) -> dict[str, Any]:
    """Run a state machine to its end and describe it, with its output decoded."""
    states = aws.client("stepfunctions")
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = states.describe_execution(executionArn=execution)
        return None if found["status"] == "RUNNING" else found

    found = eventually(ended)
    return {**found, "output": json.loads(found.get("output") or "{}")}


def test_a_function_sees_its_layer_and_only_what_lambda_has(
    outputs: dict[str, str], aws: boto3.Session, emulator: Sandbox
) -> None:
    answer = aws.client("lambda").invoke(FunctionName=outputs["Inspect"], Payload=b"{}")
    assert "FunctionError" not in answer
    found = json.loads(answer["Payload"].read())
    assert found["layer"] == "layer"
    assert found["hidden"] == ["pydantic", "moto", "ministack"]
    assert found["memory"] == "256"
    assert found["endpoint"] == f"http://127.0.0.1:{emulator.opensearch_port}"


def test_a_distributed_map_reads_its_items_from_s3(outputs: dict[str, str], aws: boto3.Session) -> None:
    done = execute(aws, outputs["batchesMachine"], items=4, fail=False)
    assert done["status"] == "SUCCEEDED", done
    assert done["output"]["answers"] == [{"batch": number} for number in range(4)]
    assert done["output"]["prepared"]["text"] == "4 items"
    # Wait states are shortened, but not skipped: 30 s take about 1 s.
    assert 1.0 <= (done["stopDate"] - done["startDate"]).total_seconds() < 20


def test_a_function_error_is_caught_by_the_name_of_its_class(outputs: dict[str, str], aws: boto3.Session) -> None:
    done = execute(aws, outputs["batchesMachine"], items=1, fail=True)
    assert done["output"]["answers"] == [{"caught": "OddItemError"}]


def test_an_injected_lambda_error_is_retried(outputs: dict[str, str], aws: boto3.Session, faults: Any) -> None:
    answer = next(name for name in names_of(aws) if "answer" in name)
    faults(service="lambda", operation=answer, status=429, code="TooManyRequestsException", times=2)
    assert execute(aws, outputs["batchesMachine"], items=1, fail=False)["status"] == "SUCCEEDED"
    faults(service="lambda", operation=answer, status=429, code="TooManyRequestsException", times=3)
    failed = execute(aws, outputs["batchesMachine"], items=1, fail=False)
    assert failed["status"] == "FAILED"
    assert failed["error"] == "States.ExceedToleratedFailureThreshold"


def names_of(aws: boto3.Session) -> list[str]:
    return [function["FunctionName"] for function in aws.client("lambda").list_functions()["Functions"]]


def test_a_nested_execution_returns_its_output_or_states_task_failed(
    outputs: dict[str, str], aws: boto3.Session, faults: Any
) -> None:
    done = execute(aws, outputs["parentMachine"], items=1)
    assert done["output"]["child"]["Output"]["answers"] == [{"batch": 0}]
    prepare = next(name for name in names_of(aws) if "prepare" in name)
    faults(service="lambda", operation=prepare, status=500, code="ServiceException", times=1)
    caught = execute(aws, outputs["parentMachine"], items=1)["output"]["error"]
    assert caught["Error"] == "States.TaskFailed"
    cause = json.loads(caught["Cause"])
    assert (cause["Status"], cause["Error"]) == ("FAILED", "Lambda.ServiceException")


def test_sagemaker_calls_reach_the_engines_and_fail_with_aws_names(outputs: dict[str, str], aws: boto3.Session) -> None:
    first = execute(aws, outputs["sagemakerMachine"], name="job-1")
    assert first["output"]["training"]["TrainingJobStatus"] == "Completed"
    assert first["output"]["deletion"]["Error"] == "SageMaker.SageMakerException"
    second = execute(aws, outputs["sagemakerMachine"], name="job-1")
    assert second["output"]["error"]["Error"] == "SageMaker.ResourceInUseException"


def test_a_model_is_called_by_its_inference_profile(outputs: dict[str, str], aws: boto3.Session) -> None:
    arn = outputs["ProfileArn"]
    message = {"role": "user", "content": [{"text": "hello"}]}
    answer = aws.client("bedrock-runtime").converse(modelId=arn, messages=[message])
    # The path reaches the engine as it was sent: the ARN's slash stays one part of it.
    path = answer["output"]["message"]["content"][0]["text"]
    assert re.fullmatch(r"/model/arn%3Aaws%3Abedrock[^/]+/converse", path)
    profile = aws.client("bedrock").get_inference_profile(inferenceProfileIdentifier=arn)
    assert profile["models"] == [{"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0"}]


def test_the_index_is_on_the_opensearch_server(outputs: dict[str, str]) -> None:
    with urllib.request.urlopen(f"{outputs['CollectionEndpoint']}/pages", timeout=10) as answer:
        index = json.load(answer)["pages"]
    method = {"name": "hnsw", "engine": "faiss", "space_type": "innerproduct"}
    assert index["mappings"]["properties"]["vector"] == {"type": "knn_vector", "dimension": 384, "method": method}
    assert index["settings"] == {"index": {"knn": True}}


def test_a_collection_belongs_to_its_group(outputs: dict[str, str], aws: boto3.Session) -> None:
    client = aws.client("opensearchserverless")
    (group,) = client.batch_get_collection_group(names=["emulator-test"])["collectionGroupDetails"]
    assert (group["generation"], group["numberOfCollections"]) == ("NEXTGEN", 1)
    assert group["capacityLimits"] == {"minSearchCapacityInOCU": 0.0, "maxSearchCapacityInOCU": 2.0}
    with pytest.raises(client.exceptions.ConflictException):
        client.delete_collection_group(id=group["id"])


def test_tags_are_listed_for_every_kind_that_has_them(outputs: dict[str, str], aws: boto3.Session) -> None:
    tagging = aws.client("resourcegroupstaggingapi")
    filters = [{"Key": "experiment", "Values": ["emulator-test"]}]
    found = {
        item["ResourceARN"].split(":")[2]
        for item in tagging.get_resources(TagFilters=filters)["ResourceTagMappingList"]
    }
    services = {"aoss", "bedrock", "budgets", "cloudwatch", "dynamodb", "es", "lambda", "logs", "s3", "sns", "sqs"}
    assert services | {"states"} <= found
    roles = aws.client("iam").list_roles()["Roles"]
    role = next(role["RoleName"] for role in roles if "answer" in role["RoleName"])
    tags = aws.client("iam").list_role_tags(RoleName=role)["Tags"]
    assert {"Key": "experiment", "Value": "emulator-test"} in tags


@pytest.mark.parametrize(
    ("service", "operation", "call"),
    [
        ("s3", "ListBuckets", lambda aws: aws.client("s3").list_buckets()),
        ("dynamodb", "ListTables", lambda aws: aws.client("dynamodb").list_tables()),
        ("states", "ListStateMachines", lambda aws: aws.client("stepfunctions").list_state_machines()),
        ("sqs", "ListQueues", lambda aws: aws.client("sqs").list_queues()),
        ("iam", "ListRoles", lambda aws: aws.client("iam").list_roles()),
        ("sagemaker", "ListModels", lambda aws: aws.client("sagemaker").list_models()),
        ("ce", "GetAnomalyMonitors", lambda aws: aws.client("ce").get_anomaly_monitors()),
    ],
)
def test_a_fault_is_an_error_in_the_protocol_of_its_service(
    aws: boto3.Session, faults: Any, service: str, operation: str, call: Any
) -> None:
    from botocore.exceptions import ClientError

    faults(service=service, operation=operation, status=400, code="InjectedException")
    with pytest.raises(ClientError) as caught:
        call(aws)
    assert caught.value.response["Error"]["Code"] == "InjectedException"
    call(aws)


def test_an_unknown_fault_is_refused(emulator: Sandbox) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        fault(emulator, service="s4")
    with caught.value as answer:
        assert json.load(answer)["message"] == "fault: service 's4' does not answer here"


def test_an_unknown_type_is_refused_before_anything_is_created(aws: boto3.Session) -> None:
    template = {
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "never-made"}},
            "Odd": {"Type": "AWS::SageMaker::Cluster", "Properties": {}},
        }
    }
    client = aws.client("cloudformation")
    with pytest.raises(
        client.exceptions.ClientError, match=r"Unrecognized resource types: \[AWS::SageMaker::Cluster\]"
    ):
        client.create_stack(StackName="refused", TemplateBody=json.dumps(template))
    assert not [topic for topic in aws.client("sns").list_topics()["Topics"] if "never-made" in topic["TopicArn"]]


def test_a_bucket_with_objects_is_not_deleted(aws: boto3.Session) -> None:
    template = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "kept-full"}}}}
    stacks, s3 = aws.client("cloudformation"), aws.client("s3")
    name = "ladder-none-rag"
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    s3.put_object(Bucket="kept-full", Key="object", Body=b"x")
    stacks.delete_stack(StackName=name)
    assert settled(stacks, name)["StackStatus"] == "DELETE_FAILED"
    kept = leftovers.audit(aws, experiment="none", stack_prefix="ladder-none-")
    assert [(item.kind, item.state) for item in kept] == [("AWS::CloudFormation::Stack", "DELETE_FAILED")]
    (blocked,) = blockers(Clients(aws), "none")
    assert blocked.startswith(f"stack {name} is DELETE_FAILED: ")
    s3.delete_object(Bucket="kept-full", Key="object")
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert list(blockers(Clients(aws), "none")) == []
    assert "kept-full" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def test_a_state_machine_that_would_run_otherwise_is_refused(aws: boto3.Session) -> None:
    states = aws.client("stepfunctions")
    item = {
        "StartAt": "One",
        "States": {"One": {"Type": "Pass", "End": True}},
        "ProcessorConfig": {"Mode": "DISTRIBUTED"},
    }
    many = {"Type": "Map", "ItemBatcher": {"MaxItemsPerBatch": 10}, "ItemProcessor": item, "End": True}
    with pytest.raises(states.exceptions.InvalidDefinition, match="ItemBatcher is not supported"):
        states.create_state_machine(
            name="batched",
            roleArn="arn:aws:iam::123456789012:role/r",
            definition=json.dumps({"StartAt": "Many", "States": {"Many": many}}),
        )


def test_deploy_change_and_destroy_leave_nothing(bootstrapped: Sandbox, aws: boto3.Session, tmp_path: Any) -> None:
    from pathlib import Path

    def assembly(revision: str) -> Path:
        return example_stacks.synthesize(
            tmp_path / revision, prefix="Passing", experiment="passing-test", revision=revision
        )

    cdk(bootstrapped, "deploy", "--all", "--app", str(assembly("1")), *OPTIONS)
    found = leftovers.audit(aws, experiment="passing-test", stack_prefix="Passing")
    kinds = {leftover.kind for leftover in found}
    assert {"AWS::CloudFormation::Stack", "AWS::S3::Bucket", "AWS::Budgets::Budget"} <= kinds
    assert {"AWS::OpenSearchServerless::Collection", "AWS::Bedrock::ApplicationInferenceProfile"} <= kinds
    assert found.failed == ()

    second = str(assembly("2"))
    assert "UPDATE_COMPLETE" in cdk(bootstrapped, "deploy", "--all", "--app", second, *OPTIONS, "--progress", "events")
    assert cdk(bootstrapped, "deploy", "--all", "--app", second, *OPTIONS).count("(no changes)") == 2

    cdk(bootstrapped, "destroy", "--all", "--force", "--app", second)
    assert list(leftovers.audit(aws, experiment="passing-test", stack_prefix="Passing")) == []


def test_a_service_of_moto_s_answers_for_the_same_account(aws: boto3.Session, emulator: Sandbox) -> None:
    vectors = aws.client("s3vectors")
    vectors.create_vector_bucket(vectorBucketName="vectors-of-a-test")
    arn = vectors.get_vector_bucket(vectorBucketName="vectors-of-a-test")["vectorBucket"]["vectorBucketArn"]
    vectors.delete_vector_bucket(vectorBucketName="vectors-of-a-test")
    assert arn.split(":")[3:5] == [emulator.region, emulator.account]
