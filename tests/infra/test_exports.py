"""Billing exports: off by default; on, AWS may write them, the function reads them, and queries have a limit."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any

import pytest
from infra_templates import CHANGED, EXPORTS, Templates, as_list, flat, granted, only, statements, tags_of

from contracts import fact_table, keys
from contracts.export_columns import CUR, FOCUS
from contracts.tags import KEYS

#: What CDK grants to send messages.
SENDING = {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
SYNTH = Callable[..., Templates]
KINDS = ("AWS::BCMDataExports::Export", "AWS::Glue::Database", "AWS::Glue::Table", "AWS::Athena::WorkGroup")


@pytest.fixture(scope="module")
def on(synth: SYNTH) -> Templates:
    return synth(**EXPORTS)


def exports(templates: Templates) -> dict[str, dict[str, Any]]:
    found = [r["Properties"]["Export"] for _, r in templates.resources("AWS::BCMDataExports::Export")]
    return {next(iter(e["DataQuery"]["TableConfigurations"])): e for e in found}


def in_exports(templates: Templates, kind: str) -> dict[str, Any]:
    ((_, resource),) = [r for r in templates.resources(kind) if r[0].startswith("exports/")]
    return resource


def test_off_is_the_default_and_leaves_nothing(templates: Templates) -> None:
    assert "exports" not in templates.by_concern
    assert [name for name, r in templates.resources() if r["Type"] in KINDS] == []


def test_on_adds_a_stack_and_changes_no_other(templates: Templates, on: Templates) -> None:
    assert set(on.by_concern) - set(templates.by_concern) == {"exports"}
    for concern, template in templates.by_concern.items():
        if concern != "foundation":
            assert on.by_concern[concern] == template, concern
    # The foundation publishes what the new stack reads; its resources are the same.
    assert on.by_concern["foundation"]["Resources"] == templates.by_concern["foundation"]["Resources"]


def test_both_formats_are_exported_with_every_column_by_name(on: Templates) -> None:
    found = exports(on)
    assert set(found) == {"FOCUS_1_2_AWS", "COST_AND_USAGE_REPORT"}
    for table, columns in (("FOCUS_1_2_AWS", FOCUS), ("COST_AND_USAGE_REPORT", CUR)):
        names = [name for name, _ in columns]
        assert len(set(names)) == len(names)
        assert found[table]["DataQuery"]["QueryStatement"] == f"SELECT {', '.join(names)} FROM {table}"
    assert {"BilledCost", "Tags", "ChargePeriodStart", "InvoiceId"} <= {name for name, _ in FOCUS}
    assert {"line_item_iam_principal", "line_item_resource_id", "resource_tags", "tags"} <= {name for name, _ in CUR}


def test_no_column_is_asked_for_that_the_configuration_leaves_out(on: Templates) -> None:
    """AWS refuses such a query."""
    configured = exports(on)["COST_AND_USAGE_REPORT"]["DataQuery"]["TableConfigurations"]["COST_AND_USAGE_REPORT"]
    assert configured == {
        "TIME_GRANULARITY": "DAILY",
        "INCLUDE_RESOURCES": "TRUE",
        "INCLUDE_IAM_PRINCIPAL_DATA": "TRUE",
        "INCLUDE_SPLIT_COST_ALLOCATION_DATA": "FALSE",
        "INCLUDE_CAPACITY_RESERVATION_DATA": "FALSE",
        "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": "FALSE",
    }
    left_out = ("split_line_item_", "capacity_reservation_")
    assert [name for name, _ in CUR if name.startswith(left_out)] == []


def test_exports_are_parquet_and_overwritten(on: Templates) -> None:
    names = set()
    for export in exports(on).values():
        destination = export["DestinationConfigurations"]["S3Destination"]
        assert destination["S3OutputConfigurations"] == {
            "OutputType": "CUSTOM",
            "Format": "PARQUET",
            "Compression": "PARQUET",
            "Overwrite": "OVERWRITE_REPORT",
        }
        assert (destination["S3Prefix"], destination["S3Region"]) == ("exports", "us-east-1")
        assert export["RefreshCadence"] == {"Frequency": "SYNCHRONOUS"}
        names.add(export["Name"])
    assert names == {"ladder-fixture-focus", "ladder-fixture-cur"}


def test_exports_and_workgroup_carry_the_cost_tags(on: Templates) -> None:
    resources = [*on.resources("AWS::BCMDataExports::Export"), *on.resources("AWS::Athena::WorkGroup")]
    assert len(resources) == 3
    for name, resource in resources:
        assert tags_of(resource)["cost-cell"] == "fixture/shared", name
    # Glue databases take none; the audit of leftovers reads these.
    parameters = only(on, "AWS::Glue::Database")["Properties"]["DatabaseInput"]["Parameters"]
    assert set(parameters) == set(KEYS)
    assert parameters["experiment"] == "fixture"


def test_the_bucket_is_as_private_as_the_other(on: Templates) -> None:
    bucket = in_exports(on, "AWS::S3::Bucket")
    properties = bucket["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["BucketEncryption"]
    assert bucket["DeletionPolicy"] == "Delete"
    assert in_exports(on, "Custom::S3AutoDeleteObjects")
    rules = properties["LifecycleConfiguration"]["Rules"]
    assert {(rule.get("Prefix"), rule.get("ExpirationInDays")) for rule in rules} == {(None, None), ("exports/", 400)}


def test_only_billing_of_this_account_may_write(on: Templates) -> None:
    policy = in_exports(on, "AWS::S3::BucketPolicy")["Properties"]["PolicyDocument"]
    (allowed,) = [s for s in policy["Statement"] if s.get("Sid") == "BillingExports"]
    assert sorted(allowed["Action"]) == ["s3:GetBucketPolicy", "s3:PutObject"]
    assert sorted(allowed["Principal"]["Service"]) == ["bcm-data-exports.amazonaws.com", "billingreports.amazonaws.com"]
    condition = allowed["Condition"]
    assert condition["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert [flat(arn) for arn in condition["ArnLike"]["aws:SourceArn"]] == [
        "arn:aws:bcm-data-exports:us-east-1:<AWS::AccountId>:export/*",
        "arn:aws:cur:us-east-1:<AWS::AccountId>:definition/*",
    ]
    others = [s for s in policy["Statement"] if s["Effect"] == "Allow" and s is not allowed]
    # The function that empties the bucket.
    assert all("AWS" in s["Principal"] for s in others)


def test_an_export_is_made_after_the_policy_that_lets_it_write(on: Templates) -> None:
    ((policy, _),) = [p for p in on.resources("AWS::S3::BucketPolicy") if p[0].startswith("exports/")]
    for name, export in on.resources("AWS::BCMDataExports::Export"):
        assert policy.split("/")[1] in export["DependsOn"], name


def tables(templates: Templates) -> dict[str, Any]:
    """Name -> input of the tables, all of which lie in the one database."""
    found = [r["Properties"] for _, r in templates.resources("AWS::Glue::Table")]
    assert {table["DatabaseName"] for table in found} == {"ladder_fixture"}
    return {table["TableInput"]["Name"]: table["TableInput"] for table in found}


def projection(table: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, value in table["Parameters"].items() if key.startswith("projection.")}


def months(partition: str) -> dict[str, str]:
    return {
        "projection.enabled": "true",
        f"projection.{partition}.type": "date",
        f"projection.{partition}.format": "yyyy-MM",
        f"projection.{partition}.range": "2024-01,NOW",
        f"projection.{partition}.interval": "1",
        f"projection.{partition}.interval.unit": "MONTHS",
    }


def test_tables_find_their_months_without_a_crawler(on: Templates) -> None:
    assert set(tables(on)) == {"focus", "cur", "charges"}
    assert list(on.resources("AWS::Glue::Crawler")) == []
    for name in ("focus", "cur"):
        given = tables(on)[name]
        assert given["PartitionKeys"] == [{"Name": "billing_period", "Type": "string"}]
        parameters = given["Parameters"]
        location = f"s3://<{bucket_name(on)}>/exports/ladder-fixture-{name}/data/"
        template = flat(parameters["storage.location.template"])
        assert template == f"{location}BILLING_PERIOD=${{billing_period}}/"
        assert flat(given["StorageDescriptor"]["Location"]) == location
        assert projection(given) == months("billing_period")


def test_the_fact_table_is_a_table_too(on: Templates) -> None:
    table = tables(on)["charges"]
    assert projection(table) == {
        **months("period"),
        "projection.source.type": "enum",
        "projection.source.values": "billed-ce,billed-export",
    }
    assert [key["Name"] for key in table["PartitionKeys"]] == ["source", "period"]
    storage = table["StorageDescriptor"]
    columns = {column["Name"]: column["Type"] for column in storage["Columns"]}
    # Amounts are text, which a query casts; what is a partition is not a column.
    assert columns == {name: kind for name, kind in fact_table.COLUMNS.items() if name != "source"}
    assert {kind for name, kind in columns.items() if name in fact_table.AMOUNTS} == {"string"}
    assert storage["SerdeInfo"] == {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}
    location = flat(storage["Location"])
    assert location.startswith("s3://<")
    # Athena looks for a partition in <location>source=<source>/period=<period>/.
    assert "storage.location.template" not in table["Parameters"]
    folder = f"{location.partition('>/')[2]}source=billed-ce/period=2026-11/"
    assert keys.charges("fixture", "billed-ce", "2026-11").startswith(folder)


def test_columns_of_a_table_are_those_of_its_export(on: Templates) -> None:
    for table, columns in (("focus", FOCUS), ("cur", CUR)):
        given = tables(on)[table]
        found = [(column["Name"], column["Type"]) for column in given["StorageDescriptor"]["Columns"]]
        assert found == [(name.lower(), kind) for name, kind in columns]
        assert "billing_period" not in dict(found)
    types = {name.lower(): kind for name, kind in FOCUS}
    assert (types["tags"], types["billedcost"]) == ("map<string,string>", "double")


def bucket_name(templates: Templates) -> str:
    ((name, _),) = [r for r in templates.resources("AWS::S3::Bucket") if r[0].startswith("exports/")]
    return name.split("/")[1]


def test_queries_are_limited_and_leave_with_the_results(on: Templates, synth: SYNTH) -> None:
    group = only(on, "AWS::Athena::WorkGroup")["Properties"]
    configuration = group["WorkGroupConfiguration"]
    assert (group["Name"], group["RecursiveDeleteOption"]) == ("ladder-fixture", True)
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["EngineVersion"] == {"SelectedEngineVersion": "Athena engine version 3"}
    assert configuration["BytesScannedCutoffPerQuery"] == 1024**3
    results = configuration["ResultConfiguration"]
    assert results["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    assert flat(results["OutputLocation"]).startswith("s3://<")
    assert flat(results["OutputLocation"]).endswith(">/athena/")
    ((_, bucket),) = [r for r in on.resources("AWS::S3::Bucket") if r[0].startswith("foundation/")]
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    kept = {(rule.get("Prefix"), rule.get("ExpirationInDays")) for rule in rules}
    assert kept >= {("athena/", 30), ("reports/fixture/cache/", 1)}
    limit = only(synth(**CHANGED), "AWS::Athena::WorkGroup")["Properties"]["WorkGroupConfiguration"][
        "BytesScannedCutoffPerQuery"
    ]
    # Athena's least.
    assert limit >= 10_000_000


def sync(templates: Templates) -> dict[str, Any]:
    functions = [f for f in templates.resources("AWS::Lambda::Function") if "/SyncFunction" in f[0]]
    ((_, function),) = functions
    properties: dict[str, Any] = function["Properties"]
    return properties


def test_the_function_has_room_its_layer_and_the_names(on: Templates) -> None:
    function = sync(on)
    assert function["Handler"] == "lambdas.export_sync.handler.sync"
    assert (function["MemorySize"], function["EphemeralStorage"]) == (512, {"Size": 10240})
    assert len(function["Layers"]) == 1
    variables = function["Environment"]["Variables"]
    assert set(variables) == {"BUCKET", "EXPERIMENT", "APPROACH", "EXPORT_BUCKET", "EXPORT_PREFIX"}
    assert variables["EXPORT_BUCKET"] == {"Ref": bucket_name(on)}
    assert variables["EXPORT_PREFIX"] == "exports"


def test_the_function_reads_exports_and_writes_what_they_say_only(on: Templates) -> None:
    own = [(action, resource) for name, action, resource in granted(on) if "exports/SyncRole" in name]
    touching = {(action, resource) for action, resource in own if f"<{bucket_name(on)}.Arn>" in resource}
    assert touching == {
        ("s3:GetObject", f"<{bucket_name(on)}.Arn>/exports/*"),
        ("s3:ListBucket", f"<{bucket_name(on)}.Arn>"),
    }
    results = {(action, resource) for action, resource in own if action.startswith("s3:")} - touching
    ((bucket,),) = {tuple(r for a, r in results if a == "s3:ListBucket")}
    facts = f"{bucket}/reports/fixture/facts/charges/source=billed-export/*"
    assert fnmatch(f"{bucket}/{keys.charges('fixture', 'billed-export', '2026-11')}", facts)
    assert results == {
        ("s3:ListBucket", bucket),
        ("s3:AbortMultipartUpload", facts),
        ("s3:GetObject", facts),
        ("s3:PutObject", facts),
    }
    listings = [s["Condition"] for name, s in statements(on) if "exports/SyncRole" in name and "Condition" in s]
    assert [c["StringLike"]["s3:prefix"] for c in listings] == [
        ["exports/*"],
        ["reports/fixture/facts/charges/source=billed-export/*"],
    ]
    # To the queue goes the call that failed each time it was tried.
    assert {action.split(":")[0] for action, _ in own} == {"logs", "s3", "sqs"}
    assert {action for action, _ in own if action.startswith("sqs:")} <= SENDING


def test_layers_which_take_no_tags_are_named_for_the_experiment(on: Templates) -> None:
    names = [r["Properties"]["LayerName"] for _, r in on.resources("AWS::Lambda::LayerVersion")]
    assert "ladder-fixture-exports-exports" in names
    assert len(set(names)) == len(names)
    assert all(name.startswith("ladder-fixture-") for name in names)


def test_it_runs_an_hour_before_the_report(on: Templates, synth: SYNTH) -> None:
    schedules = {name.split("/")[0]: r["Properties"] for name, r in on.resources("AWS::Scheduler::Schedule")}
    del schedules["guard"]
    assert {name: s["ScheduleExpression"] for name, s in schedules.items()} == {
        "exports": "cron(30 5 * * ? *)",
        "reporting": "cron(30 6 * * ? *)",
    }
    assert {s["ScheduleExpressionTimezone"] for s in schedules.values()} == {"Etc/UTC"}
    for name, schedule in schedules.items():
        target = schedule["Target"]
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 21600, "MaximumRetryAttempts": 3}
        # The same event each time.
        assert target["Input"] == "{}"
        queue = target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
        assert queue in on.by_concern[name]["Resources"]
        alarms = [
            json.dumps(r)
            for n, r in on.resources("AWS::CloudWatch::Alarm")
            if n.startswith(f"{name}/") and "LettersAlarm" in n
        ]
        assert [queue in text for text in alarms] == [True]
    switched = {n.split("/")[0]: r["Properties"] for n, r in synth(**CHANGED).resources("AWS::Scheduler::Schedule")}
    # The guard watches whether or not there are reports.
    assert {name: s["State"] for name, s in switched.items()} == {
        "guard": "ENABLED",
        "exports": "DISABLED",
        "reporting": "DISABLED",
    }


def test_outputs_name_what_the_command_line_needs(on: Templates) -> None:
    assert set(on.by_concern["exports"]["Outputs"]) == {"ExportBucketName", "AthenaWorkgroup", "GlueDatabase"}
    assert on.by_concern["exports"]["Outputs"]["GlueDatabase"]["Value"] == "ladder_fixture"
    assert as_list(on.by_concern["exports"]["Outputs"]["AthenaWorkgroup"]["Value"]) == ["ladder-fixture"]
