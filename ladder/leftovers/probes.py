"""How each kind of resource that an experiment can leave behind is listed, and where its tags are.

A probe lists the whole account and region; `audit` decides what belongs to the experiment. Jobs are listed while they
run: finished ones cost nothing and cannot be deleted. `OTHERS` are kinds that no template makes, but people who work on
an experiment do: they are looked for because they are charged without being used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ladder.leftovers import containers, listing
from ladder.leftovers.listing import Clients, Item, Tags, chained, listed, tags_by_arn


@dataclass(frozen=True, slots=True)
class Probe:
    """A kind of resource (its CloudFormation type), its list call, and the call for tags that the list leaves out."""

    kind: str
    list_all: Callable[[Clients], Iterable[Item]]
    tags: Callable[[Clients, Item], Tags] | None = None

    @property
    def everywhere(self) -> bool:
        """Whether one call, in whatever region, lists the account's."""
        return self.kind in GLOBAL

    def items(self, clients: Clients) -> list[Item]:
        """Return all resources of the kind in the account and region."""
        return list(self.list_all(clients))


_AOSS = "opensearchserverless"
_ACCESS = (_AOSS, "list_access_policies", "accessPolicySummaries", "name", "")
_SECURITY = (_AOSS, "list_security_policies", "securityPolicySummaries", "name", "")
_PROFILES = ("bedrock", "list_inference_profiles", "inferenceProfileSummaries", "inferenceProfileName")
_JOBS = ("sagemaker", "list_training_jobs", "TrainingJobSummaries", "TrainingJobName")
_STACKS = ("cloudformation", "describe_stacks", "Stacks", "StackName", "StackId")
_RUNNING_JOBS = ("bedrock", "list_model_customization_jobs", "modelCustomizationJobSummaries", "jobName", "jobArn")
_BATCHES = ("bedrock", "list_model_invocation_jobs", "invocationJobSummaries", "jobName", "jobArn")
_BUDGET_ARN = "arn:{partition}:budgets::{account}:budget/{name}"
_DATABASE_ARN = "arn:{partition}:glue:{region}:{account}:database/{name}"
_QUEUE_ARN = "arn:{partition}:sqs:{region}:{account}:{name}"
_TABLE_ARN = "arn:{partition}:dynamodb:{region}:{account}:table/{name}"
_WORK_GROUP_ARN = "arn:{partition}:athena:{region}:{account}:workgroup/{name}"

