"""Small billing exports, written by the tests: the same lines in every format."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from billing_exports import duckdb_engine
from billing_exports.query import RollupRow
from billing_exports.sources import groups_of, local_files

PERIOD = "2026-10"
INPUT = ("Amazon Bedrock", "AmazonBedrock", "USE1-NovaMicro-input-tokens", "1K tokens")
HOST = ("Amazon SageMaker", "AmazonSageMaker", "USE1-Host:ml.g5.xlarge", "Hrs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a bill; numbers are text as they stand in a CSV file. `tags` have bare keys."""

    cost: str
    time: str = "2026-10-05 10:00:00"
    period: str = PERIOD
    kind: tuple[str, str, str, str] = INPUT
    category: str = "Usage"
    quantity: str | None = "1"
    tags: dict[str, str] = field(default_factory=dict)
    account: str = "111122223333"
    currency: str = "USD"


def cell(approach: str, experiment: str = "handbook") -> dict[str, str]:
    return {"cost-cell": f"{experiment}/{approach}", "owner": "team-a"}


LINES = (
    Line(cost="0.1", tags=cell("rag")),
    Line(cost="0.2", tags=cell("rag"), time="2026-10-05 23:00:00"),
    Line(cost="1.3E-9", tags=cell("prompting")),
    # The same line twice, and a correction.
    Line(cost="2.5", tags=cell("fine-tuning"), kind=HOST),
    Line(cost="2.5", tags=cell("fine-tuning"), kind=HOST),
    Line(cost="-0.75", tags=cell("fine-tuning"), kind=HOST, quantity="-0.3"),
    Line(cost="4.125", tags=cell("rag", "other"), time="2026-10-06 00:00:00"),
    Line(cost="8", tags={"experiment": "handbook", "approach": "rag"}, time="2026-10-06 00:00:00"),
    Line(cost="16", tags={"team": "x"}, kind=HOST),
    Line(cost="32"),
    Line(cost="-1.5", category="Credit", quantity=None),
    Line(cost="0.9", category="Tax", quantity=None, time="2026-10-01 00:00:00"),
)


def spelled(tags: dict[str, str], spelling: str) -> dict[str, str]:
    """The tags with their keys in one of AWS's spellings."""
    spell: Callable[[str], str] = {
        "bare": lambda k: k,
        "user:": lambda k: f"user:{k}",
        "user_": lambda k: f"user_{k.replace('-', '_')}",
        "resourceTags/user:": lambda k: f"resourceTags/user:{k}",
        "resourceTags/": lambda k: f"resourceTags/{k}",
    }[spelling]
    return {spell(key): value for key, value in tags.items()}


def focus(lines: Sequence[Line], spelling: str = "bare") -> dict[str, list[object]]:
    """The columns of FOCUS that matter, and an unknown one."""
    return {
        "BilledCost": [line.cost for line in lines],
        "EffectiveCost": [line.cost for line in lines],
        "ListCost": [line.cost for line in lines],
        "BillingCurrency": [line.currency for line in lines],
        "BillingPeriodStart": [f"{line.period}-01 00:00:00" for line in lines],
        "ChargePeriodStart": [line.time for line in lines],
        "ChargeCategory": [line.category for line in lines],
        "ServiceName": [line.kind[0] for line in lines],
        "SubAccountId": [line.account for line in lines],
        "ConsumedQuantity": [line.quantity for line in lines],
        "ConsumedUnit": [line.kind[3] if line.quantity else None for line in lines],
        "InvoiceId": [None for _ in lines],
        "x_ServiceCode": [line.kind[1] for line in lines],
        "x_UsageType": [line.kind[2] if line.category != "Tax" else None for line in lines],
        "x_Unheard": ["of" for _ in lines],
        "Tags": [spelled(line.tags, spelling) for line in lines],
    }


def focus_1_0(lines: Sequence[Line]) -> dict[str, list[object]]:
    return {name: values for name, values in focus(lines).items() if name != "InvoiceId"}


def cur(lines: Sequence[Line]) -> dict[str, list[object]]:
    """The columns that both Cost and Usage Reports have."""
    return {
        # Not unique: it repeats with every delivery and interval.
        "identity_line_item_id": ["same" for _ in lines],
        "bill_billing_period_start_date": [f"{line.period}-01 00:00:00" for line in lines],
        "bill_invoice_id": ["" for _ in lines],
        "line_item_currency_code": [line.currency for line in lines],
        "line_item_line_item_type": [line.category for line in lines],
        "line_item_product_code": [line.kind[1] for line in lines],
        "line_item_unblended_cost": [line.cost for line in lines],
        "line_item_usage_account_id": [line.account for line in lines],
        "line_item_usage_start_date": [line.time for line in lines],
        "line_item_usage_type": [line.kind[2] if line.category != "Tax" else None for line in lines],
        "line_item_usage_amount": [line.quantity for line in lines],
        "pricing_unit": [line.kind[3] if line.quantity else None for line in lines],
        "pricing_public_on_demand_cost": [line.cost for line in lines],
    }


