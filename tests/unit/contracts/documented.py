"""The SQL that the guide gives for the fact table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb

GUIDE = Path(__file__).parents[3] / "docs" / "actual-spend.md"
VIEW, QUERY = re.findall(r"```sql\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def charges(folder: Path) -> Any:
    """A DuckDB with the documented view over `folder`, which holds what the documented command fetches."""
    connection = duckdb.connect()
    connection.execute(VIEW.replace("'charges/", f"'{folder}/charges/"))
    return connection
