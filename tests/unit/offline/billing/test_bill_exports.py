"""Data Exports: what is refused, and files that say the bill to the last digit."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from bill_bench import POLICY, Bench, ask, refused, usage

from billing_exports import charges, duckdb_engine, rollups
from billing_exports.query import ReportScope
from billing_exports.sources import local_files
from contracts import export_columns
from cost_reports.metering.charges import charge_rows, exact_sum, sum_by, total
from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.records import Window
from offline.billing.data_exports.tables import CUR, FOCUS, TABLES

TAGS = [{"Key": "cost-cell", "Value": "handbook/shared"}]
OUTPUT = {"OutputType": "CUSTOM", "Format": "PARQUET", "Compression": "PARQUET", "Overwrite": "OVERWRITE_REPORT"}
#: Name of an export -> its table, and the columns that the product asks it for.
KINDS = {"focus": (FOCUS, export_columns.FOCUS), "cur": (CUR, export_columns.CUR)}
SWITCHES = {"INCLUDE_RESOURCES": "TRUE", "INCLUDE_IAM_PRINCIPAL_DATA": "TRUE"}
CONFIGURATION = {
    "focus": {FOCUS: {"TIME_GRANULARITY": "DAILY"}},
    "cur": {CUR: {"TIME_GRANULARITY": "DAILY", **SWITCHES}},
}
COSTS = {"focus": "BilledCost", "cur": "line_item_unblended_cost"}
DATA = "exports/{0}/data/BILLING_PERIOD={1}/{0}-00001.snappy.parquet"
#: (text in a statement, what takes its place)
Change = tuple[str, str]


@pytest.fixture
def exporting(billed: Bench) -> Bench:
    """The run's bill, a bucket that lets exports in, and the exports that the product deploys."""
    billed.s3.buckets["exports"] = {}
    billed.s3.policies["exports"] = POLICY
    billed.control(now="2026-11-20T12:00:00Z")
    for name in KINDS:
        billed.exports.create_export(Export=export(name), ResourceTags=TAGS)
    return billed


def export(name: str = "focus", *, bucket: str = "exports", query: str | None = None, **output: str) -> dict[str, Any]:
    table, columns = KINDS[name]
    statement = query or f"SELECT {', '.join(column for column, _ in columns)} FROM {table}"
    destination = {
        "S3Bucket": bucket,
        "S3Prefix": "exports",
        "S3Region": "us-east-1",
        "S3OutputConfigurations": {**OUTPUT, **output},
    }
    return {
        "Name": name,
        "DataQuery": {"QueryStatement": statement, "TableConfigurations": CONFIGURATION[name]},
        "DestinationConfigurations": {"S3Destination": destination},
        "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
    }


@pytest.fixture
def read(exporting: Bench, tmp_path: Path) -> Callable[..., list[tuple[Any, ...]]]:
    """Reads columns of a delivered month."""

    def read(name: str, columns: str, month: str = "2026-11") -> list[tuple[Any, ...]]:
        path = tmp_path / "export.parquet"
        path.write_bytes(exporting.s3.read("exports", DATA.format(name, month)))
        with duckdb.connect() as connection:
            found: list[tuple[Any, ...]] = connection.execute(f"SELECT {columns} FROM '{path}'").fetchall()
            return found

    return read


Read = Callable[..., list[tuple[Any, ...]]]


@pytest.mark.parametrize("name", ["focus", "cur"])
def test_the_file_is_the_bill_to_the_last_digit(exporting: Bench, read: Read, name: str) -> None:
    odd = {"day": "2026-11-20", "service": "AWS Lambda", "usd": "123.456789012345"}
    credit = {"day": "2026-11-20", "service": "Amazon Bedrock", "record_type": "Credit", "usd": "-0.000000000001"}
    delivered = exporting.control(rows=[odd, credit], advance_hours=72)["delivered"]
    assert delivered == [{"name": name, "months": ["2026-11"], "error": None} for name in KINDS]
    rows = [row for approach in ("prompting", "rag", "shared") for row in usage(approach)]
    exact = exact_sum([total(charge_rows(Catalogue.load(), rows)), Decimal(odd["usd"]), Decimal(credit["usd"])])
    assert read(name, f"sum(CAST({COSTS[name]} AS DECIMAL(38, 12)))") == [(exact,)]
    answer = exporting.ce.get_cost_and_usage(**ask())["ResultsByTime"][0]["Total"]["UnblendedCost"]["Amount"]
    assert Decimal(answer) == exact.quantize(Decimal("1e-10"))


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("focus", ("BillingAccountName", "SubAccountName")),
        ("cur", ("bill_payer_account_name", "line_item_usage_account_name")),
    ],
)
def test_every_line_says_that_it_is_simulated(
    exporting: Bench, read: Read, name: str, columns: tuple[str, str]
) -> None:
    exporting.control(advance_hours=72)
    assert set(read(name, ", ".join(columns))) == {("SIMULATED (embedded AWS)",) * 2}