def cur_2_0(lines: Sequence[Line], spelling: str = "user_", column: str = "resource_tags") -> dict[str, list[object]]:
    return {
        **cur(lines),
        "product": [{"product_name": line.kind[0]} for line in lines],
        column: [spelled(line.tags, spelling) for line in lines],
    }


def cur_legacy(lines: Sequence[Line]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {**cur(lines), "product_product_name": [line.kind[0] for line in lines]}
    for key in ("cost-cell", "experiment", "approach"):
        name = f"resource_tags_user_{key.replace('-', '_')}"
        columns[name] = [line.tags.get(key, "") for line in lines]
    return columns


def slashed(columns: dict[str, list[object]]) -> dict[str, list[object]]:
    """The columns with the headers of the first CSV reports: `lineItem/UnblendedCost`."""

    def header(name: str) -> str:
        if name.startswith("resource_tags_user_"):
            return "resourceTags/user:" + name.removeprefix("resource_tags_user_").replace("_", "-")
        group = next(g for g in ("identity", "bill", "line_item", "pricing", "product") if name.startswith(g + "_"))
        words = name.removeprefix(group + "_").split("_")
        first, *rest = group.split("_")
        return first + "".join(map(str.capitalize, rest)) + "/" + "".join(map(str.capitalize, words))

    return {header(name): values for name, values in columns.items()}


_MONEY = (
    "BilledCost",
    "EffectiveCost",
    "ListCost",
    "ConsumedQuantity",
    "line_item_unblended_cost",
    "line_item_usage_amount",
    "pricing_public_on_demand_cost",
    "reservation_effective_cost",
    "savings_plan_savings_plan_effective_cost",
)


@cache
def writer() -> duckdb.DuckDBPyConnection:
    """One engine for all files: opening it takes longer than a file."""
    return duckdb.connect(config={"threads": 1})


def parquet(path: Path, columns: dict[str, list[object]], money: str = "DOUBLE") -> Path:
    """Money as DOUBLE, as AWS writes it; times as timestamps; tags as maps (JSON text where they are text)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    selected, values = [], []
    for name, column in columns.items():
        if any(isinstance(value, dict) for value in column):
            column = [None if value is None else json.dumps(value) for value in column]
            kind = "JSON AS MAP(VARCHAR, VARCHAR)"
        elif name in _MONEY:
            kind = f"VARCHAR AS {money}"
        else:
            kind = f"VARCHAR AS {'TIMESTAMP_MS' if name.endswith(('Start', '_start_date')) else 'VARCHAR'}"
        first, _, last = kind.partition(" AS ")
        selected.append(f'CAST(unnest(CAST(? AS VARCHAR[]))::{first} AS {last}) AS "{name}"')
        values.append(column)
    quoted = str(path).replace("'", "''")
    writer().execute(f"COPY (SELECT {', '.join(selected)}) TO '{quoted}' (FORMAT parquet)", values)
    return path


def csv_file(path: Path, columns: dict[str, list[object]], null: str = "") -> Path:
    """Text; tags as JSON. Compressed where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(null if v is None else json.dumps(v) if isinstance(v, dict) else v for v in row)
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def shifted(lines: Iterable[Line], **changes: str) -> list[Line]:
    return [replace(line, **changes) for line in lines]


def rollup_rows(connection: Any) -> list[RollupRow]:
    """The rows of the last roll-up, in one order."""
    names = ", ".join(RollupRow._fields)
    rows = connection.execute(f"SELECT {names} FROM rollup ORDER BY {names}").fetchall()
    return [RollupRow._make(row) for row in rows]


def rolled(folder: Path, *, threads: int = 2) -> tuple[str, list[RollupRow]]:
    """Format and daily rows of the one export in `folder`."""
    (group,) = groups_of(local_files(folder))
    connection = duckdb_engine.connect(folder / ".spill", threads=threads)
    try:
        done = duckdb_engine.roll_up(connection, group)
        return done.format, rollup_rows(connection)
    finally:
        connection.close()
