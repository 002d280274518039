"""The audit lists what is left in an account, knows whose it is, and says where it could not look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from contracts.job_names import stack_prefix
from ladder.leftovers import audit as leftovers
from ladder.leftovers import probes
from ladder.leftovers.audit import Audit, Leftover, write_leftovers
from ladder.leftovers.listing import Clients
from ladder.leftovers.records import EVERYWHERE

OF_OTHERS = "arn:aws:ce::123456789012:anomalymonitor/00000000-0000-0000-0000-000000000000"
MONITOR = "arn:aws:ce::123456789012:anomalymonitor/11111111-1111-1111-1111-111111111111"
SUBSCRIPTION = "arn:aws:ce::123456789012:anomalysubscription/22222222-2222-2222-2222-222222222222"
EXPORT = "arn:aws:bcm-data-exports:us-east-1:123456789012:export/bill-33333333"
OURS = {"ResourceTags": [{"Key": "experiment", "Value": "planted"}]}
NONE: dict[str, list[str]] = {"ResourceTags": []}
KINDS = (
    "AWS::CE::AnomalyMonitor",
    "AWS::CE::AnomalySubscription",
    "AWS::BCMDataExports::Export",
    "AWS::Glue::Database",
    "AWS::Glue::Table",
    "AWS::Athena::WorkGroup",
)


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only the probes that this file is about; moto answers for what is not stubbed."""
    monkeypatch.setattr(probes, "PROBES", tuple(probe for probe in probes.PROBES if probe.kind in KINDS))
    with mock_aws():
        yield


class Session:
    """boto3's, with two clients that answer what a test has queued."""

    region_name = "us-east-1"

    def __init__(self) -> None:
        self._session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
        self._stubbed = {name: self._session.client(name) for name in ("ce", "bcm-data-exports")}
        self.ce, self.exports = (Stubber(client) for client in self._stubbed.values())
        self.ce.activate()
        self.exports.activate()

    def client(self, service: str, **options: Any) -> Any:
        return self._stubbed.get(service) or self._session.client(service, **options)

    def audit(self) -> Audit:
        return leftovers.audit(self, experiment="planted", stack_prefix=stack_prefix("planted"))


def monitor(name: str, arn: str) -> dict[str, str]:
    return {"MonitorName": name, "MonitorArn": arn, "MonitorType": "CUSTOM"}


