"""Rows of rollups as charges: names, units, models, days that are final, other experiments."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from billing_exports import charges, duckdb_engine, rollups
from billing_exports.query import ReportScope
from billing_exports.sources import local_files
from contracts.money import ChargeRow
from cost_reports.metering.charges import total
from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.records import Window
from tests.unit.billing_exports.export_files import HOST, LINES, Line, cell, cur_2_0, focus, parquet

OCTOBER = Window(start=date(2026, 10, 1), end=date(2026, 11, 1))
CLAUDE = (
    "Claude Haiku 5.5 (Amazon Bedrock Edition)",
    "c7d2x9k1",
    "USE1-MP:USE1_input_tokens_standard-Units",
    "Units",
)


def charged(
    columns: dict[str, list[object]], folder: Path, *, today: date = date(2026, 11, 2), window: Window = OCTOBER
) -> list[ChargeRow]:
    parquet(folder / "e" / "a.parquet", columns)
    connection = duckdb_engine.connect(folder)
    found = rollups.update(connection, local_files(folder / "e"), folder / "out")
    rows = duckdb_engine.report_rows(connection, found.paths, ReportScope(experiment="handbook", window=window))
    return charges.charge_rows(rows, Catalogue.load(), today=today)


def test_charges_carry_our_names_and_the_cut_whole(tmp_path: Path) -> None:
    rows = charged(focus(LINES), tmp_path)
    (tuned,) = (row for row in rows if row.approach == "fine-tuning")
    assert tuned == ChargeRow(
        day="2026-10-05",
        billing_period="2026-10",
        account="111122223333",
        experiment="handbook",
        approach="fine-tuning",
        variant=None,
        service_code="AmazonSageMaker",
        service="Amazon SageMaker",
        usage_type="USE1-Host:ml.g5.xlarge",
        model=None,
        charge_category="Usage",
        unit="instance-hour",
        quantity=Decimal("1.7"),
        amount_usd=Decimal("4.25"),
        effective_usd=Decimal("4.25"),
        list_usd=Decimal("4.25"),
        source="billed-export",
        estimated=True,
        as_of="2026-11-02",
        cut="whole",
    )
    assert total(rows) == Decimal("64.0750000013")
    assert charges.through(rows) == date(2026, 10, 6)


def test_other_experiments_are_sums_and_untagged_lines_are_not(tmp_path: Path) -> None:
    rows = charged(focus(LINES), tmp_path)
    (other,) = (row for row in rows if row.experiment == "other experiments")
    assert (other.service, other.approach, other.usage_type, other.quantity) == ("other experiments", None, None, None)
    assert other.amount_usd == Decimal("4.125")
    untagged = {row.service for row in rows if row.experiment is None}
    assert untagged == {"Amazon Bedrock", "Amazon SageMaker"}


def test_only_days_of_the_window_are_read(tmp_path: Path) -> None:
    window = Window(start=date(2026, 10, 6), end=date(2026, 10, 7))
    assert {row.day for row in charged(focus(LINES), tmp_path, window=window)} == {"2026-10-06"}


@pytest.mark.parametrize(("today", "estimated"), [(date(2026, 11, 14), True), (date(2026, 11, 15), False)])
def test_a_month_is_final_in_the_middle_of_the_next(today: date, estimated: bool, tmp_path: Path) -> None:
    assert {row.estimated for row in charged(focus(LINES), tmp_path, today=today)} == {estimated}


def test_a_line_with_an_invoice_is_final(tmp_path: Path) -> None:
    columns = focus(LINES[:1])
    columns["InvoiceId"] = ["INV-1"]
    assert [row.estimated for row in charged(columns, tmp_path)] == [False]


def test_december_closes_in_january() -> None:
    assert charges.closes_on("2026-12") == date(2027, 1, 15)


def test_a_marketplace_model_is_bedrock_under_its_own_name(tmp_path: Path) -> None:
    (row,) = charged(focus([Line(cost="1", kind=CLAUDE, tags=cell("rag"))]), tmp_path)
    assert (row.service_code, row.model) == ("AmazonBedrockFoundationModels", "Claude Haiku 5.5")


@pytest.mark.parametrize(
    ("usage_type", "model"),
    [
        ("USE1-NovaMicro-input-tokens", "NovaMicro"),
        ("EUW2-Nova2.0Lite-cache-read-input-token-count", "Nova2.0Lite"),
        ("USE1-NovaPro-output-tokens-batch-cross-region-global", "NovaPro"),
        ("USE1-Host:ml.g5.xlarge", None),
        (None, None),
    ],
)
def test_the_model_is_in_the_usage_type(usage_type: str | None, model: str | None) -> None:
    assert charges.model_of("Amazon Bedrock", usage_type) == model


def test_a_unit_that_nobody_can_explain_has_no_quantity(tmp_path: Path) -> None:
    odd = ("Amazon Bedrock", "AmazonBedrock", "USE1-Something-new", "Bushels")
    (row,) = charged(focus([Line(cost="1", kind=odd, tags=cell("rag"))]), tmp_path)
    assert (row.unit, row.quantity, row.amount_usd) == (None, None, 1)


def test_no_rollup_gives_no_rows(tmp_path: Path) -> None:
    assert (
        duckdb_engine.report_rows(
            duckdb_engine.connect(tmp_path), [], ReportScope(experiment="handbook", window=OCTOBER)
        )
        == []
    )


def test_quotes_in_names_are_only_names(tmp_path: Path) -> None:
    parquet(tmp_path / "it's" / "a.parquet", focus([Line(cost="1", tags=cell("rag", "o'brien"))]))
    connection = duckdb_engine.connect(tmp_path)
    found = rollups.update(connection, local_files(tmp_path / "it's"), tmp_path / "o'ut")
    rows = duckdb_engine.report_rows(connection, found.paths, ReportScope(experiment="o'brien", window=OCTOBER))
    assert [(row[3], row[4]) for row in rows] == [("o'brien", "rag")]


def test_usage_of_hosting_has_its_unit(tmp_path: Path) -> None:
    (row,) = charged(focus([Line(cost="1", kind=HOST, quantity="3", tags=cell("rag"))]), tmp_path)
    assert (row.unit, row.quantity) == ("instance-hour", 3)


def test_usage_that_a_commitment_covers_is_usage(tmp_path: Path) -> None:
    lines = [
        Line(cost="1", tags=cell("rag")),
        Line(cost="4", tags=cell("rag"), category="SavingsPlanCoveredUsage", time="2026-10-06 10:00:00"),
        Line(cost="9", tags=cell("rag"), category="Tax", time="2026-10-07 10:00:00"),
    ]
    assert charges.through(charged(cur_2_0(lines), tmp_path)) == date(2026, 10, 6)
