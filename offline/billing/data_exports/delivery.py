"""The files of an export: its months, written to its bucket as Data Exports lays them out.

`<prefix>/<name>/data/BILLING_PERIOD=YYYY-MM/<name>-00001.snappy.parquet`, beside it
`<prefix>/<name>/metadata/BILLING_PERIOD=YYYY-MM/<name>-Manifest.json`. A month is written whole each time. Where the
export keeps every delivery (CREATE_NEW_REPORT), files lie one folder deeper, named by time and execution.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from contracts import times
from offline.billing.bill import dates
from offline.billing.bill.account import Account
from offline.billing.bill.line import Line
from offline.billing.data_exports.line_items import Row, rows
from offline.billing.data_exports.query import Query, parse


def deliver(account: Account, export: Mapping[str, Any], *, since: date, done: Sequence[str]) -> list[str]:
    """Write the months with lines from `since` to now, and those of `done` again; return all of them in order.

    Raises:
        ClientError: S3 refuses a file.
    """
    now = account.now()
    months: dict[str, list[Line]] = {month: [] for month in done}
    for line in account.shown():
        if line.day >= times.first_of_month(since):
            months.setdefault(f"{line.day:%Y-%m}", []).append(line)
    query = parse(export["DataQuery"])
    for month, lines in months.items():
        content = rows(
            query.table.name,
            lines,
            account=account.id,
            closed=dates.is_closed(date.fromisoformat(f"{month}-01"), now),
            principals=query.has("INCLUDE_IAM_PRINCIPAL_DATA"),
        )
        _put(account, export, query, month, parquet(content, query))
    return sorted(months)


def parquet(content: Sequence[Row], query: Query) -> bytes:
    """Return the rows as a Snappy Parquet file with the columns of the query. Numbers in rows are decimal text."""
    import duckdb  # loaded with the first delivery only: it takes longer than all the rest of billing

    types = query.table.columns
    declared = ", ".join(f"'{name}': '{_read_as(types[name])}'" for name, _ in query.columns)
    selected = ", ".join(f'CAST("{name}" AS {types[name]}) AS "{alias}"' for name, alias in query.columns)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "rows.json", Path(folder) / "rows.parquet"
        source.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute(
                f"COPY (SELECT {selected} FROM read_json('{source}', format = 'newline_delimited',"  # noqa: S608
                f" columns = {{{declared}}})) TO '{target}' (FORMAT parquet, COMPRESSION snappy)"
            )
        return target.read_bytes()


def _read_as(kind: str) -> str:
    """Return the type to read a column with: numbers and times stay text until they are cast, to keep every digit."""
    return kind if kind.startswith("MAP") else "VARCHAR"


def _put(account: Account, export: Mapping[str, Any], query: Query, month: str, content: bytes) -> None:
    destination = export["DestinationConfigurations"]["S3Destination"]
    name, bucket = export["Name"], destination["S3Bucket"]
    now = account.now()
    keeps_all = destination["S3OutputConfigurations"]["Overwrite"] == "CREATE_NEW_REPORT"
    folder = f"BILLING_PERIOD={month}/" + (f"{now:%Y%m%dT%H%M%SZ}-{export['ExportArn'][-12:]}/" if keeps_all else "")
    start = "/".join(part for part in (destination["S3Prefix"].strip("/"), name) if part)
    data, manifest = (
        f"{start}/data/{folder}{name}-00001.snappy.parquet",
        f"{start}/metadata/{folder}{name}-Manifest.json",
    )
    document = {
        "account": account.id,
        "billingPeriod": month,
        "columns": [{"name": alias, "type": query.table.columns[column]} for column, alias in query.columns],
        "createdAt": times.stamp(now),
        "dataFiles": [f"s3://{bucket}/{data}"],
        "exportArn": export["ExportArn"],
        "exportName": name,
        "table": query.table.name,
    }
    account.buckets.put(bucket, data, content)
    account.buckets.put(bucket, manifest, json.dumps(document, indent=1).encode())
