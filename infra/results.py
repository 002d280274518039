"""The results bucket and the run table, and the slices of them that a role may touch."""

from __future__ import annotations

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import checks, permissions, tags
from infra.functions import log_group
from infra.settings import Settings

PREFIX = "Objects of one run are named under its prefix; run ids are made when a run starts."


class Results(Construct):
    """Everything that runs write. The bucket empties itself when the stack goes, where `auto-delete-objects` is on."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:  # noqa: A002  (CDK's name)
        super().__init__(scope, id)
        self._experiment = settings.experiment
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            versioned=False,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=cdk.RemovalPolicy.DESTROY,
            auto_delete_objects=settings.auto_delete_objects,
            lifecycle_rules=[s3.LifecycleRule(abort_incomplete_multipart_upload_after=cdk.Duration.days(1))],
        )
        checks.acknowledge(
            self.bucket,
            "S1",
            "Access logs would add storage that belongs to no approach; the bucket holds results of experiments, and "
            "CloudTrail data events can be switched on for it where an audit asks for them.",
        )
        if settings.auto_delete_objects:
            _tame_emptier(self, settings)
        self.table = dynamodb.Table(
            self,
            "Runs",
            partition_key=dynamodb.Attribute(name="experiment", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="run", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        checks.acknowledge(
            self.table,
            "DDB3",
            "The table is an index of runs that can be rebuilt from the manifests in the bucket; it needs no recovery.",
        )

    def allow_read(self, role: iam.Role) -> None:
        """All objects of the experiment. Listing is needed to tell a missing object from a forbidden one."""
        prefix = f"experiment={self._experiment}/"
        permissions.allow(role, ["s3:GetObject"], [f"{self.bucket.bucket_arn}/{prefix}*"], wildcard=PREFIX)
        permissions.allow(
            role,
            ["s3:ListBucket"],
            [self.bucket.bucket_arn],
            when={"StringLike": {"s3:prefix": [f"{prefix}*", f"reports/{self._experiment}/*"]}},
        )

    def allow_write(self, role: iam.Role, *approaches: str, below: str = "") -> None:
        """The objects of some approaches, in any run; `below` narrows it to a folder such as `models/`."""
        permissions.allow(
            role,
            ["s3:AbortMultipartUpload", "s3:PutObject"],
            [
                f"{self.bucket.bucket_arn}/experiment={self._experiment}/run=*/approach={approach}/{below}*"
                for approach in approaches
            ],
            wildcard=PREFIX,
        )

    def allow_items(self, role: iam.Role, approach: str) -> None:
        """Read the lists of batches that a Distributed Map goes through."""
        permissions.allow(
            role,
            ["s3:GetObject"],
            [f"{self.bucket.bucket_arn}/experiment={self._experiment}/run=*/approach={approach}/items/*"],
            wildcard=PREFIX,
        )

    def allow_reports(self, role: iam.Role) -> None:
        """Read and write the reports of the experiment."""
        permissions.allow(
            role,
            ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            [f"{self.bucket.bucket_arn}/reports/{self._experiment}/*"],
            wildcard=PREFIX,
        )


def _tame_emptier(scope: Construct, settings: Settings) -> None:
    """Hold the function with which CDK empties a bucket to what holds for ours.

    It comes without tags and with a log group that Lambda makes and nothing deletes. Given a group of its own and no
    right to make another, it leaves nothing behind.
    """
    stack = cdk.Stack.of(scope)
    provider = stack.node.find_child("Custom::S3AutoDeleteObjectsCustomResourceProvider")
    role = cast(cdk.CfnResource, provider.node.find_child("Role"))
    handler = cast(cdk.CfnResource, provider.node.find_child("Handler"))
    group = log_group(scope, "EmptierLogs", settings)
    for resource in (role, handler):
        own = [{"Key": key, "Value": value} for key, value in sorted(tags.values(settings).items())]
        resource.add_property_override("Tags", own)
    handler.add_property_override("LoggingConfig", {"LogGroup": group.log_group_name})
    role.add_property_deletion_override("ManagedPolicyArns")
    role.add_property_override(
        "Policies",
        [
            {
                "PolicyName": "Logs",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                            "Resource": group.log_group_arn,
                        }
                    ],
                },
            }
        ],
    )
