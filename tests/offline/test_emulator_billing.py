"""Billing through the gateway: what templates make, what runs leave in buckets, what Cost Explorer and exports say."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from emulator_access import session_of

from contracts import json_codec, keys
from cost_reports.metering import meters
from offline.sandbox import Sandbox

pytestmark = pytest.mark.emulator

STACK = "billing-test"
BUCKET = "billing-test-exports"
TAGS = [{"Key": "experiment", "Value": "billing-test"}]
LOCATION = f"s3://{BUCKET}/exports/billing-test/data/"


def template(*, export_query: str = "SELECT BilledCost, ServiceName, Tags FROM FOCUS_1_2_AWS") -> str:
    monitor = {"Tags": {"Key": "cost-cell", "Values": ["billing-test/rag"], "MatchOptions": ["EQUALS"]}}
    threshold = {
        "Dimensions": {
            "Key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
            "Values": ["5"],
            "MatchOptions": ["GREATER_THAN_OR_EQUAL"],
        }
    }
    resources: dict[str, Any] = {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": BUCKET}},
        "Policy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "s3:PutObject",
                            "Principal": {"Service": "bcm-data-exports.amazonaws.com"},
                            "Resource": f"arn:aws:s3:::{BUCKET}/*",
                        }
                    ],
                },
            },
        },
        "Export": {
            "Type": "AWS::BCMDataExports::Export",
            "DependsOn": "Policy",
            "Properties": {
                "Export": {
                    "Name": "billing-test",
                    "DataQuery": {
                        "QueryStatement": export_query,
                        "TableConfigurations": {"FOCUS_1_2_AWS": {"TIME_GRANULARITY": "DAILY"}},
                    },
                    "DestinationConfigurations": {
                        "S3Destination": {
                            "S3Bucket": {"Ref": "Bucket"},
                            "S3Prefix": "exports",
                            "S3Region": "us-east-1",
                            "S3OutputConfigurations": {
                                "OutputType": "CUSTOM",
                                "Format": "PARQUET",
                                "Compression": "PARQUET",
                                "Overwrite": "OVERWRITE_REPORT",
                            },
                        }
                    },
                    "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
                },
            },
        },
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "billing-test"}},
        "Monitor": {
            "Type": "AWS::CE::AnomalyMonitor",
            "Properties": {
                "MonitorName": "billing-test",
                "MonitorType": "CUSTOM",
                "MonitorSpecification": json.dumps(monitor),
            },
        },
        "Subscription": {
            "Type": "AWS::CE::AnomalySubscription",
            "Properties": {
                "SubscriptionName": "billing-test",
                "Frequency": "IMMEDIATE",
                "MonitorArnList": [{"Fn::GetAtt": ["Monitor", "MonitorArn"]}],
                "Subscribers": [{"Type": "SNS", "Address": {"Ref": "Topic"}}],
                "ThresholdExpression": json.dumps(threshold),
            },
        },
        "Database": {
            "Type": "AWS::Glue::Database",
            "Properties": {
                "CatalogId": {"Ref": "AWS::AccountId"},
                "DatabaseInput": {"Name": "billing_test", "Parameters": {"experiment": "billing-test"}},
            },
        },
        "Table": {
            "Type": "AWS::Glue::Table",
            "Properties": {
                "CatalogId": {"Ref": "AWS::AccountId"},
                "DatabaseName": {"Ref": "Database"},
                "TableInput": {
                    "Name": "focus",
                    "TableType": "EXTERNAL_TABLE",
                    "StorageDescriptor": {"Location": LOCATION, "Columns": [{"Name": "billedcost", "Type": "double"}]},
                },
            },
        },
        "WorkGroup": {
            "Type": "AWS::Athena::WorkGroup",
            "Properties": {
                "Name": "billing-test",
                "RecursiveDeleteOption": True,
                "Tags": TAGS,
                "WorkGroupConfiguration": {"BytesScannedCutoffPerQuery": 1_000_000_000},
            },
        },
    }
    names = {"Export": "ExportArn", "Monitor": "MonitorArn", "Subscription": "SubscriptionArn"}
    outputs = {name: {"Value": {"Fn::GetAtt": [name, attribute]}} for name, attribute in names.items()}
    return json.dumps({"Resources": resources, "Outputs": outputs})


@pytest.fixture(scope="module")
def session(sandbox: Sandbox) -> boto3.Session:
    return session_of(sandbox)


def control(sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    body = json.dumps(changes).encode() if changes else None
    request = urllib.request.Request(
        f"{sandbox.endpoint}/_ladder/billing", data=body, method="POST" if changes else "GET"
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def fault(sandbox: Sandbox, **found: Any) -> None:
    body = json.dumps({"status": 400, **found}).encode()
    request = urllib.request.Request(f"{sandbox.endpoint}/_ladder/faults", data=body, method="POST")
    urllib.request.urlopen(request, timeout=10).close()


def settled(session: boto3.Session, status: str) -> dict[str, Any]:
    """The stack, once it is no longer in progress."""
    client = session.client("cloudformation")
    until = time.monotonic() + 30
    while time.monotonic() < until:
        found: dict[str, Any] = client.describe_stacks(StackName=STACK)["Stacks"][0]
        if not found["StackStatus"].endswith("IN_PROGRESS"):
            assert found["StackStatus"] == status, found.get("StackStatusReason")
            return found
        time.sleep(0.05)
    pytest.fail(f"{STACK} did not settle")


@pytest.fixture(scope="module")
def outputs(sandbox: Sandbox, session: boto3.Session) -> Iterator[dict[str, str]]:
    """The stack, deployed; when all is over it is deleted and nothing of it is left."""
    client = session.client("cloudformation")
    client.create_stack(StackName=STACK, TemplateBody=template(), Tags=TAGS)
    found = settled(session, "CREATE_COMPLETE")
    yield {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
    s3 = session.client("s3")
    for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=item["Key"])
    client.delete_stack(StackName=STACK)
    client.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    control(sandbox, now=datetime.now(UTC).isoformat())
    assert session.client("bcm-data-exports").list_exports()["Exports"] == []
    ce = session.client("ce")
    assert ce.get_anomaly_monitors()["AnomalyMonitors"] == ce.get_anomaly_subscriptions()["AnomalySubscriptions"] == []
    assert session.client("glue").get_databases()["DatabaseList"] == []
    groups = session.client("athena").list_work_groups()["WorkGroups"]
    assert [group["Name"] for group in groups] == ["primary"]


def test_a_template_makes_billings_resources_with_their_tags(outputs: dict[str, str], session: boto3.Session) -> None:
    exports, ce = session.client("bcm-data-exports"), session.client("ce")
    export = exports.get_export(ExportArn=outputs["Export"])
    assert (export["Export"]["Name"], export["ExportStatus"]["StatusCode"]) == ("billing-test", "HEALTHY")
    (monitor,) = ce.get_anomaly_monitors(MonitorArnList=[outputs["Monitor"]])["AnomalyMonitors"]
    assert monitor["MonitorSpecification"]["Tags"]["Values"] == ["billing-test/rag"]
    (subscription,) = ce.get_anomaly_subscriptions(MonitorArn=outputs["Monitor"])["AnomalySubscriptions"]
    assert subscription["SubscriptionArn"] == outputs["Subscription"]
    for name, client in (("Export", exports), ("Monitor", ce), ("Subscription", ce)):
        tags = client.list_tags_for_resource(ResourceArn=outputs[name])["ResourceTags"]
        # CloudFormation adds its own tags to the stack's.
        assert [tag for tag in tags if not tag["Key"].startswith("aws:")] == TAGS
    assert session.client("glue").get_table(DatabaseName="billing_test", Name="focus")["Table"]["Name"] == "focus"
    group = session.client("athena").get_work_group(WorkGroup="billing-test")["WorkGroup"]
    assert group["Configuration"]["BytesScannedCutoffPerQuery"] == 1_000_000_000
    account = outputs["Monitor"].split(":")[4]
    arn = f"arn:aws:athena:us-east-1:{account}:workgroup/billing-test"
    assert session.client("athena").list_tags_for_resource(ResourceARN=arn)["Tags"][:1] == TAGS


def test_a_runs_usage_is_billed_and_exported(outputs: dict[str, str], sandbox: Sandbox, session: boto3.Session) -> None:
    now = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    context = meters.UsageRowFactory(
        experiment="billing-test",
        run="run-1",
        approach="rag",
        variant=None,
        start=now.isoformat(),
        end=(now + timedelta(seconds=1)).isoformat(),
    )
    row = context.tokens("us.amazon.nova-micro-v1:0", "input", 1_000_000)
    key = keys.usage("billing-test", "run-1", "rag", "answer")
    session.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json_codec.dump_lines([row]).encode())
    request = {
        "TimePeriod": {"Start": f"{now:%Y-%m-%d}", "End": f"{now + timedelta(days=1):%Y-%m-%d}"},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
        "GroupBy": [{"Type": "TAG", "Key": "cost-cell"}, {"Type": "DIMENSION", "Key": "SERVICE"}],
        "Filter": {"Tags": {"Key": "experiment", "Values": ["billing-test"]}},
    }
    ce = session.client("ce")
    assert ce.get_cost_and_usage(**request)["ResultsByTime"][0]["Groups"] == []
    state = control(sandbox, advance_hours=72)
    assert [found["error"] for found in state["delivered"]] == [None]
    (group,) = ce.get_cost_and_usage(**request)["ResultsByTime"][0]["Groups"]
    assert group["Keys"] == ["cost-cell$billing-test/rag", "Amazon Bedrock"]
    assert Decimal(group["Metrics"]["UnblendedCost"]["Amount"]) == Decimal("0.035")
    data = f"exports/billing-test/data/BILLING_PERIOD={now:%Y-%m}/billing-test-00001.snappy.parquet"
    assert session.client("s3").get_object(Bucket=BUCKET, Key=data)["Body"].read(4) == b"PAR1"


def test_a_change_reaches_the_export_and_a_refusal_fails_the_stack(
    outputs: dict[str, str], sandbox: Sandbox, session: boto3.Session
) -> None:
    client = session.client("cloudformation")
    query = "SELECT BilledCost FROM FOCUS_1_2_AWS"
    fault(sandbox, service="bcm-data-exports", operation="UpdateExport", code="ThrottlingException", times=2)
    client.update_stack(StackName=STACK, TemplateBody=template(export_query=query), Tags=TAGS)
    settled(session, "UPDATE_COMPLETE")
    exports = session.client("bcm-data-exports")
    found = exports.get_export(ExportArn=outputs["Export"])["Export"]
    assert found["DataQuery"]["QueryStatement"] == query
    client.update_stack(StackName=STACK, TemplateBody=template(export_query=query.replace("Cost", "Costs")), Tags=TAGS)
    settled(session, "UPDATE_ROLLBACK_COMPLETE")
    reasons = [
        event.get("ResourceStatusReason", "") for event in client.describe_stack_events(StackName=STACK)["StackEvents"]
    ]
    assert any("FOCUS_1_2_AWS has no column BilledCosts" in reason for reason in reasons)


def test_a_fault_of_the_gateway_hits_cost_explorer(sandbox: Sandbox, session: boto3.Session) -> None:
    fault(sandbox, service="ce", operation="ListCostAllocationTags", code="LimitExceededException", times=9)
    try:
        with pytest.raises(ClientError, match="LimitExceededException"):
            session.client("ce").list_cost_allocation_tags()
    finally:
        clear = urllib.request.Request(f"{sandbox.endpoint}/_ladder/faults", method="DELETE")
        urllib.request.urlopen(clear, timeout=10).close()
