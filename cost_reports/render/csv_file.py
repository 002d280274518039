"""Charges as CSV: one line a charge, all columns of the fact table, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import fields
from decimal import Decimal

from contracts.json_codec import plain_decimal
from contracts.money import ChargeRow

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|")


def cell(value: object) -> str:
    """Return a value as CSV text; text that a spreadsheet would take for a formula gets an apostrophe before it.

    None is an empty cell. Numbers are never touched: only text that came from people or tags can be a formula.
    """
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA[:4]) else text


SIMULATED = "yes: real quantities at AWS list prices on an embedded AWS; nothing was billed"


def render(charges: Iterable[ChargeRow], *, simulated: bool = False) -> str:
    """Return the charges as CSV (RFC 4180), with a head. The last column says of each line whether it is simulated."""
    return marked([f.name for f in fields(ChargeRow)], charges, simulated=simulated)


def marked(names: Sequence[str], records: Iterable[object], *, simulated: bool) -> str:
    """Return a line for each record, with the fields named and a last column that says whether it is simulated."""
    mark = SIMULATED if simulated else "no"
    return table([*names, "simulated"], ([*(getattr(record, name) for name in names), mark] for record in records))


def table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a CSV (RFC 4180) with a head, every cell through `cell`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()
