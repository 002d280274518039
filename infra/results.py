"""The results bucket and the run table, and the slices of them that a role may touch."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import checks, permissions
from infra.buckets import private_bucket
from infra.settings import Settings

PREFIX = "Objects of one run are named under its prefix; run ids are made when a run starts."

#: Where Athena leaves the results of queries over billing exports, and for how many days.
QUERIES = "athena/"
QUERY_DAYS = 30
#: Answers of Cost Explorer serve for hours; S3 expires by the day.
CACHE_DAYS = 1


class Results(Construct):
    """Everything that runs write."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id)
        self._experiment = settings.experiment
        self.bucket = private_bucket(
            self,
            settings=settings,
            kept_days={QUERIES: QUERY_DAYS, f"reports/{settings.experiment}/cache/": CACHE_DAYS},
            no_access_logs="the bucket holds results of experiments",
        )
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

    @property
    def queries(self) -> str:
        """Location of query results."""
        return f"s3://{self.bucket.bucket_name}/{QUERIES}"

    def allow_read(self, role: iam.Role, *patterns: str) -> None:
        """Let a role read the experiment's objects: all of them, or those that `patterns` name below its prefix.

        Listing is needed to tell a missing object from a forbidden one.
        """
        prefix = f"experiment={self._experiment}/"
        objects = [f"{self.bucket.bucket_arn}/{prefix}{pattern}" for pattern in patterns or ("*",)]
        permissions.allow(role, ["s3:GetObject"], objects, wildcard=PREFIX)
        self._allow_list(role, prefix)

    def allow_usage(self, role: iam.Role) -> None:
        """Let a role of an earlier stack read what runs have used, by a policy that goes with this stack."""
        prefix = f"{self.bucket.bucket_arn}/experiment={self._experiment}/run=*/"
        permissions.attach(
            self,
            "UsagePolicy",
            role,
            {
                ("s3:GetObject",): [f"{prefix}manifest.json", f"{prefix}approach=*/usage/*"],
                ("s3:ListBucket",): [self.bucket.bucket_arn],
            },
            wildcard=PREFIX,
        )

    def allow_write(self, role: iam.Role, *approaches: str, below: str = "") -> None:
        """Let `role` write the objects of some approaches; `below` narrows it to a folder such as `models/`."""
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
        """Let `role` read the lists of batches that a Distributed Map goes through."""
        permissions.allow(
            role,
            ["s3:GetObject"],
            [f"{self.bucket.bucket_arn}/experiment={self._experiment}/run=*/approach={approach}/items/*"],
            wildcard=PREFIX,
        )

    def allow_reports(self, role: iam.Role, below: str = "") -> None:
        """Let a role list, read and write the experiment's reports, fact table and cache, or what begins with `below`.

        A conditional write needs no more than these.
        """
        prefix = f"reports/{self._experiment}/{below}"
        permissions.allow(
            role,
            ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            [f"{self.bucket.bucket_arn}/{prefix}*"],
            wildcard=PREFIX,
        )
        self._allow_list(role, prefix)

    def _allow_list(self, role: iam.Role, prefix: str) -> None:
        arn = self.bucket.bucket_arn
        permissions.allow(role, ["s3:ListBucket"], [arn], when={"StringLike": {"s3:prefix": [f"{prefix}*"]}})
