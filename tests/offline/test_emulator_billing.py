"""Billing through the gateway: what templates make, what runs leave in buckets, what Cost Explorer and exports say."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from emulator_access import fault, session_of, settled

from contracts import json_codec, keys
from cost_reports.metering import meters
from offline.sandbox import Sandbox

pytestmark = pytest.mark.emulator

STACK = "billing-test"
BUCKET = "billing-test-exports"
TAGS = [{"Key": "experiment", "Value": "billing-test"}]
TEMPLATE = Path(__file__).with_name("emulator_app") / "billing.template.json"


def template(*, export_query: str = "SELECT BilledCost, ServiceName, Tags FROM FOCUS_1_2_AWS") -> str:
    return TEMPLATE.read_text(encoding="utf-8").replace("${ExportQuery}", export_query)


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


def reached(session: boto3.Session, status: str) -> dict[str, Any]:
    """The stack, once it has come to rest in this status."""
    found = settled(session.client("cloudformation"), STACK)
    assert found["StackStatus"] == status, found.get("StackStatusReason")
    return found


@pytest.fixture(scope="module")
def outputs(sandbox: Sandbox, session: boto3.Session) -> Iterator[dict[str, str]]:
    """The stack, deployed; when all is over it is deleted and nothing of it is left."""
    client = session.client("cloudformation")
    client.create_stack(StackName=STACK, TemplateBody=template(), Tags=TAGS)
    found = reached(session, "CREATE_COMPLETE")
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
    throttling = {"status": 400, "code": "ThrottlingException", "times": 2}
    fault(sandbox, service="bcm-data-exports", operation="UpdateExport", **throttling)
    client.update_stack(StackName=STACK, TemplateBody=template(export_query=query), Tags=TAGS)
    reached(session, "UPDATE_COMPLETE")
    exports = session.client("bcm-data-exports")
    found = exports.get_export(ExportArn=outputs["Export"])["Export"]
    assert found["DataQuery"]["QueryStatement"] == query
    client.update_stack(StackName=STACK, TemplateBody=template(export_query=query.replace("Cost", "Costs")), Tags=TAGS)
    reached(session, "UPDATE_ROLLBACK_COMPLETE")
    reasons = [
        event.get("ResourceStatusReason", "") for event in client.describe_stack_events(StackName=STACK)["StackEvents"]
    ]
    assert any("FOCUS_1_2_AWS has no column BilledCosts" in reason for reason in reasons)
