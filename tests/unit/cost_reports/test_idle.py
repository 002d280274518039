from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cost_reports.idle import IdleLine, idle, total
from cost_reports.prices.catalogue import Catalogue, PriceError

CATALOGUE = Catalogue.load()


def one(kind: str, properties: dict[str, Any] | None = None, **others: Any) -> IdleLine:
    resources = {"It": {"Type": kind, "Properties": properties or {}}, **others}
    return idle({"stack": {"Resources": resources}}, CATALOGUE)[0]


CONFIG = {
    "Type": "AWS::SageMaker::EndpointConfig",
    "Properties": {"ProductionVariants": [{"InitialInstanceCount": 2, "InstanceType": "ml.g5.xlarge"}]},
}
ASLEEP = {
    "Type": "AWS::SageMaker::EndpointConfig",
    "Properties": {
        "ProductionVariants": [{"InstanceType": "ml.g5.xlarge", "ManagedInstanceScaling": {"MinInstanceCount": 0}}]
    },
}


@pytest.mark.parametrize(
    ("kind", "properties", "usd"),
    [
        # Classic collections: 2 OCU x 730 x 0.24, without redundancy 1 OCU
        ("AWS::OpenSearchServerless::Collection", {}, "350.4"),
        ("AWS::OpenSearchServerless::Collection", {"StandbyReplicas": "DISABLED"}, "175.2"),
        (
            "AWS::OpenSearchServerless::CollectionGroup",
            {"Generation": "NEXTGEN", "CapacityLimits": {"MinSearchCapacityInOcu": 2}},
            "350.4",
        ),
        ("AWS::OpenSearchServerless::CollectionGroup", {"Generation": "CLASSIC"}, "350.4"),
        # 2 x 730 x 0.036; the disks are a line of their own
        (
            "AWS::OpenSearchService::Domain",
            {
                "ClusterConfig": {"InstanceType": "t3.small.search", "InstanceCount": 2},
                "EBSOptions": {"EBSEnabled": True, "VolumeSize": 10},
            },
            "52.56",
        ),
        ("AWS::CloudWatch::Alarm", {"MetricName": "Errors"}, "0.1"),
        ("AWS::CloudWatch::Alarm", {"Metrics": [{"MetricStat": {}}, {"MetricStat": {}}, {"Expression": "a"}]}, "0.2"),
        ("AWS::SecretsManager::Secret", {}, "0.4"),
        ("AWS::KMS::Key", {}, "1"),
        ("AWS::EC2::NatGateway", {}, "32.85"),
        ("AWS::EC2::EIP", {}, "3.65"),
        ("AWS::EC2::VPCEndpoint", {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b"]}, "14.6"),
        # 0.5 x 730 x 0.12
        ("AWS::RDS::DBCluster", {"ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5}}, "43.8"),
        # 2 x 730 x 1.408
        (
            "AWS::SageMaker::Endpoint",
            {"EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
            "2055.68",
        ),
    ],
)
def test_what_bills_while_idle(kind: str, properties: dict[str, Any], usd: str) -> None:
    line = one(kind, properties, Config=CONFIG)
    assert (line.status, line.usd) == ("billed", Decimal(usd)), line.what


@pytest.mark.parametrize(
    ("kind", "properties", "status"),
    [
        ("AWS::OpenSearchServerless::Collection", {"CollectionGroupName": "g"}, "by use"),
        ("AWS::OpenSearchServerless::CollectionGroup", {"Generation": "NEXTGEN"}, "by use"),
        ("AWS::DynamoDB::Table", {"BillingMode": "PAY_PER_REQUEST"}, "by use"),
        ("AWS::EC2::VPCEndpoint", {}, "by use"),
        ("AWS::Lambda::Function", {}, "by use"),
        ("AWS::SageMaker::Endpoint", {"EndpointConfigName": {"Ref": "Asleep"}}, "by use"),
        ("AWS::Athena::WorkGroup", {}, "by use"),
        ("AWS::Glue::Database", {}, "by use"),
        ("AWS::Glue::Table", {}, "by use"),
        ("AWS::S3::Bucket", {}, "by use"),
        ("AWS::SNS::Topic", {}, "by use"),
        ("AWS::BCMDataExports::Export", {}, "free"),
        ("AWS::Budgets::Budget", {}, "free"),
        ("AWS::CE::AnomalyMonitor", {}, "free"),
        ("AWS::CE::AnomalySubscription", {}, "free"),
        ("AWS::IAM::Role", {}, "free"),
        ("Custom::S3AutoDeleteObjects", {}, "free"),
    ],
)
def test_what_is_free_while_idle(kind: str, properties: dict[str, Any], status: str) -> None:
    line = one(kind, properties, Asleep=ASLEEP)
    assert (line.status, line.usd) == (status, Decimal(0))


@pytest.mark.parametrize(
    ("kind", "properties", "what"),
    [
        ("AWS::Quantum::Thing", {}, "not known here"),
        ("AWS::Budgets::BudgetsAction", {}, "two budget actions of an account are free"),
        ("AWS::DynamoDB::Table", {}, "provisioned capacity"),
        ("AWS::OpenSearchService::Domain", {"ClusterConfig": {"InstanceType": {"Ref": "P"}}}, "InstanceType"),
        ("AWS::RDS::DBCluster", {}, "MinCapacity"),
        ("AWS::SageMaker::Endpoint", {"EndpointConfigName": "elsewhere"}, "configuration"),
        ("AWS::OpenSearchService::Domain", {"ClusterConfig": "large"}, "ClusterConfig"),
        ("AWS::CloudWatch::Alarm", {"Metrics": {"Ref": "M"}}, "Metrics"),
        (
            "AWS::OpenSearchServerless::CollectionGroup",
            {"Generation": "NEXTGEN", "CapacityLimits": {"MinSearchCapacityInOcu": -2}},
            "MinSearchCapacityInOcu of the template is -2, below 0",
        ),
    ],
)
def test_the_unknown_is_never_zero(kind: str, properties: dict[str, Any], what: str) -> None:
    line = one(kind, properties)
    assert (line.status, line.usd) == ("unknown", None)
    assert what in line.what


@pytest.mark.parametrize("variants", [{}, {"ProductionVariants": []}, {"ProductionVariants": ["all"]}])
def test_an_endpoint_without_variants_is_not_free(variants: dict[str, Any]) -> None:
    config = {"Type": "AWS::SageMaker::EndpointConfig", "Properties": variants}
    line = one("AWS::SageMaker::Endpoint", {"EndpointConfigName": {"Ref": "Config"}}, Config=config)
    assert (line.status, line.usd) == ("unknown", None)


def test_sums_and_errors() -> None:
    lines = [one("AWS::KMS::Key"), one("AWS::Quantum::Thing"), one("AWS::IAM::Role")]
    assert total(lines) == 1
    with pytest.raises(ValueError, match="stack s has no Resources"):
        idle({"s": {}}, CATALOGUE)
    with pytest.raises(ValueError, match="stack s has no Resources"):
        idle({"s": []}, CATALOGUE)  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="resource X of stack s has no Type"):
        idle({"s": {"Resources": {"X": {}}}}, CATALOGUE)
    with pytest.raises(ValueError, match="resource X of stack s: Properties must be an object"):
        idle({"s": {"Resources": {"X": {"Type": "AWS::KMS::Key", "Properties": None}}}}, CATALOGUE)
    with pytest.raises(PriceError, match="resource C of stack s: no price in the catalogue for AmazonES EU-SearchOCU"):
        idle({"s": {"Resources": {"C": {"Type": "AWS::OpenSearchServerless::Collection"}}}}, CATALOGUE, "eu-west-1")


def test_disks_of_a_domain_have_no_public_price() -> None:
    domain = {
        "Type": "AWS::OpenSearchService::Domain",
        "Properties": {
            "ClusterConfig": {"InstanceType": "t3.small.search", "InstanceCount": 2},
            "EBSOptions": {"EBSEnabled": True, "VolumeSize": 10},
        },
    }
    nodes, disks = idle({"stack": {"Resources": {"It": domain}}}, CATALOGUE)
    assert (nodes.status, nodes.usd) == ("billed", Decimal("52.56"))
    assert (disks.status, disks.usd) == ("unknown", None)
    assert "no public price of gp3 disks of a managed OpenSearch domain" in disks.what
    domain["Properties"] = {"ClusterConfig": {"InstanceType": "t3.small.search"}}
    assert idle({"stack": {"Resources": {"It": domain}}}, CATALOGUE)[1].usd == 0
