"""Athena's operations over DuckDB: the text runs through the same macros; results come back as text, in pages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb

PAGE = 3


class AthenaFake:
    """`start_query_execution`, `get_query_execution` (RUNNING first), `get_query_results`, `stop_query_execution`.

    `connection` holds the tables. Refuses what the service refuses: unknown workgroup, query or token.
    """

    def __init__(self, connection: Any, workgroup: str = "ladder-handbook") -> None:
        self.connection = connection
        self.workgroup = workgroup
        self.texts: list[str] = []
        self.scanned = 25_000_000
        self.stopped: list[str] = []
        self.running = 1
        self.refusal: str | None = None
        self._results: dict[str, list[list[str | None]] | str] = {}
        self._asked: dict[str, int] = {}

    def start_query_execution(self, **asked: Any) -> dict[str, str]:
        assert set(asked) == {"QueryString", "WorkGroup", "QueryExecutionContext"}
        assert asked["WorkGroup"] == self.workgroup
        assert asked["QueryExecutionContext"]["Database"]
        text = asked["QueryString"]
        self.texts.append(text)
        query = f"query-{len(self.texts)}"
        self._asked[query] = 0
        if self.refusal is not None:
            self._results[query] = self.refusal
            return {"QueryExecutionId": query}
        try:
            cursor = self.connection.execute(text)
            head: list[str | None] = [column[0] for column in cursor.description]
            self._results[query] = [head, *([_text(value) for value in row] for row in cursor.fetchall())]
        except duckdb.Error as error:
            self._results[query] = f"SYNTAX_ERROR: line 1:1:\n{error}"
        return {"QueryExecutionId": query}

    def get_query_execution(self, **asked: str) -> dict[str, Any]:
        query = asked["QueryExecutionId"]
        self._asked[query] += 1
        if self._asked[query] <= self.running:
            return {"QueryExecution": {"Status": {"State": "RUNNING"}}}
        result = self._results[query]
        if isinstance(result, str):
            return {"QueryExecution": {"Status": {"State": "FAILED", "StateChangeReason": result}, "Statistics": {}}}
        metadata = "information_schema" in self.texts[int(query.removeprefix("query-")) - 1]
        statistics = {"DataScannedInBytes": 0 if metadata else self.scanned}
        return {"QueryExecution": {"Status": {"State": "SUCCEEDED"}, "Statistics": statistics}}

    def get_query_results(self, **asked: Any) -> dict[str, Any]:
        assert 0 < asked["MaxResults"] <= 1000
        rows = self._results[asked["QueryExecutionId"]]
        first = int(asked.get("NextToken", "0"))
        page = [{"Data": [{} if v is None else {"VarCharValue": v} for v in row]} for row in rows[first : first + PAGE]]
        answer: dict[str, Any] = {"ResultSet": {"Rows": page}}
        if first + PAGE < len(rows):
            answer["NextToken"] = str(first + PAGE)
        return answer

    def stop_query_execution(self, **asked: str) -> dict[str, Any]:
        self.stopped.append(asked["QueryExecutionId"])
        return {}


def _text(value: object) -> str | None:
    if value is None:
        return None
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
