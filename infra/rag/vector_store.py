"""The vector store, one of three kinds behind one face: OpenSearch Serverless NextGen (default), Classic, or a domain.

The functions speak the API subset that all three share; what differs is here: names, policies, who makes the index.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_opensearchserverless as serverless
from aws_cdk import aws_opensearchservice as opensearch
from constructs import Construct

from contracts import index_mapping
from infra import checks, permissions
from infra.settings import Settings, VectorStoreKind

INDEX_NAME = "chunks"
#: `_bulk` writes, and a delete is a write.
WRITE = ["aoss:DescribeIndex", "aoss:ReadDocument", "aoss:WriteDocument"]
READ = ["aoss:DescribeIndex", "aoss:ReadDocument"]
MANAGE = ["aoss:CreateIndex", "aoss:DeleteIndex", "aoss:DescribeIndex", "aoss:UpdateIndex"]
#: The upper limit of a NextGen collection: this many OCUs, each for indexing and for search.
MAX_OCU = 4
DOMAIN_ENGINE = "OpenSearch_2.19"
DOMAIN_INSTANCE = "t3.small.search"
DOMAIN_DISK_GB = 10


class VectorStore(Construct):
    """`endpoint` is a full URL, `service` the name that requests are signed for."""

    endpoint: str
    service: Literal["aoss", "es"]
    generation: VectorStoreKind

    def environment(self) -> dict[str, str]:
        """Return the environment variables of a function that uses the store."""
        return {
            "OPENSEARCH_ENDPOINT": self.endpoint,
            "OPENSEARCH_SERVICE": self.service,
            "OPENSEARCH_GENERATION": self.generation,
            "INDEX_NAME": INDEX_NAME,
        }

    @abstractmethod
    def grant(self, scope: Construct, *, writers: Sequence[iam.Role] = (), readers: Sequence[iam.Role] = ()) -> None:
        """Let roles of the stack of `scope` use the index. Call this once in each stack."""


def vector_store(scope: Construct, id: str, *, settings: Settings) -> VectorStore:
    """Return the kind of store that the setting `vector-store` names."""
    if settings.vector_store == "domain":
        return Domain(scope, id)
    return Collection(scope, id, settings=settings)


class Collection(VectorStore):
    """A vector collection of OpenSearch Serverless, its policies and its index.

    Policies come before the collection: they name it, need no ARN of it, and take up to a minute to be enforced. That
    minute passes while the collection is made. The index depends on them, because its deletion needs their permission.
    """

    service: Literal["aoss", "es"] = "aoss"

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id)
        self.generation = settings.vector_store
        # Another kind gets another name: a collection cannot be replaced by one that has the same.
        self.name = f"ladder-{settings.experiment}-{'ng' if self.generation == 'nextgen' else 'cl'}"
        resource = [f"collection/{self.name}"]
        encryption = serverless.CfnSecurityPolicy(
            self,
            "Encryption",
            name=self.name,
            type="encryption",
            policy=json.dumps({"Rules": [{"ResourceType": "collection", "Resource": resource}], "AWSOwnedKey": True}),
        )
        network = serverless.CfnSecurityPolicy(
            self,
            "Network",
            name=self.name,
            type="network",
            # Public means reachable, not open: every request is signed and checked against the data access policy.
            policy=json.dumps(
                [{"Rules": [{"ResourceType": "collection", "Resource": resource}], "AllowFromPublic": True}]
            ),
        )
        self.collection = serverless.CfnCollection(
            self,
            "Collection",
            name=self.name,
            type="VECTORSEARCH",
            description=f"Vector index of the experiment {settings.experiment}",
            collection_group_name=self._group(settings) if self.generation == "nextgen" else None,
            # Classic: without replicas the floor is 1 OCU instead of 2. NextGen takes the group's.
            standby_replicas="ENABLED" if self.generation == "nextgen" else "DISABLED",
        )
        for policy in (encryption, network):
            self.collection.add_resource_dependency(policy)
        if self.generation == "nextgen":
            self.collection.node.add_dependency(self.node.find_child("Group"))
        self.index = serverless.CfnIndex(
            self,
            "Index",
            collection_endpoint=self.collection.attr_collection_endpoint,
            index_name=INDEX_NAME,
            settings=serverless.CfnIndex.IndexSettingsProperty(
                index=serverless.CfnIndex.IndexProperty(knn=True),
            ),
            mappings=serverless.CfnIndex.MappingsProperty(
                properties=index_mapping.properties(settings.models.embedding_dimensions)
            ),
        )
        self._access("Deployment", self, self.name, [(MANAGE, [_deployment_role(self)])])
        self.endpoint = self.collection.attr_collection_endpoint

    def grant(self, scope: Construct, *, writers: Sequence[iam.Role] = (), readers: Sequence[iam.Role] = ()) -> None:
        for role in (*writers, *readers):
            permissions.allow(role, ["aoss:APIAccessAll"], [self.collection.attr_arn])
        own = cdk.Stack.of(scope) is cdk.Stack.of(self)
        self._access(
            "SearchAccess",
            self if own else scope,
            f"{self.name}-{'fn' if own else 'ft'}",
            [(WRITE, [r.role_arn for r in writers]), (READ, [r.role_arn for r in readers])],
        )

    def _access(self, id: str, scope: Construct, name: str, grants: list[tuple[list[str], list[str]]]) -> None:
        statements = [
            {
                "Rules": [{"ResourceType": "index", "Resource": [f"index/{self.name}/*"], "Permission": actions}],
                "Principal": principals,
            }
            for actions, principals in grants
            if principals
        ]
        policy = serverless.CfnAccessPolicy(
            scope, id, name=name, type="data", policy=cdk.Stack.of(scope).to_json_string(statements)
        )
        if cdk.Stack.of(scope) is cdk.Stack.of(self):
            self.collection.add_resource_dependency(policy)
            self.index.add_resource_dependency(policy)

    def _group(self, settings: Settings) -> str:
        """Make the group that a NextGen collection lives in; return its name. With the minimum 0 it scales to zero."""
        group = serverless.CfnCollectionGroup(
            self,
            "Group",
            name=self.name,
            generation="NEXTGEN",
            standby_replicas="ENABLED",
            description=f"Vector search of the experiment {settings.experiment}",
            capacity_limits=serverless.CfnCollectionGroup.CapacityLimitsProperty(
                min_indexing_capacity_in_ocu=0,
                min_search_capacity_in_ocu=0,
                max_indexing_capacity_in_ocu=MAX_OCU,
                max_search_capacity_in_ocu=MAX_OCU,
            ),
        )
        return group.name


class Domain(VectorStore):
    """A managed domain of one small node. Its index is made by the ingestion function: CloudFormation has no type."""

    service: Literal["aoss", "es"] = "es"
    generation: VectorStoreKind = "domain"

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        stack = cdk.Stack.of(self)
        domain = opensearch.CfnDomain(
            self,
            "Domain",
            engine_version=DOMAIN_ENGINE,
            cluster_config=opensearch.CfnDomain.ClusterConfigProperty(
                instance_type=DOMAIN_INSTANCE, instance_count=1, dedicated_master_enabled=False
            ),
            ebs_options=opensearch.CfnDomain.EBSOptionsProperty(
                ebs_enabled=True, volume_type="gp3", volume_size=DOMAIN_DISK_GB
            ),
            encryption_at_rest_options=opensearch.CfnDomain.EncryptionAtRestOptionsProperty(enabled=True),
            node_to_node_encryption_options=opensearch.CfnDomain.NodeToNodeEncryptionOptionsProperty(enabled=True),
            domain_endpoint_options=opensearch.CfnDomain.DomainEndpointOptionsProperty(
                enforce_https=True, tls_security_policy="Policy-Min-TLS-1-2-PFS-2023-10"
            ),
            # Hands the decision to the roles' own policies. Inline, because the L2 sets it by a custom resource that
            # races the domain (aws/aws-cdk#37939). The ARN is written with a wildcard: the domain's name is not known
            # inside itself.
            access_policies={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": f"arn:{stack.partition}:iam::{stack.account}:root"},
                        "Action": ["es:ESHttpDelete", "es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost", "es:ESHttpPut"],
                        "Resource": f"arn:{stack.partition}:es:{stack.region}:{stack.account}:domain/*",
                    }
                ],
            },
        )
        domain.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        for rule, reason in _DOMAIN_EXCEPTIONS.items():
            checks.acknowledge(domain, rule, reason)
        self._arn = domain.attr_arn
        self.endpoint = f"https://{domain.attr_domain_endpoint}"

    def grant(self, scope: Construct, *, writers: Sequence[iam.Role] = (), readers: Sequence[iam.Role] = ()) -> None:
        del scope  # a role's own policy is all that a domain asks for
        reading = ["es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost"]
        reason = "The paths below a domain are its API, not resources; the methods are named."
        for role in writers:
            permissions.allow(role, [*reading, "es:ESHttpPut"], [f"{self._arn}/*"], wildcard=reason)
        for role in readers:
            permissions.allow(role, reading, [f"{self._arn}/*"], wildcard=reason)


_SLOW_LOGS = "Slow logs would add charges that belong to no approach; every question's latency is measured and kept."
_DOMAIN_EXCEPTIONS = {
    "OS1": "No VPC: its gateways would cost more than the domain, and network interfaces block the tear-down.",
    "OS3": "Requests are signed and checked by IAM; Lambda functions without a VPC have no fixed addresses to list.",
    "OS4": "One data node holds a few thousand chunks for an experiment; a dedicated master would triple its price.",
    "OS7": "The index is rebuilt from the documents by the ingestion step, so that one zone is enough.",
    "OS9[LogExport::INDEX_SLOW_LOGS]": _SLOW_LOGS,
    "OS9[LogExport::SEARCH_SLOW_LOGS]": _SLOW_LOGS,
}


def _deployment_role(scope: Construct) -> str:
    """Return the role with which CloudFormation makes the index: the execution role of the CDK bootstrap."""
    stack = cdk.Stack.of(scope)
    qualifier = stack.synthesizer.bootstrap_qualifier or cdk.DefaultStackSynthesizer.DEFAULT_QUALIFIER
    name = f"cdk-{qualifier}-cfn-exec-role-{stack.account}-{stack.region}"
    return f"arn:{stack.partition}:iam::{stack.account}:role/{name}"