TEMPLATE_KINDS: dict[str, Callable[[Clients], Iterable[Item]]] = {
    "AWS::CloudFormation::Stack": listed(*_STACKS, state="StackStatus", tags="Tags"),
    "AWS::S3::Bucket": listed("s3", "list_buckets", "Buckets", arn="arn:{partition}:s3:::{name}"),
    "AWS::DynamoDB::Table": listed("dynamodb", "list_tables", "TableNames", arn=_TABLE_ARN),
    "AWS::Lambda::Function": listed("lambda", "list_functions", "Functions", "FunctionName"),
    "AWS::Lambda::LayerVersion": listing.layers,
    "AWS::IAM::Role": listed("iam", "list_roles", "Roles", "RoleName", "Arn"),
    "AWS::Logs::LogGroup": listed("logs", "describe_log_groups", "logGroups", "logGroupName", "arn"),
    "AWS::StepFunctions::StateMachine": listed(
        "stepfunctions", "list_state_machines", "stateMachines", "name", "stateMachineArn"
    ),
    "AWS::OpenSearchServerless::Collection": listed(
        _AOSS, "list_collections", "collectionSummaries", "name", "arn", state="status", handle="id"
    ),
    "AWS::OpenSearchServerless::CollectionGroup": listed(
        _AOSS, "list_collection_groups", "collectionGroupSummaries", "name", "arn", handle="id"
    ),
    "AWS::OpenSearchServerless::SecurityPolicy": chained(
        listed(*_SECURITY, state="type", handle="type", type="encryption"),
        listed(*_SECURITY, state="type", handle="type", type="network"),
    ),
    "AWS::OpenSearchServerless::AccessPolicy": listed(*_ACCESS, state="type", handle="type", type="data"),
    "AWS::OpenSearchService::Domain": listing.domains,
    "AWS::Bedrock::ApplicationInferenceProfile": listed(*_PROFILES, typeEquals="APPLICATION"),
    "AWS::SageMaker::TrainingJob": chained(
        listed(*_JOBS, state="TrainingJobStatus", StatusEquals="InProgress"),
        listed(*_JOBS, state="TrainingJobStatus", StatusEquals="Stopping"),
    ),
    "AWS::SageMaker::Model": listed("sagemaker", "list_models", "Models", "ModelName"),
    "AWS::SageMaker::EndpointConfig": listed(
        "sagemaker", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"
    ),
    "AWS::SageMaker::Endpoint": listed(
        "sagemaker", "list_endpoints", "Endpoints", "EndpointName", state="EndpointStatus"
    ),
    "AWS::SNS::Topic": listed("sns", "list_topics", "Topics", "TopicArn", "TopicArn"),
    "AWS::SQS::Queue": listed("sqs", "list_queues", "QueueUrls", arn=_QUEUE_ARN),
    "AWS::Scheduler::Schedule": listed("scheduler", "list_schedules", "Schedules", handle="GroupName"),
    "AWS::Scheduler::ScheduleGroup": listed("scheduler", "list_schedule_groups", "ScheduleGroups"),
    "AWS::Events::Rule": containers.rules,
    "AWS::CloudWatch::Alarm": chained(
        listed("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        listed("cloudwatch", "describe_alarms", "CompositeAlarms", "AlarmName"),
    ),
    "AWS::Budgets::Budget": listed(
        "budgets", "describe_budgets", "Budgets", "BudgetName", _BUDGET_ARN, AccountId="{account}"
    ),
    "AWS::CE::AnomalyMonitor": listed("ce", "get_anomaly_monitors", "AnomalyMonitors", "MonitorName"),
    "AWS::CE::AnomalySubscription": listed(
        "ce", "get_anomaly_subscriptions", "AnomalySubscriptions", "SubscriptionName"
    ),
    "AWS::BCMDataExports::Export": listed("bcm-data-exports", "list_exports", "Exports", "ExportName"),
    # CloudFormation cannot tag a database: its parameters hold the tags.
    "AWS::Glue::Database": listed("glue", "get_databases", "DatabaseList", arn=_DATABASE_ARN, tags="Parameters"),
    "AWS::Glue::Table": containers.tables,
    "AWS::Athena::WorkGroup": listed("athena", "list_work_groups", "WorkGroups", arn=_WORK_GROUP_ARN),
    "AWS::SSM::Parameter": listed("ssm", "describe_parameters", "Parameters", "Name", "ARN"),
    "AWS::Logs::LogStream": containers.training_streams,
    "AWS::Logs::ResourcePolicy": containers.delivery_entries,
}
OTHERS: dict[str, Callable[[Clients], Iterable[Item]]] = {
    "AWS::S3Vectors::VectorBucket": listed("s3vectors", "list_vector_buckets", "vectorBuckets", "vectorBucketName"),
    "AWS::Bedrock::ProvisionedModelThroughput": listed(
        "bedrock",
        "list_provisioned_model_throughputs",
        "provisionedModelSummaries",
        "provisionedModelName",
        state="status",
    ),
    "AWS::Bedrock::CustomModel": listed("bedrock", "list_custom_models", "modelSummaries", "modelName"),
    "AWS::Bedrock::ImportedModel": listed("bedrock", "list_imported_models", "modelSummaries", "modelName"),
    "AWS::Bedrock::CustomModelDeployment": listed(
        "bedrock",
        "list_custom_model_deployments",
        "modelDeploymentSummaries",
        "customModelDeploymentName",
        "customModelDeploymentArn",
        state="status",
    ),
    "AWS::Bedrock::ModelCustomizationJob": listed(*_RUNNING_JOBS, state="status", statusEquals="InProgress"),
    "AWS::Bedrock::ModelInvocationJob": chained(
        listed(*_BATCHES, state="status", statusEquals="InProgress"),
        listed(*_BATCHES, state="status", statusEquals="Scheduled"),
    ),
    "AWS::Bedrock::KnowledgeBase": listed(
        "bedrock-agent",
        "list_knowledge_bases",
        "knowledgeBaseSummaries",
        "name",
        "",
        state="status",
        handle="knowledgeBaseId",
    ),
    "AWS::RDS::DBCluster": listed(
        *("rds", "describe_db_clusters", "DBClusters", "DBClusterIdentifier", "DBClusterArn"),
        state="Status",
        tags="TagList",
    ),
    "AWS::RDS::DBInstance": listed(
        *("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier", "DBInstanceArn"),
        state="DBInstanceStatus",
        tags="TagList",
    ),
    "AWS::RDS::DBClusterSnapshot": listed(
        *("rds", "describe_db_cluster_snapshots", "DBClusterSnapshots"),
        *("DBClusterSnapshotIdentifier", "DBClusterSnapshotArn"),
        state="Status",
        tags="TagList",
        SnapshotType="manual",
    ),
    "AWS::SageMaker::InferenceComponent": listed(
        "sagemaker", "list_inference_components", "InferenceComponents", "InferenceComponentName"
    ),
    "AWS::CloudWatch::Dashboard": listed("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    "AWS::ECR::Repository": listed("ecr", "describe_repositories", "repositories", "repositoryName"),
    "AWS::SecretsManager::Secret": listed("secretsmanager", "list_secrets", "SecretList", "Name", "ARN", tags="Tags"),
    "AWS::IAM::ManagedPolicy": listed("iam", "list_policies", "Policies", "PolicyName", "Arn", Scope="Local"),
}
_AOSS_TAGS = tags_by_arn(_AOSS, "list_tags_for_resource", "resourceArn", "tags")
_CE_TAGS = tags_by_arn("ce", "list_tags_for_resource", key="ResourceTags")
_SAGEMAKER_TAGS = tags_by_arn("sagemaker", "list_tags")
_BEDROCK_TAGS = tags_by_arn("bedrock", "list_tags_for_resource", "resourceARN", "tags")

_TAGS: dict[str, Callable[[Clients, Item], Tags]] = {
    "AWS::S3::Bucket": listing.bucket_tags,
    "AWS::DynamoDB::Table": tags_by_arn("dynamodb", "list_tags_of_resource"),
    "AWS::IAM::Role": listing.role_tags,
    "AWS::StepFunctions::StateMachine": tags_by_arn("stepfunctions", "list_tags_for_resource", "resourceArn", "tags"),
    "AWS::OpenSearchServerless::Collection": _AOSS_TAGS,
    "AWS::OpenSearchServerless::CollectionGroup": _AOSS_TAGS,
    "AWS::OpenSearchService::Domain": tags_by_arn("opensearch", "list_tags", "ARN", "TagList"),
    "AWS::Bedrock::ApplicationInferenceProfile": _BEDROCK_TAGS,
    "AWS::SageMaker::TrainingJob": _SAGEMAKER_TAGS,
    "AWS::SageMaker::Model": _SAGEMAKER_TAGS,
    "AWS::SageMaker::EndpointConfig": _SAGEMAKER_TAGS,
    "AWS::SageMaker::Endpoint": _SAGEMAKER_TAGS,
    "AWS::CE::AnomalyMonitor": _CE_TAGS,
    "AWS::CE::AnomalySubscription": _CE_TAGS,
    "AWS::BCMDataExports::Export": tags_by_arn("bcm-data-exports", "list_tags_for_resource", key="ResourceTags"),
    "AWS::Athena::WorkGroup": tags_by_arn("athena", "list_tags_for_resource", "ResourceARN"),
    "AWS::Budgets::Budget": tags_by_arn("budgets", "list_tags_for_resource", "ResourceARN", "ResourceTags"),
    "AWS::CloudWatch::Alarm": tags_by_arn("cloudwatch", "list_tags_for_resource", "ResourceARN"),
    "AWS::Events::Rule": tags_by_arn("events", "list_tags_for_resource", "ResourceARN"),
    "AWS::Logs::LogGroup": tags_by_arn("logs", "list_tags_for_resource", "resourceArn", "tags"),
    "AWS::Scheduler::ScheduleGroup": tags_by_arn("scheduler", "list_tags_for_resource"),
    "AWS::SNS::Topic": tags_by_arn("sns", "list_tags_for_resource"),
    "AWS::S3Vectors::VectorBucket": tags_by_arn("s3vectors", "list_tags_for_resource", "resourceArn", "tags"),
    "AWS::Bedrock::ProvisionedModelThroughput": _BEDROCK_TAGS,
    "AWS::Bedrock::CustomModel": _BEDROCK_TAGS,
    "AWS::Bedrock::ImportedModel": _BEDROCK_TAGS,
    "AWS::Bedrock::CustomModelDeployment": _BEDROCK_TAGS,
    "AWS::Bedrock::ModelCustomizationJob": _BEDROCK_TAGS,
    "AWS::Bedrock::ModelInvocationJob": _BEDROCK_TAGS,
    "AWS::SageMaker::InferenceComponent": _SAGEMAKER_TAGS,
    "AWS::ECR::Repository": tags_by_arn("ecr", "list_tags_for_resource", "resourceArn", "tags"),
    "AWS::IAM::ManagedPolicy": listing.policy_tags,
    "AWS::SSM::Parameter": listing.parameter_tags,
}
#: Services whose things are all asked for their tags: the tagging API leaves IAM out, and is late for some others. Of
#: the rest only those are asked that may be the experiment's by their names.
_ASKED = ("BCMDataExports", "Bedrock", "CE", "DynamoDB", "IAM", "OpenSearchServerless", "OpenSearchService", "S3")
_ASKED_TOO = ("S3Vectors", "SageMaker", "StepFunctions")
READ_ALL_TAGS = frozenset(kind for kind in _TAGS if kind.split("::")[1] in (*_ASKED, *_ASKED_TOO))
#: Kinds of an account, not of a region.
GLOBAL = frozenset(
    {
        "AWS::S3::Bucket",
        "AWS::IAM::Role",
        "AWS::IAM::ManagedPolicy",
        "AWS::Budgets::Budget",
        "AWS::CE::AnomalyMonitor",
        "AWS::CE::AnomalySubscription",
        "AWS::BCMDataExports::Export",
        "AWS::CloudWatch::Dashboard",
    }
)
PROBES = tuple(Probe(kind, list_all, _TAGS.get(kind)) for kind, list_all in (TEMPLATE_KINDS | OTHERS).items())

#: Services that ARNs call otherwise than CloudFormation does, and the resource type of ARNs that name none.
_SERVICES = {"states": "stepfunctions", "aoss": "opensearchserverless", "es": "opensearchservice"}
_RESOURCE_TYPES = {"s3": "bucket", "sns": "topic", "sqs": "queue"}
_KINDS = {kind.removeprefix("AWS::").lower(): kind for kind in TEMPLATE_KINDS | OTHERS}


def kind_of(arn: str) -> str:
    """Return the CloudFormation type of an ARN's resource; empty where no probe lists its kind."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return ""
    service = parts[2]
    resource_type = _RESOURCE_TYPES.get(service) or re.split("[:/]", parts[5], maxsplit=1)[0]
    return _KINDS.get(f"{_SERVICES.get(service, service)}::{resource_type}".replace("-", "").lower(), "")