def subscription(name: str) -> dict[str, Any]:
    return {
        "SubscriptionName": name,
        "SubscriptionArn": SUBSCRIPTION,
        "MonitorArnList": [MONITOR],
        "Subscribers": [],
        "Frequency": "DAILY",
    }


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stub answers in a fixed order."""
    monkeypatch.setattr(leftovers, "THREADS", 1)


@pytest.mark.usefixtures("one_at_a_time")
def test_everything_of_the_experiment_is_found_and_nothing_else() -> None:
    session = Session()
    more = {"NextPageToken": "more"}
    session.ce.add_response("get_anomaly_monitors", {"AnomalyMonitors": [monitor("services", OF_OTHERS)], **more}, {})
    session.ce.add_response("get_anomaly_monitors", {"AnomalyMonitors": [monitor("ladder-planted", MONITOR)]}, more)
    session.ce.add_response("list_tags_for_resource", NONE, {"ResourceArn": OF_OTHERS})
    session.ce.add_response("list_tags_for_resource", NONE, {"ResourceArn": MONITOR})
    session.ce.add_response("get_anomaly_subscriptions", {"AnomalySubscriptions": [subscription("mail")]}, {})
    session.ce.add_response("list_tags_for_resource", OURS, {"ResourceArn": SUBSCRIPTION})
    exported = {"ExportArn": EXPORT, "ExportName": "bill", "ExportStatus": {"StatusCode": "HEALTHY"}}
    session.exports.add_response("list_exports", {"Exports": [exported]}, {})
    session.exports.add_response("list_tags_for_resource", OURS, {"ResourceArn": EXPORT})
    glue, athena = session.client("glue"), session.client("athena")
    glue.create_database(DatabaseInput={"Name": "ladder_planted2", "Parameters": {"experiment": "planted2"}})
    glue.create_database(DatabaseInput={"Name": "of_no_name", "Parameters": {"experiment": "planted"}})
    glue.create_database(DatabaseInput={"Name": "of_others"})
    ours = {"Name": "copied", "Parameters": {"cost-cell": "planted/shared"}}
    glue.create_table(DatabaseName="of_others", TableInput=ours)
    glue.create_table(DatabaseName="of_others", TableInput={"Name": "planted"})
    athena.create_work_group(Name="ladder-planted")
    athena.create_work_group(Name="my-planted-prod")
    found = session.audit()
    tag = "tag experiment=planted"
    assert [(item.kind, item.name, item.evidence) for item in found] == [
        ("AWS::Athena::WorkGroup", "ladder-planted", "name ladder-planted"),
        ("AWS::BCMDataExports::Export", "bill", tag),
        ("AWS::CE::AnomalyMonitor", "ladder-planted", "name ladder-planted"),
        ("AWS::CE::AnomalySubscription", "mail", tag),
        ("AWS::Glue::Database", "of_no_name", tag),
        ("AWS::Glue::Table", "of_others/copied", "tag cost-cell=planted/shared"),
    ]
    assert {item.region for item in found} == {EVERYWHERE, "us-east-1"}
    assert (found.perhaps, found.not_seen, found.account) == ((), (), "123456789012")
    assert set(found.kinds) == set(KINDS)
    session.ce.assert_no_pending_responses()
    session.exports.assert_no_pending_responses()


@pytest.mark.usefixtures("one_at_a_time")
def test_a_service_that_refuses_is_no_leftover_and_the_rest_is_read() -> None:
    session = Session()
    session.ce.add_client_error("get_anomaly_monitors", "AccessDeniedException")
    session.ce.add_response("get_anomaly_subscriptions", {"AnomalySubscriptions": []}, {})
    session.exports.add_client_error("list_exports", "SubscriptionRequiredException", http_status_code=400)
    found = session.audit()
    assert list(found) == []
    assert [(item.kind, item.reason, item.offered) for item in found.not_seen] == [
        (
            "AWS::BCMDataExports::Export",
            "not offered by us-east-1 (ListExports: SubscriptionRequiredException)",
            False,
        ),
        ("AWS::CE::AnomalyMonitor", "GetAnomalyMonitors: AccessDeniedException", True),
    ]
    assert not found.clean
    assert found.doubts == "; could not be looked at: AWS::CE::AnomalyMonitor"


@pytest.mark.parametrize(
    ("service", "host"),
    [
        ("ce", "ce.us-east-1.amazonaws.com"),
        ("budgets", "budgets.amazonaws.com"),
        ("bcm-data-exports", "bcm-data-exports.us-east-1.amazonaws.com"),
        ("glue", "glue.eu-west-1.amazonaws.com"),
    ],
)
def test_services_with_one_endpoint_are_asked_there(service: str, host: str) -> None:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
    assert Clients(session).client(service).meta.endpoint_url == f"https://{host}"


@pytest.mark.parametrize(
    ("arn", "kind"),
    [
        (MONITOR, "AWS::CE::AnomalyMonitor"),
        (SUBSCRIPTION, "AWS::CE::AnomalySubscription"),
        (EXPORT, "AWS::BCMDataExports::Export"),
        ("arn:aws:budgets::123456789012:budget/monthly", "AWS::Budgets::Budget"),
        ("arn:aws:athena:us-east-1:123456789012:workgroup/ladder-planted", "AWS::Athena::WorkGroup"),
    ],
)
def test_tagged_arns_are_told_apart(arn: str, kind: str) -> None:
    assert probes.kind_of(arn) == kind


def test_leftovers_are_written_as_a_list(tmp_path: Path) -> None:
    file = tmp_path / "new" / "leftovers.json"
    write_leftovers([], file)
    assert json.loads(file.read_text()) == []
    write_leftovers([Leftover(kind="AWS::S3::Bucket", name="b", state="exists", evidence="tag")], file)
    assert json.loads(file.read_text()) == [
        {
            "kind": "AWS::S3::Bucket",
            "name": "b",
            "state": "exists",
            "evidence": "tag",
            "arn": "",
            "region": "",
            "handle": "",
        }
    ]