@pytest.mark.parametrize("name", ["focus", "cur"])
def test_the_file_has_the_tables_columns_with_their_types(exporting: Bench, read: Read, name: str) -> None:
    exporting.control(advance_hours=72)
    names = {"string": "VARCHAR", "double": "DOUBLE", "timestamp": "TIMESTAMP_MS"}
    maps = {"map<string,string>": "MAP(VARCHAR, VARCHAR)", "map<string,double>": "MAP(VARCHAR, DOUBLE)"}
    table, wanted = KINDS[name]
    for column, kind in wanted:
        assert TABLES[table].columns[column] == {**names, **maps}[kind]
    (row,) = read(name, ", ".join(f'typeof("{column}")' for column, _ in wanted))[:1]
    found = dict(zip([column for column, _ in wanted], row, strict=True))
    # DuckDB reads milliseconds as its own timestamps.
    assert found == {column: {**names, **maps}[kind].removesuffix("_MS") for column, kind in wanted}


def test_focus_names_services_tags_and_quantities(exporting: Bench, read: Read) -> None:
    exporting.control(
        rows=[{"day": "2026-11-20", "service": "AWS Lambda", "record_type": "Refund", "usd": "-1"}], advance_hours=72
    )
    rows = read(
        "focus", "ServiceName, x_ServiceCode, SkuMeter, ConsumedQuantity, ConsumedUnit, Tags, InvoiceId, ChargeCategory"
    )
    found = {(row[0], row[2]): row for row in rows}
    marketplace = found["Claude Haiku 5.5 (Amazon Bedrock Edition)", "USE1-MP:USE1_output_tokens_standard-Units"]
    assert marketplace[1] == "AmazonBedrockFoundationModels"
    assert marketplace[3:5] == (0.000321, "1M tokens")
    assert marketplace[5] == {
        "project": "fm-cost-ladder",
        "experiment": "handbook",
        "approach": "rag",
        "cost-cell": "handbook/rag",
        "owner": "team-a",
    }
    assert {row[6] for row in rows} == {None}
    assert found["AWS Lambda", None][5:] == ({}, None, "Credit")
    assert ("Correction",) in read("focus", "ChargeClass")


def test_cur_has_its_own_spelling_of_tags_and_the_role(exporting: Bench, read: Read) -> None:
    exporting.control(tags={"iamPrincipal/cost-cell": "active"}, advance_hours=72)
    rows = read("cur", "product['product_name'], line_item_iam_principal, resource_tags, tags")
    bedrock = next(row for row in rows if row[0] == "Amazon Bedrock" and row[2]["user_cost_cell"] == "handbook/rag")
    assert bedrock[1] == "arn:aws:iam::123456789012:role/handbook-rag"
    assert bedrock[3]["resourceTags/cost-cell"] == bedrock[3]["iamPrincipal/cost-cell"] == "handbook/rag"
    assert {row[1] for row in rows if row[0] == "AWS Lambda"} == {None}


def test_keys_that_are_not_active_are_not_in_the_file(exporting: Bench, read: Read) -> None:
    exporting.control(tags="inactive", advance_hours=72)
    assert {len(row[0]) for row in read("focus", "Tags")} == {0}


