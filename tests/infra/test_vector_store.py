"""What the templates say of the vector store: its kinds, its index, and who may do what with it."""

from __future__ import annotations

import json
from collections.abc import Callable

from infra_templates import (
    CHANGED,
    DOMAIN,
    Templates,
    flat,
    only,
)

from lambdas.rag.index import index_body

SYNTH = Callable[..., Templates]


def test_nextgen_sleeps_when_nobody_asks(templates: Templates) -> None:
    group = only(templates, "AWS::OpenSearchServerless::CollectionGroup")["Properties"]
    assert (group["Generation"], group["StandbyReplicas"]) == ("NEXTGEN", "ENABLED")
    limits = group["CapacityLimits"]
    assert (limits["MinIndexingCapacityInOcu"], limits["MinSearchCapacityInOcu"]) == (0, 0)
    collection = only(templates, "AWS::OpenSearchServerless::Collection")
    assert collection["Properties"]["CollectionGroupName"] == group["Name"]
    assert "StoreGroupBBB5A3A8" in collection["DependsOn"] or any("Group" in name for name in collection["DependsOn"])


def test_classic_does_without_replicas_and_group(synth: SYNTH) -> None:
    classic = synth(**CHANGED)
    assert list(classic.resources("AWS::OpenSearchServerless::CollectionGroup")) == []
    collection = only(classic, "AWS::OpenSearchServerless::Collection")["Properties"]
    assert collection["StandbyReplicas"] == "DISABLED"
    assert "CollectionGroupName" not in collection


def test_kinds_of_collection_have_different_names(templates: Templates, synth: SYNTH) -> None:
    names = {
        only(found, "AWS::OpenSearchServerless::Collection")["Properties"]["Name"]
        for found in (templates, synth(**CHANGED))
    }
    assert names == {"ladder-fixture-ng", "ladder-fixture-cl"}


def test_the_index_is_the_one_that_ingestion_writes(templates: Templates) -> None:
    properties = only(templates, "AWS::OpenSearchServerless::Index")["Properties"]
    given = properties["Mappings"]["Properties"]
    assert {
        name: {key[0].lower() + key[1:]: value for key, value in field.items()} for name, field in given.items()
    } == index_body(512)["mappings"]["properties"]
    assert properties["Settings"] == {"Index": {"Knn": True}}


def test_the_index_outlives_no_policy(templates: Templates) -> None:
    """Deleting an index needs the right to; so the policies are deleted after it, and made before the collection."""
    index = only(templates, "AWS::OpenSearchServerless::Index")
    collection = only(templates, "AWS::OpenSearchServerless::Collection")
    policies = {
        name.split("/")[1]
        for name, _ in templates.resources("AWS::OpenSearchServerless::AccessPolicy")
        if name.startswith("rag/")
    }
    assert len(policies) == 2
    assert policies <= set(index["DependsOn"])
    assert policies <= set(collection["DependsOn"])


def test_only_the_deployment_may_make_and_delete_the_index(templates: Templates) -> None:
    makers = [
        json.dumps(policy["Properties"]["Policy"])
        for _, policy in templates.resources("AWS::OpenSearchServerless::AccessPolicy")
        if "aoss:CreateIndex" in json.dumps(policy["Properties"]["Policy"])
    ]
    assert len(makers) == 1
    assert "cfn-exec-role" in makers[0]


def test_fine_tuning_may_read_the_index_only(templates: Templates) -> None:
    ((_, policy),) = [
        (name, policy)
        for name, policy in templates.resources("AWS::OpenSearchServerless::AccessPolicy")
        if name.startswith("fine-tuning/")
    ]
    text = json.dumps(policy["Properties"]["Policy"])
    assert "aoss:ReadDocument" in text
    assert "aoss:WriteDocument" not in text


def test_a_domain_is_small_encrypted_and_asks_iam(synth: SYNTH) -> None:
    domain = only(synth(**DOMAIN), "AWS::OpenSearchService::Domain")["Properties"]
    assert domain["ClusterConfig"]["InstanceCount"] == 1
    assert domain["DomainEndpointOptions"]["EnforceHTTPS"] is True
    assert domain["EncryptionAtRestOptions"] == {"Enabled": True}
    (statement,) = domain["AccessPolicies"]["Statement"]
    assert flat(statement["Principal"]["AWS"]) == "arn:aws:iam::<AWS::AccountId>:root"
