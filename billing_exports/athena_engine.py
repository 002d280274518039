"""The Athena engine: the same SQL text, where an export is too large to be fetched, or is shared by many accounts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, get_args, get_type_hints

from billing_exports import formats
from billing_exports.formats import ExportError, Layout
from billing_exports.query import ReportScope, RollupRow, literal, whole_query
from contracts.times import Deadline
from contracts.units import UNITS, to_decimal

#: USD for a TB scanned, and the least that a query that scans anything is charged for (aws.amazon.com/athena/pricing).
USD_PER_TB = Decimal(5)
LEAST_BYTES = 10 * 1024 * 1024
POLL_S = 0.5
#: Column of the months' partitions.
PERIOD = "billing_period"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What queries read, and what Athena charges for it."""

    bytes: int
    usd: Decimal


class Athena:
    """A table of an export in `database`, queried in `workgroup`. The workgroup says where results go and how much a
    query may scan. `client` is a botocore or boto3 client of Athena.
    """

    def __init__(
        self,
        client: Any,
        *,
        workgroup: str,
        database: str,
        table: str,
        deadline: Deadline,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.workgroup = workgroup
        self.database = database
        self.table = table
        self._deadline = deadline
        self._sleep = sleep
        self._scanned: list[int] = []

    @property
    def scanned(self) -> Scanned:
        """What all queries so far read."""
        charged = sum(max(count, LEAST_BYTES) for count in self._scanned if count)
        usd = to_decimal(Fraction(USD_PER_TB) * Fraction(charged, UNITS["TB"].factor))
        return Scanned(bytes=sum(self._scanned), usd=usd)

    def layout(self) -> tuple[Layout, bool]:
        """Return how the table spells its export, and whether it has a partition for each month.

        Raises:
            ExportError: there is no such table, or it is not one of an export.
        """
        rows = self._query(
            "SELECT column_name, data_type FROM information_schema.columns"  # noqa: S608
            f" WHERE table_schema = {literal(self.database.lower())} AND table_name = {literal(self.table.lower())}"
        )
        columns = {str(name): str(kind) for name, kind in rows}
        if not columns:
            raise ExportError(f"Athena has no table {self.database}.{self.table}; name the table of an export")
        return formats.layout_of(columns, f"{self.database}.{self.table}"), PERIOD in columns

    def report_rows(self, scope: ReportScope) -> list[RollupRow]:
        """Return the rows of a report, as `duckdb_engine.report_rows` gives them of the same lines.

        Raises:
            ExportError: the query failed or took too long; the message is Athena's.
        """
        layout, partitioned = self.layout()
        table = f"{formats.identifier(self.database)}.{formats.identifier(self.table)}"
        if partitioned:
            # Lines are billed in the month of their day, or (corrections) in a later one.
            table += f" WHERE {PERIOD} >= {literal(scope.window.start.strftime('%Y-%m'))}"
        source = formats.source_select(layout, table)
        rows = self._query(whole_query(layout.format, layout.tags, source, scope))
        return [_typed(row) for row in rows]

    def _query(self, text: str) -> list[list[str | None]]:
        started = self.client.start_query_execution(
            QueryString=text, WorkGroup=self.workgroup, QueryExecutionContext={"Database": self.database}
        )
        query = str(started["QueryExecutionId"])
        self._wait(query)
        return list(self._pages(query))

    def _wait(self, query: str) -> None:
        while True:
            execution = self.client.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            status = execution["Status"]
            if status["State"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
                break
            if self._deadline.expired:
                self.client.stop_query_execution(QueryExecutionId=query)
                raise ExportError(
                    f"Athena query {query} was still {status['State'].lower()} at the deadline and was stopped; give a"
                    " later --since, or try again"
                )
            self._sleep(min(POLL_S, self._deadline.remaining_s()))
        self._scanned.append(int(execution.get("Statistics", {}).get("DataScannedInBytes", 0)))
        if status["State"] != "SUCCEEDED":
            reason = " ".join(str(status.get("StateChangeReason", "no reason given")).split())
            raise ExportError(f"Athena query {query} {status['State'].lower()}: {reason}; {self._advice(reason)}")

    def _advice(self, reason: str) -> str:
        if "bytes scanned" in reason.lower():
            return (
                f"give a later --since, or raise the limit of {self.workgroup} (athena-scan-limit-mb) and deploy again"
            )
        return f"look it up among the queries of the workgroup {self.workgroup}, or use --engine duckdb"

    def _pages(self, query: str) -> Iterator[list[str | None]]:
        """Yield the rows of the result without its header, the first row of the first page."""
        more: dict[str, str] = {}
        header_rows = 1
        while True:
            page = self.client.get_query_results(QueryExecutionId=query, MaxResults=1000, **more)
            for row in page["ResultSet"]["Rows"][header_rows:]:
                yield [value.get("VarCharValue") for value in row["Data"]]
            header_rows = 0
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}


_PARSE: dict[Any, Callable[[str], Any]] = {date: date.fromisoformat, str: str, Decimal: Decimal, int: int}
#: Of `str | None`, the type comes first.
_PARSERS = [_PARSE[kind if kind in _PARSE else get_args(kind)[0]] for kind in get_type_hints(RollupRow).values()]


def _typed(row: list[str | None]) -> RollupRow:
    return RollupRow._make(None if text is None else parse(text) for parse, text in zip(_PARSERS, row, strict=True))