@pytest.mark.parametrize("name", ["focus", "cur"])
def test_the_products_own_reader_takes_the_file(exporting: Bench, tmp_path: Path, name: str) -> None:
    exporting.control(advance_hours=72)
    path = tmp_path / "files" / DATA.format(name, "2026-11")
    path.parent.mkdir(parents=True)
    path.write_bytes(exporting.s3.read("exports", DATA.format(name, "2026-11")))
    connection = duckdb_engine.connect(tmp_path)
    try:
        found = rollups.update(connection, local_files(tmp_path / "files"), tmp_path / "rollups")
        november = Window(start=date(2026, 11, 1), end=date(2026, 12, 1))
        rows = duckdb_engine.report_rows(connection, found.paths, ReportScope(experiment="handbook", window=november))
    finally:
        connection.close()
    read = charges.charge_rows(rows, Catalogue.load(), today=date(2026, 11, 23))
    metered = [row for approach in ("prompting", "rag", "shared") for row in usage(approach)]
    wanted = sum_by(
        charge_rows(Catalogue.load(), metered), lambda row: (row.experiment, row.approach, row.service_code)
    )
    assert sum_by(read, lambda row: (row.experiment, row.approach, row.service_code)) == wanted


def test_the_month_is_written_whole_again(exporting: Bench, read: Read) -> None:
    exporting.control(advance_hours=48)
    first = read("focus", "count(*), max(x_ServiceCode) FILTER (x_ServiceCode = 'AmazonStates')")
    exporting.control(advance_hours=24)
    second = read("focus", "count(*), max(x_ServiceCode) FILTER (x_ServiceCode = 'AmazonStates')")
    assert (first, second) == ([(11, None)], [(13, "AmazonStates")])
    files = [key for key in exporting.s3.buckets["exports"] if "/focus/" in key]
    manifest = "exports/focus/metadata/BILLING_PERIOD=2026-11/focus-Manifest.json"
    assert sorted(files) == [DATA.format("focus", "2026-11"), manifest]
    document = json.loads(exporting.s3.read("exports", manifest))
    assert document["dataFiles"] == [f"s3://exports/{DATA.format('focus', '2026-11')}"]
    assert document["columns"][0] == {"name": "AvailabilityZone", "type": "VARCHAR"}


def test_months_have_their_own_files_and_invoices_when_closed(exporting: Bench, read: Read) -> None:
    row = {"day": "2026-12-01", "service": "AWS Lambda", "usd": "1"}
    exporting.control(now="2026-12-05T00:00:00Z", rows=[row])
    assert {row[0] for row in read("focus", "InvoiceId", "2026-11")} == {None}
    exporting.control(now="2026-12-06T00:00:00Z")
    assert {row[0] for row in read("focus", "InvoiceId", "2026-11")} == {"2026119012"}
    assert {row[0] for row in read("focus", "InvoiceId", "2026-12")} == {None}
    exporting.control(clear_rows=True, deliver=True)
    assert read("focus", "count(*)", "2026-12") == [(0,)]


def test_an_export_that_keeps_every_delivery(exporting: Bench) -> None:
    kept = {**export("focus", Overwrite="CREATE_NEW_REPORT"), "Name": "kept"}
    exporting.exports.create_export(Export=kept)
    exporting.control(advance_hours=48)
    exporting.control(advance_hours=1)
    files = [key for key in exporting.s3.buckets["exports"] if key.startswith("exports/kept/data/")]
    assert len(files) == 2
    assert files[0].startswith("exports/kept/data/BILLING_PERIOD=2026-11/20261122T120000Z-")


def test_a_bucket_that_is_gone_makes_its_export_unhealthy(exporting: Bench) -> None:
    del exporting.s3.buckets["exports"]
    delivered = exporting.control(advance_hours=72)["delivered"]
    assert all("NoSuchBucket" in found["error"] for found in delivered)
    listed = exporting.exports.list_exports()["Exports"]
    assert {entry["ExportStatus"]["StatusCode"] for entry in listed} == {"UNHEALTHY"}
    exporting.s3.buckets["exports"] = {}
    assert exporting.control(deliver=True)["delivered"][0]["error"] is None
    status = exporting.exports.get_export(ExportArn=listed[0]["ExportArn"])["ExportStatus"]
    assert (status["StatusCode"], status["LastRefreshedAt"].isoformat()) == ("HEALTHY", "2026-11-23T12:00:00+00:00")


