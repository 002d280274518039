"""The calls that delete each kind of leftover: as lines of the AWS command line, and as what `--delete` does.

Only for leftovers with strong evidence, which a person has seen and confirmed. What a stack still holds is deleted with
its stack.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from ladder.leftovers.listing import Clients
from ladder.leftovers.records import EVERYWHERE, STACK, Leftover

#: Kinds that are charged by the hour, or hold others back, come first.
_FIRST = ("AWS::SageMaker::InferenceComponent", "AWS::SageMaker::Endpoint", "AWS::SageMaker::TrainingJob")
_LAST = ("AWS::S3::Bucket", "AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::Logs::LogGroup")

Arguments = Mapping[str, Any]
#: Yields calls to make before the last one, which delete what is inside of a thing with this name.
Inside = Callable[[Clients, str], Iterator[tuple[str, str, Arguments]]]


class StackLeftError(Exception):
    """A stack is left: its resources go with it, and deleted one by one they would make its deletion fail."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a service. Texts in `arguments` may hold {name}, {arn}, {handle}, {account}, {first} and {rest}, the
    last two of which are the parts of a name before and after its first slash."""

    service: str
    operation: str
    arguments: Arguments
    inside: Inside | None = None

    def request(self, item: Leftover, account: str) -> dict[str, Any]:
        """Return the arguments for one leftover."""
        first, _, rest = item.name.partition("/")
        fields = {"name": item.name, "arn": item.arn, "handle": item.handle, "account": account}

        def filled(name: str, value: Any) -> Any:
            if isinstance(value, list):
                return [filled(name, element) for element in value]
            if not isinstance(value, str):
                return value
            text = value.format(first=first, rest=rest, **fields)
            return int(text) if name == "VersionNumber" else text

        return {name: filled(name, value) for name, value in self.arguments.items()}


def _role_parts(clients: Clients, name: str) -> Iterator[tuple[str, str, Arguments]]:
    for policy in clients.pages("iam", "list_role_policies", "PolicyNames", RoleName=name):
        yield "iam", "delete_role_policy", {"RoleName": name, "PolicyName": policy}
    for policy in clients.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name):
        yield "iam", "detach_role_policy", {"RoleName": name, "PolicyArn": policy["PolicyArn"]}


def _objects(clients: Clients, name: str) -> Iterator[tuple[str, str, Arguments]]:
    for key in ("Versions", "DeleteMarkers"):
        for version in clients.pages("s3", "list_object_versions", key, Bucket=name):
            yield "s3", "delete_object", {"Bucket": name, "Key": version["Key"], "VersionId": version["VersionId"]}


def _versions(clients: Clients, name: str) -> Iterator[tuple[str, str, Arguments]]:
    # The newest comes first, and is the last call's.
    for version in list(clients.pages("lambda", "list_layer_versions", "LayerVersions", LayerName=name))[1:]:
        yield "lambda", "delete_layer_version", {"LayerName": name, "VersionNumber": version["Version"]}


def _targets(clients: Clients, name: str) -> Iterator[tuple[str, str, Arguments]]:
    bus, _, rule = name.partition("/")
    on = {"Rule": rule, "EventBusName": bus}
    if ids := [target["Id"] for target in clients.pages("events", "list_targets_by_rule", "Targets", **on)]:
        yield "events", "remove_targets", {**on, "Ids": ids}


def _vector_indexes(clients: Clients, name: str) -> Iterator[tuple[str, str, Arguments]]:
    for index in clients.pages("s3vectors", "list_indexes", "indexes", vectorBucketName=name):
        yield "s3vectors", "delete_index", {"vectorBucketName": name, "indexName": index["indexName"]}


_AOSS = "opensearchserverless"
_CALLS: dict[str, Call] = {
    STACK: Call("cloudformation", "delete_stack", {"StackName": "{name}"}),
    "AWS::S3::Bucket": Call("s3", "delete_bucket", {"Bucket": "{name}"}, _objects),
    "AWS::SSM::Parameter": Call("ssm", "delete_parameter", {"Name": "{name}"}),
    "AWS::DynamoDB::Table": Call("dynamodb", "delete_table", {"TableName": "{name}"}),
    "AWS::Lambda::Function": Call("lambda", "delete_function", {"FunctionName": "{name}"}),
    "AWS::Lambda::LayerVersion": Call(
        "lambda", "delete_layer_version", {"LayerName": "{name}", "VersionNumber": "{handle}"}, _versions
    ),
    "AWS::IAM::Role": Call("iam", "delete_role", {"RoleName": "{name}"}, _role_parts),
    "AWS::IAM::ManagedPolicy": Call("iam", "delete_policy", {"PolicyArn": "{arn}"}),
    "AWS::Logs::LogGroup": Call("logs", "delete_log_group", {"logGroupName": "{name}"}),
    "AWS::Logs::LogStream": Call(
        "logs", "delete_log_stream", {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": "{name}"}
    ),
    "AWS::StepFunctions::StateMachine": Call("stepfunctions", "delete_state_machine", {"stateMachineArn": "{arn}"}),
    "AWS::OpenSearchServerless::Collection": Call(_AOSS, "delete_collection", {"id": "{handle}"}),
    "AWS::OpenSearchServerless::CollectionGroup": Call(_AOSS, "delete_collection_group", {"id": "{handle}"}),
    "AWS::OpenSearchServerless::SecurityPolicy": Call(
        _AOSS, "delete_security_policy", {"name": "{name}", "type": "{handle}"}
    ),
    "AWS::OpenSearchServerless::AccessPolicy": Call(
        _AOSS, "delete_access_policy", {"name": "{name}", "type": "{handle}"}
    ),
    "AWS::OpenSearchService::Domain": Call("opensearch", "delete_domain", {"DomainName": "{name}"}),
    "AWS::Bedrock::ApplicationInferenceProfile": Call(
        "bedrock", "delete_inference_profile", {"inferenceProfileIdentifier": "{arn}"}
    ),
    "AWS::SageMaker::TrainingJob": Call("sagemaker", "stop_training_job", {"TrainingJobName": "{name}"}),
    "AWS::SageMaker::Model": Call("sagemaker", "delete_model", {"ModelName": "{name}"}),
    "AWS::SageMaker::EndpointConfig": Call("sagemaker", "delete_endpoint_config", {"EndpointConfigName": "{name}"}),
    "AWS::SageMaker::Endpoint": Call("sagemaker", "delete_endpoint", {"EndpointName": "{name}"}),
    "AWS::SageMaker::InferenceComponent": Call(
        "sagemaker", "delete_inference_component", {"InferenceComponentName": "{name}"}
    ),
    "AWS::SNS::Topic": Call("sns", "delete_topic", {"TopicArn": "{arn}"}),
    "AWS::SQS::Queue": Call("sqs", "delete_queue", {"QueueUrl": "{handle}"}),
    "AWS::Scheduler::Schedule": Call("scheduler", "delete_schedule", {"Name": "{name}", "GroupName": "{handle}"}),
    "AWS::Scheduler::ScheduleGroup": Call("scheduler", "delete_schedule_group", {"Name": "{name}"}),
    "AWS::Events::Rule": Call("events", "delete_rule", {"Name": "{rest}", "EventBusName": "{first}"}, _targets),
    "AWS::CloudWatch::Alarm": Call("cloudwatch", "delete_alarms", {"AlarmNames": ["{name}"]}),
    "AWS::CloudWatch::Dashboard": Call("cloudwatch", "delete_dashboards", {"DashboardNames": ["{name}"]}),
    "AWS::Budgets::Budget": Call("budgets", "delete_budget", {"AccountId": "{account}", "BudgetName": "{name}"}),
    "AWS::CE::AnomalyMonitor": Call("ce", "delete_anomaly_monitor", {"MonitorArn": "{arn}"}),
    "AWS::CE::AnomalySubscription": Call("ce", "delete_anomaly_subscription", {"SubscriptionArn": "{arn}"}),
    "AWS::BCMDataExports::Export": Call("bcm-data-exports", "delete_export", {"ExportArn": "{arn}"}),
    "AWS::Glue::Database": Call("glue", "delete_database", {"Name": "{name}"}),
    "AWS::Glue::Table": Call("glue", "delete_table", {"DatabaseName": "{first}", "Name": "{rest}"}),
    "AWS::Athena::WorkGroup": Call(
        "athena", "delete_work_group", {"WorkGroup": "{name}", "RecursiveDeleteOption": True}
    ),
    "AWS::S3Vectors::VectorBucket": Call(
        "s3vectors", "delete_vector_bucket", {"vectorBucketName": "{name}"}, _vector_indexes
    ),
    "AWS::Bedrock::ProvisionedModelThroughput": Call(
        "bedrock", "delete_provisioned_model_throughput", {"provisionedModelId": "{arn}"}
    ),
    "AWS::Bedrock::CustomModel": Call("bedrock", "delete_custom_model", {"modelIdentifier": "{arn}"}),
    "AWS::Bedrock::ImportedModel": Call("bedrock", "delete_imported_model", {"modelIdentifier": "{arn}"}),
    "AWS::Bedrock::CustomModelDeployment": Call(
        "bedrock", "delete_custom_model_deployment", {"customModelDeploymentIdentifier": "{arn}"}
    ),
    "AWS::Bedrock::ModelCustomizationJob": Call("bedrock", "stop_model_customization_job", {"jobIdentifier": "{arn}"}),
    "AWS::Bedrock::ModelInvocationJob": Call("bedrock", "stop_model_invocation_job", {"jobIdentifier": "{arn}"}),
    "AWS::Bedrock::KnowledgeBase": Call("bedrock-agent", "delete_knowledge_base", {"knowledgeBaseId": "{handle}"}),
    "AWS::RDS::DBCluster": Call(
        "rds", "delete_db_cluster", {"DBClusterIdentifier": "{name}", "SkipFinalSnapshot": True}
    ),
    "AWS::RDS::DBInstance": Call(
        "rds", "delete_db_instance", {"DBInstanceIdentifier": "{name}", "SkipFinalSnapshot": True}
    ),
    "AWS::RDS::DBClusterSnapshot": Call("rds", "delete_db_cluster_snapshot", {"DBClusterSnapshotIdentifier": "{name}"}),
    "AWS::ECR::Repository": Call("ecr", "delete_repository", {"repositoryName": "{name}", "force": True}),
    "AWS::SecretsManager::Secret": Call(
        "secretsmanager", "delete_secret", {"SecretId": "{arn}", "ForceDeleteWithoutRecovery": True}
    ),
}


def command(item: Leftover, account: str) -> str:
    """Return the line of the AWS command line that deletes a leftover; empty for a kind that only the tags name."""
    call = _CALLS.get(item.kind)
    if call is None:
        return ""
    words = ["aws", call.service, xform_name(call.operation, "-").replace("_", "-")]
    for name, value in call.request(item, account).items():
        words.append(f"--{xform_name(name, '-')}")
        if value is not True:
            words += value if isinstance(value, list) else [str(value)]
    if item.kind == "AWS::S3::Bucket":
        words = ["aws", "s3", "rb", f"s3://{item.name}", "--force"]
    if item.region != EVERYWHERE:
        words += ["--region", item.region]
    return shlex.join(words)


def delete(
    session: Any, leftovers: Sequence[Leftover], account: str, on_deleted: Callable[[Leftover], None]
) -> list[tuple[Leftover, str]]:
    """Delete the leftovers, those that are charged by the hour first. Return those that stay, with the reason.

    Raises:
        StackLeftError: names the stacks that are still there; nothing was deleted.
    """
    if stacks := [item.name for item in leftovers if item.kind == STACK]:
        raise StackLeftError(", ".join(stacks))
    places: dict[str, Clients] = {}
    kept = []
    for item in sorted(leftovers, key=_rank):
        region = str(session.region_name) if item.region == EVERYWHERE else item.region
        clients = places.setdefault(region, Clients(session, region))
        call = _CALLS.get(item.kind)
        if call is None:
            kept.append((item, "no call is known that deletes this kind"))
            continue
        try:
            for service, operation, arguments in call.inside(clients, item.name) if call.inside else ():
                clients.call(service, operation, **arguments)
            clients.call(call.service, call.operation, **call.request(item, account))
        except (ClientError, BotoCoreError) as error:
            kept.append((item, " ".join(str(error).split())))
        else:
            on_deleted(item)
    return kept


def kinds() -> frozenset[str]:
    """Return the kinds that have a call."""
    return frozenset(_CALLS)


def _rank(item: Leftover) -> tuple[int, Leftover]:
    if item.kind in _FIRST:
        return _FIRST.index(item.kind), item
    return (100 + _LAST.index(item.kind) if item.kind in _LAST else 50), item
