"""Cost Anomaly Detection: monitors and subscriptions that come, change and go."""

from __future__ import annotations

from typing import Any

import pytest
from bill_bench import Bench, refused

SPECIFICATION = {"Tags": {"Key": "cost-cell", "Values": ["e/rag"], "MatchOptions": ["EQUALS"]}}
MONITOR = {"MonitorName": "m", "MonitorType": "CUSTOM", "MonitorSpecification": SPECIFICATION}
TAGS = [{"Key": "owner", "Value": "team-a"}]


def subscription(arn: str, **changes: Any) -> dict[str, Any]:
    return {
        "SubscriptionName": "s",
        "MonitorArnList": [arn],
        "Frequency": "IMMEDIATE",
        "Subscribers": [{"Type": "SNS", "Address": "arn:aws:sns:us-east-1:123456789012:reports"}],
        "Threshold": 5.0,
        **changes,
    }


def test_a_monitor_and_its_subscription(bench: Bench) -> None:
    ce = bench.ce
    arn = ce.create_anomaly_monitor(AnomalyMonitor=MONITOR, ResourceTags=TAGS)["MonitorArn"]
    assert arn.startswith("arn:aws:ce::123456789012:anomalymonitor/")
    own = ce.create_anomaly_subscription(AnomalySubscription=subscription(arn), ResourceTags=TAGS)["SubscriptionArn"]
    bench.restart()
    (found,) = ce.get_anomaly_monitors(MonitorArnList=[arn])["AnomalyMonitors"]
    assert (found["MonitorSpecification"], found["CreationDate"]) == (SPECIFICATION, "2026-11-20T12:00:00Z")
    (found,) = ce.get_anomaly_subscriptions(MonitorArn=arn)["AnomalySubscriptions"]
    assert (found["SubscriptionArn"], found["AccountId"]) == (own, "123456789012")
    ce.update_anomaly_monitor(MonitorArn=arn, MonitorName="n")
    assert ce.get_anomaly_monitors()["AnomalyMonitors"][0]["MonitorName"] == "n"
    ce.update_anomaly_subscription(SubscriptionArn=own, SubscriptionName="t")
    assert ce.get_anomaly_subscriptions()["AnomalySubscriptions"][0]["SubscriptionName"] == "t"
    for resource in (arn, own):
        assert ce.list_tags_for_resource(ResourceArn=resource)["ResourceTags"] == TAGS
        ce.tag_resource(ResourceArn=resource, ResourceTags=[{"Key": "a", "Value": "b"}])
        ce.untag_resource(ResourceArn=resource, ResourceTagKeys=["owner"])
        assert ce.list_tags_for_resource(ResourceArn=resource)["ResourceTags"] == [{"Key": "a", "Value": "b"}]
    ce.delete_anomaly_subscription(SubscriptionArn=own)
    ce.delete_anomaly_monitor(MonitorArn=arn)
    assert ce.get_anomaly_monitors()["AnomalyMonitors"] == ce.get_anomaly_subscriptions()["AnomalySubscriptions"] == []
    assert refused(ce.delete_anomaly_monitor, MonitorArn=arn)[0] == "UnknownMonitorException"
    assert refused(ce.delete_anomaly_subscription, SubscriptionArn=own)[0] == "UnknownSubscriptionException"
    assert refused(ce.list_tags_for_resource, ResourceArn=arn)[0] == "ResourceNotFoundException"
    assert bench.control()["requests"] == 0


def test_monitors_come_in_pages(bench: Bench) -> None:
    arns = [bench.ce.create_anomaly_monitor(AnomalyMonitor=MONITOR)["MonitorArn"] for _ in range(3)]
    first = bench.ce.get_anomaly_monitors(MaxResults=2)
    rest = bench.ce.get_anomaly_monitors(MaxResults=2, NextPageToken=first["NextPageToken"])
    assert [m["MonitorArn"] for page in (first, rest) for m in page["AnomalyMonitors"]] == arns


@pytest.mark.parametrize(
    "monitor",
    [
        {"MonitorName": "m", "MonitorType": "CUSTOM"},
        {**MONITOR, "MonitorDimension": "SERVICE"},
        {"MonitorName": "m", "MonitorType": "DIMENSIONAL"},
        {**MONITOR, "MonitorSpecification": {}},
        {**MONITOR, "MonitorSpecification": {"And": []}},
        {**MONITOR, "MonitorSpecification": {"Not": {"Tags": {"Values": ["e/rag"]}}}},
    ],
)
def test_bad_monitors(bench: Bench, monitor: dict[str, Any]) -> None:
    assert refused(bench.ce.create_anomaly_monitor, AnomalyMonitor=monitor)[0] == "ValidationException"


def test_a_member_account_watches_services_only(bench: Bench) -> None:
    bench.control(role="member")
    assert refused(bench.ce.create_anomaly_monitor, AnomalyMonitor=MONITOR)[0] == "ValidationException"
    services = {"MonitorName": "m", "MonitorType": "DIMENSIONAL", "MonitorDimension": "SERVICE"}
    assert bench.ce.create_anomaly_monitor(AnomalyMonitor=services)["MonitorArn"]
    bench.control(role="payer")
    assert bench.ce.create_anomaly_monitor(AnomalyMonitor=MONITOR)["MonitorArn"]


def test_bad_subscriptions(bench: Bench) -> None:
    arn = bench.ce.create_anomaly_monitor(AnomalyMonitor=MONITOR)["MonitorArn"]
    email = [{"Type": "EMAIL", "Address": "a@example.com"}]
    expression = {"Dimensions": {"Key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE", "Values": ["5"]}}
    for wrong, code in (
        (subscription(arn, MonitorArnList=["arn:aws:ce::123456789012:anomalymonitor/x"]), "UnknownMonitorException"),
        (subscription(arn, Frequency="DAILY"), "ValidationException"),
        (subscription(arn, Subscribers=email), "ValidationException"),
        (subscription(arn, ThresholdExpression=expression), "ValidationException"),
    ):
        assert refused(bench.ce.create_anomaly_subscription, AnomalySubscription=wrong)[0] == code
