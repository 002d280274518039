"""The query of an export: plain columns of one table, each under its own name or another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from offline.billing.data_exports.tables import TABLES, Table
from offline.common.wire import invalid

_QUERY = re.compile(r"\s*SELECT\s+(?P<columns>.+?)\s+FROM\s+(?P<table>\w+)\s*;?\s*", re.IGNORECASE | re.DOTALL)
_COLUMN = re.compile(r"(?P<name>\w+)(?:\s+AS\s+(?P<alias>\w+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """`columns`: (name in the table, name in the file). `configuration` with every key in upper case."""

    table: Table
    columns: tuple[tuple[str, str], ...]
    configuration: Mapping[str, str]

    def has(self, key: str) -> bool:
        """Return whether a switch of the configuration is on."""
        return self.configuration.get(key) == "TRUE"


def parse(data_query: Mapping[str, Any]) -> Query:
    """Return the query of an export's `DataQuery`.

    Raises:
        AwsError: it is another statement, or names an unknown table, column or setting.
    """
    statement = _QUERY.fullmatch(data_query["QueryStatement"])
    if statement is None:
        raise invalid("QueryStatement: expected a statement SELECT <columns> FROM <table>")
    table = TABLES.get(statement["table"])
    if table is None:
        raise invalid(f"QueryStatement: unknown table {statement['table']}; use one of {', '.join(TABLES)}")
    configurations = data_query.get("TableConfigurations") or {}
    if others := sorted(set(configurations) - {table.name}):
        raise invalid(f"TableConfigurations: the query does not read {', '.join(others)}")
    configuration = configurations.get(table.name) or {}
    for key, value in configuration.items():
        if value not in table.configuration.get(key, ()):
            known = ", ".join(sorted(table.configuration.get(key, ()))) or "no such property"
            raise invalid(f"TableConfigurations: {table.name}.{key} is {value}; possible here: {known}")
    query = Query(table=table, columns=_columns(statement["columns"], table), configuration=configuration)
    for name, _ in query.columns:
        if (key := table.switched.get(name)) and not query.has(key):
            raise invalid(f"QueryStatement: the column {name} needs the table configuration {key} = TRUE")
    return query


def _columns(text: str, table: Table) -> tuple[tuple[str, str], ...]:
    columns = []
    for part in text.split(","):
        column = _COLUMN.fullmatch(part.strip())
        if column is None:
            raise invalid(f"QueryStatement: {part.strip()!r} is not a column of {table.name}; name each column")
        if column["name"] not in table.columns:
            raise invalid(f"QueryStatement: {table.name} has no column {column['name']}")
        columns.append((column["name"], column["alias"] or column["name"]))
    aliases = [alias for _, alias in columns]
    if len(set(aliases)) < len(aliases):
        raise invalid(f"QueryStatement: a column is repeated in {', '.join(aliases)}")
    return tuple(columns)
