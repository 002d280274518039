"""How each kind of resource that an experiment can leave behind is listed, and where its tags are.

One `Probe` a kind. A probe lists the whole account and region; `leftovers` decides what belongs to the experiment.
Training jobs are listed only while they run: finished ones cost nothing and cannot be deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ladder.leftovers import listing
from ladder.leftovers.listing import Clients, Item, Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    kind: str
    list_all: Callable[[Clients], Iterable[Item]]
    tags: Callable[[Clients, Item], Tags] | None = None


_SAGEMAKER_TAGS = listing.tags_by_arn("sagemaker", "list_tags", "ResourceArn", "Tags")
_CE_TAGS = listing.tags_by_arn("ce", "list_tags_for_resource", "ResourceArn", "ResourceTags")
_AOSS_TAGS = listing.tags_by_arn("opensearchserverless", "list_tags_for_resource", "resourceArn", "tags")

PROBES: tuple[Probe, ...] = (
    Probe(kind="AWS::CloudFormation::Stack", list_all=listing.stacks),
    Probe(kind="AWS::S3::Bucket", list_all=listing.buckets, tags=listing.bucket_tags),
    Probe(
        kind="AWS::DynamoDB::Table",
        list_all=listing.tables,
        tags=listing.tags_by_arn("dynamodb", "list_tags_of_resource", "ResourceArn", "Tags"),
    ),
    Probe(
        kind="AWS::Lambda::Function",
        list_all=listing.listing("lambda", "list_functions", "Functions", name="FunctionName", arn="FunctionArn"),
    ),
    Probe(
        kind="AWS::Lambda::LayerVersion",
        list_all=listing.listing("lambda", "list_layers", "Layers", name="LayerName", arn="LayerArn"),
    ),
    Probe(
        kind="AWS::IAM::Role",
        list_all=listing.listing("iam", "list_roles", "Roles", name="RoleName", arn="Arn"),
        tags=listing.role_tags,
    ),
    Probe(kind="AWS::Logs::LogGroup", list_all=listing.log_groups),
    Probe(
        kind="AWS::StepFunctions::StateMachine",
        list_all=listing.listing(
            "stepfunctions", "list_state_machines", "stateMachines", name="name", arn="stateMachineArn"
        ),
        tags=listing.tags_by_arn("stepfunctions", "list_tags_for_resource", "resourceArn", "tags"),
    ),
    Probe(
        kind="AWS::OpenSearchServerless::Collection",
        list_all=listing.listing(
            "opensearchserverless", "list_collections", "collectionSummaries", name="name", arn="arn", state="status"
        ),
        tags=_AOSS_TAGS,
    ),
    Probe(
        kind="AWS::OpenSearchServerless::CollectionGroup",
        list_all=listing.listing(
            "opensearchserverless", "list_collection_groups", "collectionGroupSummaries", name="name", arn="arn"
        ),
        tags=_AOSS_TAGS,
    ),
    Probe(
        kind="AWS::OpenSearchServerless::SecurityPolicy",
        list_all=listing.policies("list_security_policies", "securityPolicySummaries", ("encryption", "network")),
    ),
    Probe(
        kind="AWS::OpenSearchServerless::AccessPolicy",
        list_all=listing.policies("list_access_policies", "accessPolicySummaries", ("data",)),
    ),
    Probe(
        kind="AWS::OpenSearchService::Domain",
        list_all=listing.domains,
        tags=listing.tags_by_arn("opensearch", "list_tags", "ARN", "TagList"),
    ),
    Probe(
        kind="AWS::Bedrock::ApplicationInferenceProfile",
        list_all=listing.listing(
            "bedrock",
            "list_inference_profiles",
            "inferenceProfileSummaries",
            name="inferenceProfileName",
            arn="inferenceProfileArn",
            typeEquals="APPLICATION",
        ),
        tags=listing.tags_by_arn("bedrock", "list_tags_for_resource", "resourceARN", "tags"),
    ),
    Probe(kind="AWS::SageMaker::TrainingJob", list_all=listing.training_jobs, tags=_SAGEMAKER_TAGS),
    Probe(
        kind="AWS::SageMaker::Model",
        list_all=listing.listing("sagemaker", "list_models", "Models", name="ModelName", arn="ModelArn"),
        tags=_SAGEMAKER_TAGS,
    ),
    Probe(
        kind="AWS::SageMaker::EndpointConfig",
        list_all=listing.listing(
            "sagemaker", "list_endpoint_configs", "EndpointConfigs", name="EndpointConfigName", arn="EndpointConfigArn"
        ),
        tags=_SAGEMAKER_TAGS,
    ),
    Probe(
        kind="AWS::SageMaker::Endpoint",
        list_all=listing.listing(
            "sagemaker", "list_endpoints", "Endpoints", name="EndpointName", arn="EndpointArn", state="EndpointStatus"
        ),
        tags=_SAGEMAKER_TAGS,
    ),
    Probe(kind="AWS::SNS::Topic", list_all=listing.topics),
    Probe(kind="AWS::SQS::Queue", list_all=listing.queues),
    Probe(
        kind="AWS::Scheduler::Schedule",
        list_all=listing.listing("scheduler", "list_schedules", "Schedules", name="Name", arn="Arn"),
    ),
    Probe(
        kind="AWS::Scheduler::ScheduleGroup",
        list_all=listing.listing("scheduler", "list_schedule_groups", "ScheduleGroups", name="Name", arn="Arn"),
    ),
    Probe(kind="AWS::Events::Rule", list_all=listing.listing("events", "list_rules", "Rules", name="Name", arn="Arn")),
    Probe(kind="AWS::CloudWatch::Alarm", list_all=listing.alarms),
    Probe(kind="AWS::Budgets::Budget", list_all=listing.budgets),
    Probe(
        kind="AWS::CE::AnomalyMonitor",
        list_all=listing.listing("ce", "get_anomaly_monitors", "AnomalyMonitors", name="MonitorName", arn="MonitorArn"),
        tags=_CE_TAGS,
    ),
    Probe(
        kind="AWS::CE::AnomalySubscription",
        list_all=listing.listing(
            "ce", "get_anomaly_subscriptions", "AnomalySubscriptions", name="SubscriptionName", arn="SubscriptionArn"
        ),
        tags=_CE_TAGS,
    ),
    Probe(
        kind="AWS::BCMDataExports::Export",
        list_all=listing.listing("bcm-data-exports", "list_exports", "Exports", name="ExportName", arn="ExportArn"),
        tags=listing.tags_by_arn("bcm-data-exports", "list_tags_for_resource", "ResourceArn", "ResourceTags"),
    ),
    Probe(kind="AWS::Glue::Database", list_all=listing.glue_databases),
    Probe(kind="AWS::Athena::WorkGroup", list_all=listing.work_groups),
)

#: (service, resource type) of an ARN -> kind, for the kinds above.
_KINDS = {
    ("cloudformation", "stack"): "AWS::CloudFormation::Stack",
    ("s3", ""): "AWS::S3::Bucket",
    ("dynamodb", "table"): "AWS::DynamoDB::Table",
    ("lambda", "function"): "AWS::Lambda::Function",
    ("iam", "role"): "AWS::IAM::Role",
    ("logs", "log-group"): "AWS::Logs::LogGroup",
    ("states", "stateMachine"): "AWS::StepFunctions::StateMachine",
    ("aoss", "collection"): "AWS::OpenSearchServerless::Collection",
    ("aoss", "collection-group"): "AWS::OpenSearchServerless::CollectionGroup",
    ("es", "domain"): "AWS::OpenSearchService::Domain",
    ("bedrock", "application-inference-profile"): "AWS::Bedrock::ApplicationInferenceProfile",
    ("sagemaker", "training-job"): "AWS::SageMaker::TrainingJob",
    ("sagemaker", "model"): "AWS::SageMaker::Model",
    ("sagemaker", "endpoint-config"): "AWS::SageMaker::EndpointConfig",
    ("sagemaker", "endpoint"): "AWS::SageMaker::Endpoint",
    ("sns", ""): "AWS::SNS::Topic",
    ("sqs", ""): "AWS::SQS::Queue",
    ("scheduler", "schedule-group"): "AWS::Scheduler::ScheduleGroup",
    ("events", "rule"): "AWS::Events::Rule",
    ("cloudwatch", "alarm"): "AWS::CloudWatch::Alarm",
    ("budgets", "budget"): "AWS::Budgets::Budget",
    ("ce", "anomalymonitor"): "AWS::CE::AnomalyMonitor",
    ("ce", "anomalysubscription"): "AWS::CE::AnomalySubscription",
    ("bcm-data-exports", "export"): "AWS::BCMDataExports::Export",
    ("athena", "workgroup"): "AWS::Athena::WorkGroup",
}


def kind_of(arn: str) -> str:
    """The CloudFormation type of an ARN's resource; empty when no probe lists its kind."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return ""
    resource = parts[5]
    separators = [resource.index(mark) for mark in ":/" if mark in resource]
    resource_type = resource[: min(separators)] if separators else ""
    return _KINDS.get((parts[2], resource_type), "")
