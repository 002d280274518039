"""A private bucket that goes with its stack, and the function with which CDK empties it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import checks, tags
from infra.functions.function import log_group
from infra.settings import Settings


def private_bucket(
    scope: Construct, *, settings: Settings, kept_days: Mapping[str, int], no_access_logs: str
) -> s3.Bucket:
    """Return an encrypted bucket that only HTTPS reaches. One to a stack.

    With `auto-delete-objects` it empties itself when its stack goes.

    `kept_days`: prefix -> days after which its objects are deleted. `no_access_logs` is what the bucket holds.
    """
    bucket = s3.Bucket(
        scope,
        "Bucket",
        versioned=False,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        removal_policy=cdk.RemovalPolicy.DESTROY,
        auto_delete_objects=settings.auto_delete_objects,
        lifecycle_rules=[
            s3.LifecycleRule(abort_incomplete_multipart_upload_after=cdk.Duration.days(1)),
            *(
                s3.LifecycleRule(prefix=prefix, expiration=cdk.Duration.days(days))
                for prefix, days in kept_days.items()
            ),
        ],
    )
    checks.acknowledge(
        bucket,
        "S1",
        f"Access logs would add storage that belongs to no approach; {no_access_logs}, and CloudTrail data events can "
        "be switched on for it where an audit asks for them.",
    )
    if settings.auto_delete_objects:
        _tame_emptier(scope, settings)
    return bucket


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
