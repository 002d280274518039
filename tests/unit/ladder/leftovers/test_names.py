"""Whose a thing is: tags first, then exact names; a word inside a name counts for nothing."""

from __future__ import annotations

import pytest

from contracts.job_names import job_name, stack_prefix
from ladder.leftovers.names import LAYERS, Owner

BUCKET, GROUP = "AWS::S3::Bucket", "AWS::Logs::LogGroup"


def owner(experiment: str = "shop") -> Owner:
    return Owner(experiment, stack_prefix(experiment))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (BUCKET, "ladder-shop-foundation-resultsbucket1a2b-x9y8"),
        ("AWS::CloudFormation::Stack", "ladder-shop-fine-tuning"),
        (GROUP, "/aws/lambda/ladder-shop-rag-AnswerFunction1-x"),
        (GROUP, "/aws/vendedlogs/states/ladder-shop-comparison-Comparison-1a2b3c4d"),
        (GROUP, f"/aws/sagemaker/Endpoints/{job_name('shop', 'r20261201-101500', 'run-1')}"),
        (GROUP, f"/aws/sagemaker/Endpoints/{job_name('shop', 'r20261201-101500-7f3a', 'run-1')}"),
        ("AWS::Logs::LogStream", f"{job_name('shop', 'r20261201-101500', 'x')}/algo-1-1764584100"),
        ("AWS::Bedrock::ApplicationInferenceProfile", "ladder-shop-fine-tuning-embedding-1a2b3c4d"),
        ("AWS::Bedrock::ApplicationInferenceProfile", "ladder-shop-shared-judge-1a2b3c4d"),
        ("AWS::OpenSearchServerless::AccessPolicy", "ladder-shop-ng-ft"),
        ("AWS::BCMDataExports::Export", "ladder-shop-focus"),
        ("AWS::Glue::Database", "ladder_shop"),
        ("AWS::Athena::WorkGroup", "ladder-shop"),
        (LAYERS, "ladder-shop-exports-exports"),
        ("AWS::Events::Rule", "own-bus/ladder-shop-fine-tuning-Stopped1-x"),
    ],
)
def test_the_templates_names_are_the_experiments(kind: str, name: str) -> None:
    found = owner().evidence(kind, name, {})
    assert found is not None
    assert found.strength == "strong"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (BUCKET, "my-shop-prod"),
        (BUCKET, "shop"),
        (BUCKET, "ladder-shop2-rag-x"),
        (BUCKET, "ladder-shop-2-foundation-bucket-x"),
        (BUCKET, "ladder-shop-rag-2-foundation-bucket-x"),
        ("AWS::CloudFormation::Stack", "ladder-shop-rag-foundation"),
        (GROUP, "/aws/lambda/acme-shop-api"),
        (GROUP, "/aws/sagemaker/Endpoints/shop-endpoint"),
        (LAYERS, "ladder-shop-rag-exports-exports"),
        ("AWS::SageMaker::Endpoint", "workshop-r20261201-101500-1a2b3c4d"),
        (BUCKET, "cdk-hnb659fds-assets-123456789012-us-east-1"),
        ("AWS::CloudFormation::Stack", "CDKToolkit"),
    ],
)
def test_names_of_others_are_not(kind: str, name: str) -> None:
    assert owner().evidence(kind, name, {}) is None


@pytest.mark.parametrize(
    ("tags", "strength"),
    [
        ({"experiment": "shop"}, "strong"),
        ({"cost-cell": "shop/rag"}, "strong"),
        ({"experiment": "shop", "cost-cell": "shop/shared", "project": "p"}, "strong"),
        ({"experiment": "shop", "cost-cell": "acme/web"}, "weak"),
        ({"experiment": "shop2"}, None),
        ({"cost-cell": "shop2/rag"}, None),
        ({"team": "shop"}, None),
    ],
)
def test_tags_tell_first(tags: dict[str, str], strength: str | None) -> None:
    found = owner().evidence(BUCKET, "invoices", tags)
    assert (found.strength if found else None) == strength


def test_what_is_tagged_for_another_experiment_is_anothers_whatever_its_name() -> None:
    assert owner().evidence(BUCKET, "ladder-shop-rag-x", {"experiment": "acme"}) is None


def test_a_name_that_only_begins_so_is_weak_evidence_and_none_with_tags_of_others() -> None:
    found = owner().evidence(BUCKET, "ladder-shop-2-x", {})
    assert found is not None
    assert found.strength == "weak"
    assert owner().evidence(BUCKET, "ladder-shop-2-x", {"team": "acme"}) is None
