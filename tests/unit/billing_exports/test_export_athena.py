"""Athena gives the rows that DuckDB gives, from the same text; its failures are one line; what it scanned is priced."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from billing_exports import duckdb_engine, query, rollups
from billing_exports.athena_engine import Athena
from billing_exports.formats import ExportError
from billing_exports.query import ReportScope
from billing_exports.sources import local_files
from contracts.times import Deadline
from cost_reports.spend_report.records import Window
from tests.unit.billing_exports.athena_fake import AthenaFake
from tests.unit.billing_exports.export_files import LINES, cur_2_0, focus, parquet, shifted

SCOPE = ReportScope(experiment="handbook", window=Window(start=date(2026, 10, 1), end=date(2026, 11, 1)))


def fake(path: Path, *, partitioned: bool = True) -> AthenaFake:
    """A Glue table over a file: column names in lower case, and the month as a partition."""
    connection = duckdb_engine.connect(path.parent)
    columns = connection.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
    names = ", ".join(f'"{name}" AS "{name.lower()}"' for name, *_ in columns)
    period = ", '2026-10' AS billing_period" if partitioned else ""
    connection.execute("CREATE SCHEMA ladder_handbook")
    connection.execute(f"CREATE TABLE ladder_handbook.focus AS SELECT {names}{period} FROM '{path}'")
    return AthenaFake(connection)


def athena(client: AthenaFake, *, table: str = "focus", seconds: float = 60) -> Athena:
    return Athena(
        client,
        workgroup="ladder-handbook",
        database="ladder_handbook",
        table=table,
        deadline=Deadline.after(seconds),
        sleep=lambda _: None,
    )


@pytest.mark.parametrize("columns", [focus, cur_2_0], ids=["focus", "cur"])
@pytest.mark.parametrize("partitioned", [True, False])
def test_both_engines_give_the_same_rows(
    columns: Callable[..., dict[str, list[object]]], partitioned: bool, tmp_path: Path
) -> None:
    path = parquet(tmp_path / "e" / "a.parquet", columns([*LINES, *shifted(LINES, time="2026-10-31 23:00:00")]))
    connection = duckdb_engine.connect(tmp_path)
    found = rollups.update(connection, local_files(tmp_path / "e"), tmp_path / "out")
    here = duckdb_engine.report_rows(connection, found.paths, SCOPE)
    client = fake(path, partitioned=partitioned)
    there = athena(client).report_rows(SCOPE)
    assert there == here
    assert len(here) > 6, "more than two pages"
    assert ("WHERE billing_period >= '2026-10'" in client.texts[-1]) == partitioned


def test_athena_runs_the_sql_files_as_they_are(tmp_path: Path) -> None:
    client = fake(parquet(tmp_path / "a.parquet", focus(LINES)))
    athena(client).report_rows(SCOPE)
    for name in ("tags_map", "focus", "rollup", "report"):
        assert query.sql(name) in client.texts[-1]


def test_what_was_scanned_is_priced(tmp_path: Path) -> None:
    client = fake(parquet(tmp_path / "a.parquet", focus(LINES)))
    client.scanned = 2**40
    engine = athena(client)
    engine.report_rows(SCOPE)
    assert (engine.scanned.bytes, engine.scanned.usd) == (2**40, 5)


def test_a_small_query_is_charged_for_10_mb(tmp_path: Path) -> None:
    client = fake(parquet(tmp_path / "a.parquet", focus(LINES)))
    client.scanned = 1
    engine = athena(client)
    engine.report_rows(SCOPE)
    assert engine.scanned.usd == Decimal("0.000047683716")


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (
            "Bytes scanned limit\n was exceeded",
            "Bytes scanned limit was exceeded; give a later --since, or raise the limit of ladder-handbook"
            " (athena-scan-limit-mb) and deploy again",
        ),
        (
            "HIVE_BAD_DATA: x",
            "HIVE_BAD_DATA: x; look it up among the queries of the workgroup ladder-handbook, or use --engine duckdb",
        ),
    ],
)
def test_a_failure_is_one_line_with_athenas_reason_and_what_to_do(reason: str, message: str, tmp_path: Path) -> None:
    client = fake(parquet(tmp_path / "a.parquet", focus(LINES)))
    client.refusal = reason
    with pytest.raises(ExportError) as error:
        athena(client).report_rows(SCOPE)
    assert str(error.value) == f"Athena query query-1 failed: {message}"


def test_a_query_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    client = fake(parquet(tmp_path / "a.parquet", focus(LINES)))
    client.running = 10**9
    with pytest.raises(ExportError, match="query-1 was still running at the deadline and was stopped; give a later --"):
        athena(client, seconds=0).report_rows(SCOPE)
    assert client.stopped == ["query-1"]


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    client = fake(parquet(tmp_path / "a.parquet", focus(LINES)))
    with pytest.raises(ExportError, match=r"Athena has no table ladder_handbook\.nothing"):
        athena(client, table="nothing").report_rows(SCOPE)


def test_a_table_that_is_no_export_is_named(tmp_path: Path) -> None:
    client = fake(parquet(tmp_path / "a.parquet", {"name": ["x"]}))
    with pytest.raises(ExportError, match=r"^ladder_handbook\.focus: not a billing export"):
        athena(client).report_rows(SCOPE)


def test_a_quote_in_an_experiments_name_is_only_a_name(tmp_path: Path) -> None:
    client = fake(parquet(tmp_path / "a.parquet", focus(LINES)))
    rows = athena(client).report_rows(ReportScope(experiment="it's", window=SCOPE.window))
    assert {row[5] for row in rows if row[3]} == {"other experiments"}
