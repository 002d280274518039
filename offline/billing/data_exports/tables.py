"""The tables of Data Exports and their columns, as AWS's table dictionaries name them (read in November 2026)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts import export_columns

FOCUS, CUR = "FOCUS_1_2_AWS", "COST_AND_USAGE_REPORT"

#: Type of a column in Athena -> the type that its Parquet files are written with.
_WRITTEN = {
    export_columns.TEXT: "VARCHAR",
    export_columns.NUMBER: "DOUBLE",
    export_columns.TIME: "TIMESTAMP_MS",
    export_columns.TEXTS: "MAP(VARCHAR, VARCHAR)",
    export_columns.NUMBERS: "MAP(VARCHAR, DOUBLE)",
}
_SWITCH = frozenset({"TRUE", "FALSE"})
#: What is written are days; hours and months are refused rather than imitated.
_DAILY = frozenset({"DAILY"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`columns`: name -> type in DuckDB. `configuration`: key -> what it may be. `switched`: column -> the key that
    must be TRUE for it to be there.
    """

    name: str
    columns: Mapping[str, str]
    configuration: Mapping[str, frozenset[str]]
    switched: Mapping[str, str]


def _columns(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: _WRITTEN[kind] for name, kind in named}


TABLES = {
    FOCUS: Table(
        name=FOCUS, columns=_columns(export_columns.FOCUS), configuration={"TIME_GRANULARITY": _DAILY}, switched={}
    ),
    CUR: Table(
        name=CUR,
        columns=_columns(export_columns.CUR),
        configuration={
            "TIME_GRANULARITY": _DAILY,
            "INCLUDE_RESOURCES": _SWITCH,
            "INCLUDE_IAM_PRINCIPAL_DATA": _SWITCH,
            "INCLUDE_SPLIT_COST_ALLOCATION_DATA": frozenset({"FALSE"}),
            "INCLUDE_CAPACITY_RESERVATION_DATA": frozenset({"FALSE"}),
            "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": frozenset({"FALSE"}),
        },
        switched={
            "line_item_iam_principal": "INCLUDE_IAM_PRINCIPAL_DATA",
            "line_item_resource_id": "INCLUDE_RESOURCES",
        },
    ),
}
