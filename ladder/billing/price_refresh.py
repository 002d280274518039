"""New prices from the AWS Price List API, written as a dated price file beside the old one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cost_reports.prices.catalogue import Catalogue, name_of
from cost_reports.prices.price_list import HOME, ListedPrice, Refreshed, parse, refresh, service_codes, to_file
from ladder.errors import LadderError

NOTE = "List prices of AWS. Rows read from the Price List API say so; the others keep the source they had."


def fetch(pricing: Any, catalogue: Catalogue, region: str) -> list[ListedPrice]:
    """Return all on-demand prices of the catalogue's service codes in `region`. `pricing` is a client of us-east-1."""
    listed: list[ListedPrice] = []
    for code in service_codes(catalogue):
        pages = pricing.get_paginator("get_products").paginate(
            ServiceCode=code,
            Filters=[{"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}],
            FormatVersion="aws_v1",
        )
        for page in pages:
            listed += parse(page["PriceList"])
    return listed


def write(
    catalogue: Catalogue, listed: list[ListedPrice], today: str, out: Path, region: str = HOME
) -> tuple[Path, Refreshed]:
    """Write `aws_prices_<today>.json` into `out`, and what changed as `.diff.txt` beside it; return both.

    Raises:
        LadderError: the file exists: a price file is never overwritten.
        PriceError: a listed price cannot be one; nothing is written.
    """
    path = out / f"aws_prices_{today}.json"
    if path.exists():
        raise LadderError(f"{path} exists; move it away first, a price file is never overwritten")
    renewed = refresh(catalogue, listed, today, region)
    Catalogue(renewed.rows, catalogue.models, today, renewed.unpublished)
    out.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(to_file(renewed.rows, catalogue.models, today, NOTE, renewed.unpublished))
    path.with_suffix(".diff.txt").write_text("".join(f"{line}\n" for line in diff(renewed)), encoding="utf-8")
    return path, renewed


def diff(renewed: Refreshed) -> list[str]:
    """Return a line for each price that changed (old and new USD of a unit, and by which share) or was added."""
    return [
        f"{c.name}: {c.old_usd:f} -> {c.new_usd:f} USD a {c.unit}" + ("" if c.share is None else f" ({c.share:+.1%})")
        for c in renewed.changes
    ] + [f"{name_of(r)}: new, {r.usd:f} USD a {r.unit}" for r in renewed.added]
