"""`ladder export query` and `sync`: the same report from files, objects or Athena; one-line errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from cost_reports.render import csv_file as csv_text
from cost_reports.spend_report.report import SpendReport, spend_from_json
from ladder.billing import export_files, exported_spend
from ladder.errors import LadderError
from ladder.experiment import folder
from lambdas.export_sync.logic import Exports
from tests.unit.billing_exports.athena_fake import AthenaFake
from tests.unit.billing_exports.export_files import LINES, Line, cell, csv_file, focus, parquet, shifted
from tests.unit.billing_exports.test_export_athena import fake
from tests.unit.ladder.commands.command_line import run
from tests.unit.ladder.conftest import HANDBOOK
from tests.unit.lambdas.fact_rows import row

OCTOBER = ["--since", "2026-10-01", "--until", "2026-11-01"]
DELIVERED = "delivered"
FETCHED = export_files.HOME / "handbook"
NAMED = "ladder-handbook-focus/data/BILLING_PERIOD=2026-10/{}.parquet"
METERED = row(
    day="2026-10-05",
    amount="0.35",
    account=None,
    variant="-rag",
    service_code="AmazonBedrock",
    service="Amazon Bedrock",
    usage_type="USE1-NovaMicro-input-tokens",
    unit="tokens",
    quantity=Decimal(10_000),
    source="metered",
    estimated=False,
    cut="whole",
)
LOAD_ONCE = cache(folder.load)
query = partial(run, "export", "query", "-e", HANDBOOK, *OCTOBER)
sync = partial(run, "export", "sync", "-e", HANDBOOK)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folder, "load", LOAD_ONCE)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(exported_spend, "stack_output", lambda *_: DELIVERED)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=DELIVERED)
        yield client


def deliver(s3: Any, *names: str) -> None:
    path = parquet(Path("delivery.parquet"), focus(LINES))
    for name in names:
        s3.put_object(Bucket=DELIVERED, Key=f"exports/{NAMED.format(name)}", Body=path.read_bytes())


def report_in(name: str) -> SpendReport:
    return spend_from_json(json.loads(Path(name).read_text(encoding="utf-8")))


def test_a_report_from_a_folder(tmp_path: Path) -> None:
    parquet(tmp_path / "export" / "a.parquet", focus(LINES))
    out = query("--from", "export", "--json", "r.json", "--csv", "c.csv", "--html", "r.html", "--markdown", "r.md")
    report = report_in("r.json")
    assert str(report.total_billed_usd) == "12.5500000013"
    assert report.header.source == "billed-export"
    assert {a.approach: a.billed_usd for a in report.approaches if a.billed_usd} == {
        "prompting": Decimal("0.0000000013"),
        "rag": Decimal("8.3"),
        "fine-tuning": Decimal("4.25"),
    }
    assert "Read from FOCUS 1.2 files." in report.notes
    assert report.untagged is not None
    assert str(report.untagged.usd) == "48"
    assert "handbook: $12.55 billed" in " ".join(out.split())
    assert Path("r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "billed-export" in Path("c.csv").read_text(encoding="utf-8")
    assert not list((tmp_path / "export").glob("*rollup*")), "nothing is written beside the export"


def test_what_was_metered_and_estimated_is_compared_where_a_file_gives_it(tmp_path: Path) -> None:
    parquet(tmp_path / "export" / "a.parquet", focus([Line(cost="0.5", tags=cell("rag"), quantity="10")]))
    rows = [METERED, replace(METERED, source="billed-ce", cut="service")]
    Path("charges.csv").write_text(csv_text.render(rows), encoding="utf-8", newline="")
    assert export_files.read_charges(Path("charges.csv")) == [METERED]
    query("--from", "export", "--charges", "charges.csv", "--json", "r.json")
    report = report_in("r.json")
    assert str(report.total_metered_usd) == "0.35"
    assert report.against_metered is not None
    assert str(report.against_metered.price_usd) == "0.15"
    assert report.total_estimated_usd is None, "the file has no estimate"


@pytest.mark.parametrize("day", [None, "2026-09-30", "2026-11-01"])
def test_without_charges_of_the_days_what_was_metered_and_estimated_is_not_known(
    day: str | None, tmp_path: Path
) -> None:
    parquet(tmp_path / "export" / "a.parquet", focus([Line(cost="0.5", tags=cell("rag"))]))
    options = []
    if day is not None:
        text = csv_text.render([replace(METERED, day=day), replace(METERED, day=day, source="estimated")])
        Path("charges.csv").write_text(text, encoding="utf-8", newline="")
        options = ["--charges", "charges.csv"]
    out = " ".join(query("--from", "export", *options, "--json", "r.json").split())
    report = report_in("r.json")
    assert (report.total_metered_usd, report.total_estimated_usd, report.against_metered) == (None, None, None)
    assert "metered not known and estimated not known" in out
    assert "To compare with what was metered and estimated, give --charges" in out
    assert "(complete)" not in out
    assert "All metered usage" not in out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("day,service\r\n2026-10-01,x\r\n", "charges.csv: cannot be read: line 2: field 'billing_period' is missing"),
        (None, "charges.csv: cannot be read"),
    ],
)
def test_wrong_charges_are_named(text: str | None, message: str, tmp_path: Path) -> None:
    parquet(tmp_path / "export" / "a.parquet", focus(LINES))
    if text is not None:
        Path("charges.csv").write_text(text, encoding="utf-8")
    query("--from", "export", "--charges", "charges.csv", fails=message)


def test_errors_of_files_are_errors_of_the_command(tmp_path: Path) -> None:
    query("--from", "nowhere", fails="nowhere: no such folder")
    csv_file(tmp_path / "export" / "a.csv", focus([Line(cost="1", currency="EUR"), Line(cost="1")]))
    query("--from", "export", fails="in 2 currencies, EUR and USD")
    query(fails="nothing was fetched; run `ladder export sync`")
    query("--from", "export", "--until", "2026-10-01", fails="--until 2026-10-01 is not after --since 2026-10-01")
    query("--from", "export", "--engine", "athena", fails="--from names files, which Athena does not read")


def test_sync_fetches_what_is_new_and_query_reads_it(s3: Any) -> None:
    deliver(s3, "a")
    out = sync()
    assert f"fetched {NAMED.format('a')}" in out
    assert "FOCUS 1.2: 1 new files, 0 unchanged; months changed: 2026-10, unchanged: none" in out
    out = sync()
    assert "0 new files, 1 unchanged; months changed: none, unchanged: 2026-10" in out
    query("--json", "r.json")
    assert str(report_in("r.json").total_billed_usd) == "12.5500000013"


def test_sync_removes_what_aws_took_out_of_a_month_and_keeps_other_months(s3: Any) -> None:
    deliver(s3, "a", "b")
    sync()
    s3.delete_object(Bucket=DELIVERED, Key=f"exports/{NAMED.format('b')}")
    out = sync()
    assert f"removed {NAMED.format('b')}" in out
    assert "months changed: 2026-10" in out
    s3.delete_object(Bucket=DELIVERED, Key=f"exports/{NAMED.format('a')}")
    november = parquet(Path("n.parquet"), focus(shifted(LINES, period="2026-11", time="2026-11-02 00:00:00")))
    key = f"exports/{NAMED.format('a').replace('2026-10', '2026-11')}"
    s3.put_object(Bucket=DELIVERED, Key=key, Body=november.read_bytes())
    assert "months changed: 2026-11, unchanged: 2026-10" in sync()


def test_a_sync_that_was_killed_half_way_goes_on_where_it_was(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(s3, "a", "b", "c")

    fetch, done = Exports.fetch, []

    def killed_at_the_second(self: Exports, file: Any) -> None:
        if done:
            raise KeyboardInterrupt
        done.append(file.name)
        fetch(self, file)

    place = Exports(s3, DELIVERED, "exports")
    with monkeypatch.context() as patch:
        patch.setattr(Exports, "fetch", killed_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            export_files.fetch(place, FETCHED)
    second = export_files.fetch(place, FETCHED)
    assert (len(second.new), second.unchanged) == (2, 1)
    assert export_files.fetch(place, FETCHED).new == ()


def test_nothing_delivered_yet_is_said(s3: Any) -> None:
    assert "AWS has delivered nothing yet" in sync()


def test_objects_of_any_bucket_can_be_read(s3: Any) -> None:
    deliver(s3, "a")
    query("--from", f"s3://{DELIVERED}/exports", "--json", "r.json")
    assert str(report_in("r.json").total_billed_usd) == "12.5500000013"


def test_a_bill_fetched_from_an_embedded_aws_is_called_simulated(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(s3, "a")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    export_files.fetch(Exports(s3, DELIVERED, "exports"), FETCHED)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert "SIMULATED BILL" in query()
    assert "SIMULATED BILL" in query("--from", FETCHED / "ladder-handbook-focus")
    sync(fails="holds simulated files fetched from s3://delivered/exports/, not from s3://")


def test_files_of_an_embedded_aws_that_were_copied_by_hand_are_called_simulated(tmp_path: Path) -> None:
    marked = {**focus(LINES), "BillingAccountName": ["SIMULATED (embedded AWS)" for _ in LINES]}
    parquet(tmp_path / "export" / "a.parquet", marked)
    assert "SIMULATED BILL" in query("--from", "export")


def test_files_of_another_bucket_are_not_added_to_those_that_are_there(s3: Any) -> None:
    """Months that are no longer delivered stay, so those of another account would be part of the bill."""
    deliver(s3, "a")
    sync()
    s3.create_bucket(Bucket="other")
    with pytest.raises(LadderError, match="files fetched from s3://delivered/exports/, not from s3://other/exports/;"):
        export_files.fetch(Exports(s3, "other", "exports"), FETCHED)


@pytest.mark.parametrize("source", ["s3://", "s3://../x", "s3://bucket/../../x"])
def test_a_place_that_is_none_is_refused(source: str, s3: Any) -> None:
    query("--from", source, fails="no place in S3; give s3://BUCKET or s3://BUCKET/PREFIX")
    assert not export_files.HOME.exists()


def test_athena_gives_the_same_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path / "export" / "a.parquet", focus(LINES))
    client = fake(path)

    class Session:
        def client(self, name: str) -> AthenaFake:
            assert name == "athena"
            return client

    monkeypatch.setattr(boto3, "Session", Session)
    client.running = 0
    options = ["--workgroup", "ladder-handbook", "--database", "ladder_handbook"]
    query("--engine", "athena", *options, "--json", "athena.json")
    query("--from", "export", "--json", "duckdb.json")
    there, here = report_in("athena.json"), report_in("duckdb.json")
    assert any("25,000,000 bytes scanned" in note for note in there.notes)
    same = {"notes": (), "header": here.header}
    assert replace(there, **same) == replace(here, **same)
