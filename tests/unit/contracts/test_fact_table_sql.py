"""The documented SQL over the fact table: DuckDB runs it on real bytes, and it is Athena's dialect too."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import sqlglot

from contracts import keys
from contracts.fact_table import AMOUNTS, COLUMNS, encode
from contracts.money import ChargeRow
from tests.unit.billing_exports.test_export_sql import problems
from tests.unit.contracts.documented import QUERY, VIEW, charges
from tests.unit.lambdas.fact_rows import row

OBJECTS = {
    ("billed-ce", "2026-10"): [],
    ("billed-ce", "2026-11"): [
        row(amount="123456789012345678.000000000001", cut="usage-type", usage_type="USE1-SearchOCU"),
        row("2026-11-26", "0.1", cut="usage-type", usage_type="USE1-SearchOCU"),
        row("2026-11-26", "0.2", cut="usage-type", usage_type="USE1-SearchOCU"),
        row(amount="-0.000000000001", cut="usage-type", approach=None, usage_type="Requests-Tier1"),
        row(amount="5", cut="service"),
        row(amount="7", cut="usage-type", experiment=None, approach=None),
    ],
    ("billed-export", "2026-11"): [row("2026-10-05", "-1", billing_period="2026-11", source="billed-export")],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prefix = keys.report_prefix("handbook", "facts")
    for (source, period), rows in OBJECTS.items():
        path = tmp_path / keys.charges("handbook", source, period).removeprefix(prefix)
        path.parent.mkdir(parents=True)
        path.write_bytes(encode(rows, simulated=False))
    return tmp_path


def test_duckdb_answers_the_documented_query_to_the_last_digit(folder: Path) -> None:
    found = charges(folder).execute(QUERY.replace("<experiment>", "handbook")).fetchall()
    assert sorted(found, key=str) == [
        ("rag", "USE1-SearchOCU", Decimal("123456789012345678.300000000001")),
        (None, "Requests-Tier1", Decimal("-0.000000000001")),
    ]


def test_the_view_has_every_column_with_its_type(folder: Path) -> None:
    found = charges(folder).sql("SELECT * FROM charges")
    types = dict(zip(found.columns, map(str, found.types), strict=True))
    assert set(types) == {*COLUMNS, "period"}
    assert {name for name, kind in types.items() if kind == "DECIMAL(38,12)"} == set(AMOUNTS)
    assert {name for name, kind in types.items() if kind == "BOOLEAN"} == {
        name for name, kind in COLUMNS.items() if kind == "boolean"
    }
    assert types["day"] == "DATE"
    counts = (
        charges(folder).execute("SELECT source, period, COUNT(*) FROM charges GROUP BY ALL ORDER BY ALL").fetchall()
    )
    assert counts == [("billed-ce", "2026-11", 6), ("billed-export", "2026-11", 1)]


def test_the_view_gives_back_what_the_reports_kept(folder: Path) -> None:
    names = [name for name in COLUMNS if name != "simulated"]
    rows = charges(folder).execute(f"SELECT {', '.join(names)} FROM charges").fetchall()
    back = [ChargeRow(**{**dict(zip(names, values, strict=True)), "day": values[0].isoformat()}) for values in rows]
    assert sorted(back, key=repr) == sorted([r for rows in OBJECTS.values() for r in rows], key=repr)


def test_the_query_is_athena_s_dialect_and_keeps_to_what_both_engines_mean_alike(folder: Path) -> None:
    assert problems(QUERY) == []
    query = sqlglot.parse_one(QUERY, read="athena")
    assert {column.name for column in query.find_all(sqlglot.exp.Column)} <= {*COLUMNS, "period"}
    # Amounts are text in Athena: each sum casts them.
    for total in query.find_all(sqlglot.exp.Sum):
        assert total.this.sql(dialect="athena") == "CAST(amount_usd AS DECIMAL(38, 12))"
    (translated,) = sqlglot.transpile(QUERY.replace("<experiment>", "handbook"), read="athena", write="duckdb")
    as_it_is = charges(folder).execute(QUERY.replace("<experiment>", "handbook")).fetchall()
    assert charges(folder).execute(translated).fetchall() == as_it_is


def test_the_guide_names_the_objects_where_they_are() -> None:
    assert "charges/*/*/charges.jsonl.gz" in VIEW
    place = keys.charges("<experiment>", "<source>", "<yyyy-mm>")
    text = (Path(__file__).parents[3] / "docs" / "actual-spend.md").read_text(encoding="utf-8")
    assert place in text
