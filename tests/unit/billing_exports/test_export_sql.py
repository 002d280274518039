"""The SQL files are Athena's dialect, keep to what both engines mean alike, and give the same rows in DuckDB whether
they run as they are (through the macros) or translated."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from billing_exports import duckdb_engine, formats, query
from billing_exports.query import ReportScope
from billing_exports.reading import parts_of
from billing_exports.sources import local_files
from cost_reports.spend_report.records import Window
from tests.unit.billing_exports.export_files import LINES, csv_file, cur_2_0, cur_legacy, focus, parquet

FILES = sorted(query.SQL.glob("*.sql"))
#: What Trino and DuckDB (with the macros) mean alike.
ALLOWED = {
    "ARRAY_JOIN",
    "CARDINALITY",
    "CASE",
    "CAST",
    "COALESCE",
    "CONCAT",
    "COUNT",
    "DATE_FORMAT",
    "ELEMENT_AT",
    "JSON_EXTRACT_SCALAR",
    "MAP_KEYS",
    "NULLIF",
    "REGEXP_LIKE",
    "STRPOS",
    "SUBSTR",
    "SUM",
}
FORBIDDEN = (exp.Div, exp.IntDiv, exp.Mod, exp.DPipe, exp.Qualify, exp.TryCast, exp.Interval)


def without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*", "", text)


def functions(text: str) -> set[str]:
    """The names that are called, as they are written."""
    called = re.findall(r"\b([A-Za-z_]+)\s*\(", without_comments(text))
    return {name.upper() for name in called} - {"AS", "IN", "FROM", "AND", "THEN", "SELECT", "DECIMAL", "OR", "NOT"}


def nullable(node: exp.Expression) -> bool:
    """Whether an expression could be NULL in SQL, as far as its text says."""
    if isinstance(node, exp.Coalesce):
        return nullable(node.expressions[-1])
    return not isinstance(node, exp.Literal)


def problems(text: str) -> list[str]:
    """Why a text must not be a SQL file of the product."""
    found = []
    try:
        tree = sqlglot.parse_one(text, read="athena")
    except sqlglot.errors.ParseError as error:
        return [f"not Athena's dialect: {error}"]
    found += [f"function {name}" for name in sorted(functions(text) - ALLOWED)]
    found += [f"{node.key}: {node.sql(dialect='athena')}" for kind in FORBIDDEN for node in tree.find_all(kind)]
    # In Athena a text joined with null is null; in DuckDB it is the text.
    for joined in tree.find_all(exp.Concat):
        found += [f"concat of a null: {part.sql(dialect='athena')}" for part in joined.expressions if nullable(part)]
    plain = without_comments(text)
    for pattern in ("::", r"\bEXCLUDE\b", r"\bQUALIFY\b", r"GROUP\s+BY\s+ALL", r"\|\|", r"\bLIMIT\b", "/", r"\["):
        inside_text = re.sub(r"'[^']*'", "''", plain)
        if re.search(pattern, inside_text, re.IGNORECASE):
            found.append(f"construct {pattern}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_keeps_to_what_both_engines_mean_alike(path: Path) -> None:
    assert problems(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a / b FROM t",
        "SELECT a || b FROM t",
        "SELECT concat(a, b) FROM t",
        "SELECT concat(COALESCE(a, b), 'c') FROM t",
        "SELECT a::int FROM t",
        "SELECT * EXCLUDE (a) FROM t",
        "SELECT a FROM t GROUP BY ALL",
        "SELECT a FROM t QUALIFY row_number() OVER () = 1",
        "SELECT strftime(a, '%Y') FROM t",
        "SELECT m['k'] FROM t",
        "SELECT SUM(a FROM t",
    ],
)
def test_the_check_would_notice(text: str) -> None:
    assert problems(text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_money_is_cast_before_it_is_added(path: Path) -> None:
    tree = sqlglot.parse_one(path.read_text(encoding="utf-8"), read="athena")
    raw = {c.name for kind in ("FOCUS 1.2", "CUR 2.0", "CUR") for c in money_columns(kind)}
    for total in tree.find_all(exp.Sum):
        assert not {column.name.lower() for column in total.find_all(exp.Column)} & raw
    for column in tree.find_all(exp.Column):
        if column.name.lower() in raw:
            cast = column.find_ancestor(exp.Cast)
            assert cast is not None
            assert cast.to.sql(dialect="athena") == "DECIMAL(38, 12)"


def money_columns(kind: str) -> list[formats.Column]:
    layout = formats.Layout(format=kind, tags="columns", names={})  # type: ignore[arg-type]
    return [column for column in formats.columns_of(layout) if column.type == formats.NUMBER]


@pytest.mark.parametrize("kind", ["focus", "focus json", "cur 2.0", "cur 2.0 json", "cur"])
def test_the_text_as_it_is_and_translated_give_the_same_rows(kind: str, tmp_path: Path) -> None:
    columns = {"focus": focus, "cur 2.0": cur_2_0, "cur": cur_legacy}[kind.removesuffix(" json")](LINES)
    if kind.endswith(" json"):
        csv_file(tmp_path / "e" / "a.csv", columns)
    else:
        parquet(tmp_path / "e" / "a.parquet", columns)
    connection = duckdb_engine.connect(tmp_path)
    (part,) = parts_of(connection, local_files(tmp_path / "e"))
    connection.execute(f"CREATE TEMP TABLE export AS SELECT * FROM {part.table}")
    scope = ReportScope(experiment="handbook", window=Window(start=date(2026, 10, 1), end=date(2026, 11, 1)))
    source = formats.source_select(part.layout, "export")
    text = query.whole_query(part.layout.format, part.layout.tags, source, scope)
    as_it_is = connection.execute(text).fetchall()
    for macro in duckdb_engine.MACROS:
        name = re.search(r"MACRO (\w+)", macro)
        assert name is not None
        connection.execute(f"DROP MACRO TEMP.{name[1]}")
    # The translator takes what is counted for a list; here it is a map.
    connection.execute("CREATE TEMP MACRO array_length(m) AS cardinality(m)")
    (translated,) = sqlglot.transpile(text, read="athena", write="duckdb")
    assert translated != text
    assert connection.execute(translated).fetchall() == as_it_is
    assert len(as_it_is) == 9
