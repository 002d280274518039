"""SageMaker permissions: what its jobs may do, and what the state machine may ask of it.

Jobs, models and endpoints are named when a run starts, so their ARNs cannot be listed; they are held by their tags
instead: the machine can only make what carries the experiment's tags, and only touch what does.
"""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import permissions
from infra.fine_tuning import images
from infra.results import Results
from infra.settings import Settings

NAMES = "Names are made when a run starts; the condition on the cost-cell tag says which resources are meant."
KINDS = ("training-job", "model", "endpoint-config", "endpoint")
#: What a clean-up does -> to what.
CLEAN_UP = {
    "DeleteEndpoint": "endpoint",
    "DeleteEndpointConfig": "endpoint-config",
    "DeleteModel": "model",
    "StopTrainingJob": "training-job",
}


def execution_role(scope: Construct, id: str, *, settings: Settings, results: Results) -> iam.Role:
    """Return the role of training jobs and models: their data in the bucket, their logs, their container images."""
    stack = cdk.Stack.of(scope)
    role = permissions.service_role(scope, id, "sagemaker.amazonaws.com", "Training jobs and endpoints")
    results.allow_read(role)
    results.allow_write(role, "fine-tuning", below="models/")
    results.allow_write(role, "fine-tuning", below="checkpoints/")
    permissions.allow(
        role,
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        [
            f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:/aws/sagemaker/{group}"
            for group in ("TrainingJobs*", "Endpoints/*")
        ],
        wildcard="SageMaker names its log groups and streams after jobs and endpoints, which are made at run time.",
    )
    permissions.allow(
        role,
        ["cloudwatch:PutMetricData"],
        ["*"],
        when={"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
        wildcard="PutMetricData takes no resource; the condition names SageMaker's own namespaces.",
    )
    permissions.allow(role, ["ecr:GetAuthorizationToken"], ["*"], wildcard="GetAuthorizationToken takes no resource.")
    permissions.allow(
        role,
        ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        sorted(
            f"arn:{stack.partition}:ecr:{stack.region}:{account}:repository/{repository}"
            for account, repository in map(images.repository, (settings.training_image, settings.hosting_image))
        ),
    )
    return role


def allow_orchestration(role: iam.Role, *, settings: Settings, tags: Mapping[str, str], job_role: iam.Role) -> None:
    """Let the state machine make, watch and delete the experiment's jobs, models and endpoints."""
    asked = {"StringEquals": {f"aws:RequestTag/{key}": value for key, value in tags.items()}}
    training, hosting = settings.models.training_instance, settings.models.hosting_instance
    permissions.allow(
        role,
        ["sagemaker:CreateTrainingJob"],
        _arns(role, "training-job"),
        when={**asked, "ForAllValues:StringEquals": {"sagemaker:InstanceTypes": [training]}},
        wildcard=NAMES,
    )
    permissions.allow(
        role,
        ["sagemaker:CreateEndpointConfig"],
        _arns(role, "endpoint-config"),
        when={**asked, "ForAllValues:StringEquals": {"sagemaker:InstanceTypes": [hosting]}},
        wildcard=NAMES,
    )
    permissions.allow(
        role,
        ["sagemaker:CreateModel"],
        _arns(role, "model"),
        when=asked,
        wildcard=NAMES,
    )
    permissions.allow(
        role,
        ["sagemaker:CreateEndpoint"],
        _arns(role, "endpoint", "endpoint-config"),
        wildcard=(
            "Names are made when a run starts. An endpoint can only come from a configuration, which carries the tags."
        ),
    )
    permissions.allow(role, ["sagemaker:AddTags"], _arns(role, *KINDS), when=asked, wildcard=NAMES)
    allow_clean_up(role, tags)
    permissions.allow(
        role,
        ["sagemaker:DescribeTrainingJob"],
        _arns(role, "training-job"),
        when={"StringEquals": {"aws:ResourceTag/cost-cell": tags["cost-cell"]}},
        wildcard=NAMES,
    )
    permissions.allow(
        role,
        ["iam:PassRole"],
        [job_role.role_arn],
        when={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )


def allow_clean_up(role: iam.Role, tags: Mapping[str, str]) -> None:
    """Let a state machine stop and delete what the experiment has made."""
    for action, kind in CLEAN_UP.items():
        permissions.allow(
            role,
            [f"sagemaker:{action}"],
            _arns(role, kind),
            when={"StringEquals": {"aws:ResourceTag/cost-cell": tags["cost-cell"]}},
            wildcard=NAMES,
        )
    stack = cdk.Stack.of(role)
    own = f"{tags['experiment']}-*"
    # What does not exist has no tags: by them, to ask for an endpoint that is gone would be forbidden, and so no proof.
    permissions.allow(
        role,
        ["sagemaker:DescribeEndpoint"],
        [f"arn:{stack.partition}:sagemaker:{stack.region}:{stack.account}:endpoint/{own}"],
        wildcard="Names are made when a run starts; they begin with the experiment's.",
    )
    permissions.allow(
        role,
        ["logs:DeleteLogGroup"],
        [f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:/aws/sagemaker/Endpoints/{own}"],
        wildcard="SageMaker names the log groups of endpoints after them; their names begin with the experiment's.",
    )


def allow_invoke(role: iam.Role, tags: Mapping[str, str]) -> None:
    """Let a function ask the experiment's endpoints."""
    permissions.allow(
        role,
        ["sagemaker:InvokeEndpoint"],
        _arns(role, "endpoint"),
        when={"StringEquals": {"aws:ResourceTag/cost-cell": tags["cost-cell"]}},
        wildcard=NAMES,
    )


def _arns(role: iam.Role, *kinds: str) -> list[str]:
    stack = cdk.Stack.of(role)
    return [f"arn:{stack.partition}:sagemaker:{stack.region}:{stack.account}:{kind}/*" for kind in kinds]
