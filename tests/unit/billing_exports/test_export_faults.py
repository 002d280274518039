"""Broken and odd files: an error that names the file, or the right sum. Nothing is half loaded."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from billing_exports import charges, duckdb_engine, rollups
from billing_exports.formats import ExportError
from billing_exports.query import ReportScope, RollupRow
from billing_exports.sources import groups_of, local_files, place_of
from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.records import Window
from tests.unit.billing_exports.export_files import (
    HOST,
    LINES,
    Line,
    cell,
    csv_file,
    cur_legacy,
    focus,
    parquet,
    rolled,
    slashed,
)

MONTH = "data/BILLING_PERIOD=2026-10"


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize("name", ["b.parquet", "b.csv", "b.csv.gz"])
def test_a_truncated_file_is_named_and_leaves_the_rollups_as_they_were(name: str, tmp_path: Path) -> None:
    source, out = tmp_path / "export", tmp_path / "out"
    write = parquet if name.endswith("parquet") else csv_file
    many = focus([Line(cost=f"0.{n}", tags=cell("rag")) for n in range(1, 400)])
    write(source / MONTH / name.replace("b.", "a."), many)
    write(source / MONTH / name, many)
    connection = duckdb_engine.connect(tmp_path)
    before = rollups.update(connection, local_files(source), out)
    content = before.paths[0].read_bytes()
    cut(source / MONTH / name)
    with pytest.raises(ExportError, match=rf"BILLING_PERIOD=2026-10/{name}: .*fetch it again") as error:
        rollups.update(connection, local_files(source), out)
    assert "\n" not in str(error.value)
    assert before.paths[0].read_bytes() == content
    assert sorted(p.name for p in out.iterdir()) == ["billing_period=2026-10.parquet", "rollup.json"]


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz"])
def test_an_empty_file_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ExportError, match=name):
        rolled(tmp_path)


def test_a_damaged_page_is_named_with_its_file(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", focus(LINES))
    broken = parquet(tmp_path / "b.parquet", focus([Line(cost=f"{n}", kind=HOST) for n in range(5000)]))
    data = bytearray(broken.read_bytes())
    data[40:2000] = b"\x5a" * 1960
    broken.write_bytes(data)
    with pytest.raises(ExportError, match=r"^b\.parquet: "):
        rolled(tmp_path)


def test_a_cost_that_is_no_number_is_named(tmp_path: Path) -> None:
    csv_file(tmp_path / "a.csv", focus(LINES))
    csv_file(tmp_path / "b.csv", focus([Line(cost="1"), Line(cost="12,50")]))
    with pytest.raises(ExportError, match=r"^b\.csv: BilledCost is not a number \(got '12,50'\)"):
        rolled(tmp_path)


def test_a_cost_that_is_not_finite_is_named(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", focus([Line(cost="1"), Line(cost="nan")]))
    with pytest.raises(ExportError, match=r"^a\.parquet: BilledCost is not a number \(got 'nan'\)"):
        rolled(tmp_path)


def test_a_time_that_is_none_is_named(tmp_path: Path) -> None:
    csv_file(tmp_path / "a.csv", slashed(cur_legacy([Line(cost="1", time="soon")])))
    with pytest.raises(ExportError, match=r"^a\.csv: lineItem/UsageStartDate is not a time \(got 'soon'\)"):
        rolled(tmp_path)


@pytest.mark.parametrize("null", ["", "NULL", "null"])
def test_a_line_without_a_cost_is_refused_whatever_spells_the_null(null: str, tmp_path: Path) -> None:
    columns = focus(LINES)
    columns["BilledCost"] = [None, *columns["BilledCost"][1:]]
    csv_file(tmp_path / "a.csv", columns, null)
    with pytest.raises(ExportError, match=r"^a\.csv: 1 lines have no BilledCost"):
        rolled(tmp_path)


@pytest.mark.parametrize("column", ["ChargePeriodStart", "BillingPeriodStart"])
def test_a_line_without_a_time_is_refused(column: str, tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", focus(LINES))
    columns = focus(LINES)
    columns[column] = [*columns[column][1:], None]
    parquet(tmp_path / "b.parquet", columns)
    with pytest.raises(ExportError, match=rf"^b\.parquet: 1 lines have no {column}"):
        rolled(tmp_path)


def test_lines_of_another_month_than_their_folder_are_refused(tmp_path: Path) -> None:
    parquet(tmp_path / MONTH / "a.parquet", focus(LINES))
    parquet(tmp_path / MONTH / "b.parquet", focus([Line(cost="1"), Line(cost="1", period="2026-11")]))
    with pytest.raises(ExportError, match=r"b\.parquet: the folder of 2026-10 holds lines of 2026-11"):
        rolled(tmp_path)


def test_several_deliveries_of_a_month_are_refused_since_they_would_add_up(tmp_path: Path) -> None:
    for delivery in ("2026-10-05-id1", "2026-10-06-id2"):
        parquet(tmp_path / MONTH / delivery / "a.parquet", focus(LINES))
    with pytest.raises(ExportError, match=r"2026-10 was delivered 2 times; keep the newest folder only"):
        groups_of(local_files(tmp_path))


def test_two_exports_of_one_format_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        parquet(tmp_path / name / MONTH / "a.parquet", focus(LINES))
    connection = duckdb_engine.connect(tmp_path)
    with pytest.raises(ExportError, match=r"^one and two are both exports of FOCUS 1\.2 and .* of 2026-10; name"):
        rollups.update(connection, local_files(tmp_path), tmp_path / "out")


def test_loose_files_beside_months_are_refused(tmp_path: Path) -> None:
    parquet(tmp_path / "BILLING_PERIOD=2026-10" / "a.parquet", focus(LINES))
    parquet(tmp_path / "a.parquet", focus(LINES))
    connection = duckdb_engine.connect(tmp_path)
    with pytest.raises(ExportError, match=r"^a\.parquet lies beside the folders of months.*: move it into"):
        rollups.update(connection, local_files(tmp_path), tmp_path / "out")


def test_a_folder_without_exports_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="nowhere: no such folder"):
        local_files(tmp_path / "nowhere")
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "f-Manifest.csv").write_text("x", encoding="utf-8")
    with pytest.raises(ExportError, match="no Parquet or CSV file"):
        local_files(tmp_path)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("exports/e-focus/data/BILLING_PERIOD=2026-10/1.parquet", ("exports/e-focus", "2026-10")),
        ("billing_period=2026-10-01/1.parquet", ("", "2026-10")),
        ("cur/20261001-20261101/report-1.csv.gz", ("cur", "2026-10")),
        ("2026-10/1.csv", ("", "2026-10")),
        ("cur/report/report/year=2026/month=9/report-00001.snappy.parquet", ("cur/report/report", "2026-09")),
        ("year=2026/1.csv", ("year=2026", None)),
        ("loose/1.csv", ("loose", None)),
    ],
)
def test_month_and_export_are_told_by_the_folders(name: str, place: tuple[str, str | None]) -> None:
    assert place_of(name) == place


def test_months_of_the_first_reports_as_parquet_are_one_export(tmp_path: Path) -> None:
    """They lie beside a file that says whether they are ready, which is no bill."""
    for month in ("9", "10"):
        lines = [Line(cost="1", period=f"2026-{month:0>2}", time=f"2026-{month:0>2}-05 00:00:00")]
        parquet(tmp_path / "e" / "report" / "report" / "year=2026" / f"month={month}" / "1.parquet", cur_legacy(lines))
    parquet(tmp_path / "e" / "report" / "cost_and_usage_data_status" / "s.parquet", {"status": ["READY"]})
    found = rollups.update(duckdb_engine.connect(tmp_path), local_files(tmp_path / "e"), tmp_path / "out")
    assert (found.format, found.changed) == ("CUR", ("2026-09", "2026-10"))


@pytest.mark.parametrize("name", ["a*", "a?", "a[b]", "it's"])
@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_a_name_that_looks_like_a_pattern_is_one_file(name: str, ending: str, tmp_path: Path) -> None:
    write = parquet if ending == ".parquet" else csv_file
    for stem, cost in ((name, "1"), ("ab", "2")):
        write(tmp_path / "[x]" / f"{stem}{ending}", focus([Line(cost=cost)]))
    write(tmp_path / "x" / f"ab{ending}", focus([Line(cost="4")]))
    assert [row[11] for row in rolled(tmp_path / "[x]")[1]] == [Decimal(3)]


def report(folder: Path, temp: Path) -> list[RollupRow]:
    connection = duckdb_engine.connect(temp)
    found = rollups.update(connection, local_files(folder), temp / "out")
    scope = ReportScope(experiment="handbook", window=Window(start=date(2026, 10, 1), end=date(2026, 11, 1)))
    return duckdb_engine.report_rows(connection, found.paths, scope)


def test_two_currencies_are_refused_by_name(tmp_path: Path) -> None:
    parquet(tmp_path / "e" / "a.parquet", focus([Line(cost="1"), Line(cost="1", currency="EUR")]))
    rows = report(tmp_path / "e", tmp_path)
    with pytest.raises(ExportError, match="in 2 currencies, EUR and USD, which cannot be added"):
        charges.charge_rows(rows, Catalogue.load(), today=date(2026, 11, 2))


def test_a_bill_in_another_currency_is_refused(tmp_path: Path) -> None:
    parquet(tmp_path / "e" / "a.parquet", focus([Line(cost="1", currency="EUR")]))
    with pytest.raises(ExportError, match="the export is in EUR; reports are in USD only"):
        charges.charge_rows(report(tmp_path / "e", tmp_path), Catalogue.load(), today=date(2026, 11, 2))


def test_rounded_costs_are_taken_as_they_are_and_said(tmp_path: Path) -> None:
    lines = [Line(cost="0.13", tags=cell("rag")), Line(cost="0.02", tags=cell("rag"))]
    parquet(tmp_path / "e" / "a.parquet", focus(lines))
    rows = report(tmp_path / "e", tmp_path)
    (charge,) = charges.charge_rows(rows, Catalogue.load(), today=date(2026, 11, 2))
    assert charge.amount_usd == Decimal("0.15")
    assert "more than 2 decimals" in charges.notes([charge])[0]


def test_exact_costs_have_no_note(tmp_path: Path) -> None:
    parquet(tmp_path / "e" / "a.parquet", focus(LINES))
    rows = charges.charge_rows(report(tmp_path / "e", tmp_path), Catalogue.load(), today=date(2026, 11, 2))
    assert charges.notes(rows) == ()