def test_exports_are_kept_tagged_changed_and_deleted(exporting: Bench) -> None:
    exporting.restart()
    client = exporting.exports
    first = client.list_exports(MaxResults=1)
    rest = client.list_exports(MaxResults=1, NextToken=first["NextToken"])
    assert [e["ExportName"] for e in (*first["Exports"], *rest["Exports"])] == ["focus", "cur"]
    arn = first["Exports"][0]["ExportArn"]
    assert client.list_tags_for_resource(ResourceArn=arn)["ResourceTags"] == TAGS
    client.tag_resource(ResourceArn=arn, ResourceTags=[{"Key": "a", "Value": "b"}])
    client.untag_resource(ResourceArn=arn, ResourceTagKeys=["cost-cell"])
    assert client.list_tags_for_resource(ResourceArn=arn)["ResourceTags"] == [{"Key": "a", "Value": "b"}]
    changed = export(query="SELECT BilledCost AS cost FROM FOCUS_1_2_AWS")
    client.update_export(ExportArn=arn, Export=changed)
    assert client.get_export(ExportArn=arn)["Export"]["DataQuery"] == changed["DataQuery"]
    assert refused(exporting.exports.update_export, ExportArn=arn, Export={**changed, "Name": "x"})[1] == (
        "Name of an export cannot be changed"
    )
    client.delete_export(ExportArn=arn)
    for operation in ("get_export", "delete_export"):
        assert refused(getattr(exporting.exports, operation), ExportArn=arn)[0] == "ResourceNotFoundException"
    assert refused(exporting.exports.list_tags_for_resource, ResourceArn=arn)[0] == "ResourceNotFoundException"
    assert exporting.control()["exports"] == ["cur"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM FOCUS_1_2_AWS", "'*' is not a column of FOCUS_1_2_AWS; name each column"),
        ("SELECT BilledCosts FROM FOCUS_1_2_AWS", "FOCUS_1_2_AWS has no column BilledCosts"),
        ("SELECT sum(BilledCost) FROM FOCUS_1_2_AWS", "is not a column of"),
        ("SELECT BilledCost, BilledCost FROM FOCUS_1_2_AWS", "a column is repeated"),
        ("SELECT BilledCost FROM FOCUS", "unknown table FOCUS; use one of"),
        ("BilledCost", "expected a statement SELECT <columns> FROM <table>"),
        ("SELECT line_item_unblended_cost FROM COST_AND_USAGE_REPORT", "the query does not read FOCUS_1_2_AWS"),
    ],
)
def test_bad_queries(exporting: Bench, query: str, message: str) -> None:
    code, said = refused(exporting.exports.create_export, Export={**export(query=query), "Name": "other"})
    assert code == "ValidationException"
    assert message in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("TRUE", "FALSE"), "line_item_iam_principal needs the table configuration INCLUDE_IAM_PRINCIPAL_DATA"),
        (("DAILY", "HOURLY"), "TIME_GRANULARITY is HOURLY; possible here: DAILY"),
        (("INCLUDE_RESOURCES", "INCLUDE_RESOURCE"), "INCLUDE_RESOURCE is TRUE; possible here: no such property"),
    ],
)
def test_bad_configurations(exporting: Bench, change: Change, message: str) -> None:
    wrong = json.loads(json.dumps(CONFIGURATION["cur"]).replace(*change))
    made = {**export("cur"), "Name": "other"}
    made["DataQuery"]["TableConfigurations"] = wrong
    assert message in refused(exporting.exports.create_export, Export=made)[1]


def test_other_refusals(exporting: Bench) -> None:
    assert "already exists" in refused(exporting.exports.create_export, Export=export())[1]
    other = {"Name": "other"}
    assert "must let" in refused(exporting.exports.create_export, Export={**export(bucket="results"), **other})[1]
    text = export(Format="TEXT_OR_CSV", Compression="GZIP")
    assert "Format PARQUET" in refused(exporting.exports.create_export, Export={**text, **other})[1]
    assert "failed to satisfy" in refused(exporting.exports.create_export, Export={**export(), "Name": "no spaces"})[1]
    assert refused(exporting.exports.list_tables)[0] == "UnknownOperationException"
