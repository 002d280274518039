"""The fact table as files: gzip JSON Lines, one object for each source and billing period (`keys.charges`).

A line is a ChargeRow and `simulated`: whether the bill is that of an embedded AWS. Amounts are plain decimals written
as text, which no reader takes for floats; SQL casts them. Rows of two cuts are the same money twice: to add up, choose
one (`WHERE cut = 'usage-type'`).
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable
from dataclasses import fields

from contracts.json_codec import from_jsonable, to_jsonable
from contracts.money import ChargeRow

SIMULATED = "simulated"
AMOUNTS = ("quantity", "amount_usd", "effective_usd", "list_usd")
#: Name -> type in Athena, in the order of the lines.
COLUMNS = {field.name: "boolean" if field.type == "bool" else "string" for field in fields(ChargeRow)} | {
    SIMULATED: "boolean"
}
#: What the folders of an object say. Athena takes no column twice, so that its table leaves out `source`.
PARTITIONS = ("source", "period")


def encode(rows: Iterable[ChargeRow], *, simulated: bool) -> bytes:
    """Return the rows as an object; the same rows in any order give the same bytes.

    Raises:
        ValueError: an amount is NaN or infinite.
    """
    lines = sorted(
        json.dumps({**to_jsonable(row), SIMULATED: simulated}, ensure_ascii=False, separators=(",", ":"))
        for row in rows
    )
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def decode(data: bytes) -> list[ChargeRow]:
    """Return the rows of an object in the order of its lines.

    Raises:
        ValueError: it is damaged, or a line is not a charge; the message says which.
    """
    try:
        text = gzip.decompress(data).decode("utf-8")
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not a whole gzip file: {error}") from error
    return [_row(number, line) for number, line in enumerate(text.split("\n"), start=1) if line]


def _row(number: int, line: str) -> ChargeRow:
    try:
        record = json.loads(line)
        if not isinstance(record, dict) or not isinstance(record.pop(SIMULATED, None), bool):
            raise ValueError(f"an object with a boolean field {SIMULATED!r} is needed")
        return from_jsonable(ChargeRow, record)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"line {number}: {error}") from error
