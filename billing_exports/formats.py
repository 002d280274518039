"""Which export a file is, told by its columns, and how its columns are brought under the names that the SQL reads.

A column that the report needs and a file lacks is an error; columns that it does not need may be missing (they are
NULL then) and any others may be there. Column names are compared in lower case, headers of the first Cost and Usage
Reports (`lineItem/UnblendedCost`) in the spelling of their Parquet files (`line_item_unblended_cost`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Format = Literal["FOCUS 1.2", "CUR 2.0", "FOCUS 1.0", "CUR"]
TagKind = Literal["map", "json", "columns"]

#: From the most useful one down, where the same bill was delivered in several.
PREFERENCE: tuple[Format, ...] = ("FOCUS 1.2", "CUR 2.0", "FOCUS 1.0", "CUR")
#: The tag keys that the report groups by, as columns of the source: cost-cell -> tag_cost_cell.
TAG_COLUMNS = {"cost_cell": "tag_cost_cell", "experiment": "tag_experiment", "approach": "tag_approach"}

#: No SQL file reads it; it tells a simulated bill.
ACCOUNT_NAME = "account_name"
PRODUCT_NAME = "product_name"
_PRODUCT_NAME_IN: dict[TagKind, str] = {
    "map": "element_at({}, 'product_name')",
    "json": "json_extract_scalar({}, '$[\"product_name\"]')",
    "columns": "{}",
}
#: One column of tags, or another where it has none.
_ELSE: dict[TagKind, str] = {
    "map": "CASE WHEN cardinality({0}) > 0 THEN {0} ELSE {1} END",
    "json": "CASE WHEN strpos({0}, ':') > 0 THEN {0} ELSE {1} END",
}

TIMESTAMP, TEXT, NUMBER, MAP = "TIMESTAMP", "VARCHAR", "DECIMAL(38, 12)", "MAP(VARCHAR, VARCHAR)"


class ExportError(ValueError):
    """An export cannot be read; one line that names the file (and column) and what to do."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read of a format; `needed`: no report without it. `names`: what files call it, where that
    is not its name; the first that a file has.
    """

    name: str
    type: str = TEXT
    needed: bool = False
    names: tuple[str, ...] = ()

    def spelled(self, raw: Mapping[str, str]) -> str | None:
        """Return how a file spells the column, None where it lacks it. `raw`: its names as `plain_name` gives them."""
        return next((raw[name] for name in self.names or (self.name,) if name in raw), None)


_FOCUS = (
    Column("billedcost", NUMBER, needed=True),
    Column("billingcurrency", needed=True),
    Column("billingperiodstart", TIMESTAMP, needed=True),
    Column("chargecategory", needed=True),
    Column("chargeperiodstart", TIMESTAMP, needed=True),
    Column("effectivecost", NUMBER, needed=True),
    Column("servicename", needed=True),
    Column("subaccountid", needed=True),
    Column(ACCOUNT_NAME, names=("billingaccountname", "subaccountname")),
    Column("consumedquantity", NUMBER),
    Column("consumedunit"),
    Column("invoiceid"),
    Column("listcost", NUMBER),
    # FOCUS 1.0 calls it x_UsageType, 1.2 SkuMeter.
    Column("usagetype", names=("x_usagetype", "skumeter")),
    Column("x_servicecode"),
)
_CUR = (
    Column("bill_billing_period_start_date", TIMESTAMP, needed=True),
    Column("line_item_currency_code", needed=True),
    Column("line_item_line_item_type", needed=True),
    Column("line_item_product_code", needed=True),
    Column("line_item_unblended_cost", NUMBER, needed=True),
    Column("line_item_usage_account_id", needed=True),
    Column("line_item_usage_start_date", TIMESTAMP, needed=True),
    Column("line_item_usage_type", needed=True),
    Column(ACCOUNT_NAME, names=("bill_payer_account_name", "line_item_usage_account_name")),
    Column("bill_invoice_id"),
    Column("line_item_usage_amount", NUMBER),
    Column("pricing_public_on_demand_cost", NUMBER),
    Column("pricing_unit"),
    # A key in a column of CUR 2.0, a column of the first reports.
    Column(PRODUCT_NAME, names=("product", "product_product_name")),
    Column("reservation_effective_cost", NUMBER),
    Column("reservation_reservation_a_r_n"),
    Column("reservation_unused_amortized_upfront_fee_for_billing_period", NUMBER),
    Column("reservation_unused_recurring_fee", NUMBER),
    Column("savings_plan_savings_plan_effective_cost", NUMBER),
    Column("savings_plan_total_commitment_to_date", NUMBER),
    Column("savings_plan_used_commitment", NUMBER),
)
_COLUMNS: dict[Format, tuple[Column, ...]] = {
    "FOCUS 1.2": _FOCUS,
    "FOCUS 1.0": _FOCUS,
    "CUR 2.0": _CUR,
    "CUR": _CUR,
}
_IS_FOCUS = frozenset({"billedcost", "chargecategory", "chargeperiodstart", "effectivecost"})
#: Columns that FOCUS 1.0 does not have.
_SINCE_1_2 = frozenset({"invoiceid", "billingaccounttype", "subaccounttype", "pricingcurrency"})
_SINCE_CUR_2 = frozenset({"resource_tags", "tags", "product", "cost_category", "discount"})
_LEGACY_TAG = re.compile(r"(?:resource_tags|resourcetags)_user_(.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one file, or one table, spells an export. `names`: name in the SQL -> name in the file. `product`: what holds
    the product's name.
    """

    format: Format
    tags: TagKind
    names: Mapping[str, str]
    product: TagKind = "columns"


def plain_name(header: str) -> str:
    """`lineItem/UnblendedCost` -> `line_item_unblended_cost`; `BilledCost` -> `billedcost`.

    As AWS names the columns of its Parquet files, each capital is a word: `reservation/ReservationARN` ->
    `reservation_reservation_a_r_n`.
    """
    if "/" not in header:
        return header.strip().lower()
    snake = re.sub(r"(?<=[A-Za-z0-9])(?=[A-Z])", "_", header.strip())
    return re.sub(r"[^a-z0-9]+", "_", snake.lower())


def layout_of(columns: Mapping[str, str], where: str) -> Layout:
    """Return the layout of a file (or table) `where` with `columns` (name -> type as the engine calls it).

    Raises:
        ExportError: it is not a known export, or lacks a column that a report needs; the message names both.
    """
    raw = {plain_name(name): name for name in columns}
    export = _format(set(raw), where)
    spelled = {c.name: c.spelled(raw) for c in _COLUMNS[export]}
    missing = [c.name for c in _COLUMNS[export] if c.needed and spelled[c.name] is None]
    if missing:
        raise ExportError(f"{where}: {export} without column {', '.join(missing)}; export it with all columns")
    names = {name: spelling for name, spelling in spelled.items() if spelling is not None}
    kind, tags = _tags(raw, columns, where)
    product = _kind(columns[raw["product"]]) if "product" in raw else "columns"
    return Layout(format=export, tags=kind, names={**names, **tags}, product=product)


def columns_of(layout: Layout) -> list[Column]:
    """Return the columns that the SQL of the layout's format reads, those of tags among them."""
    if layout.tags == "columns":
        return [*_COLUMNS[layout.format], *(Column(name) for name in TAG_COLUMNS.values())]
    kind = MAP if layout.tags == "map" else TEXT
    return [*_COLUMNS[layout.format], Column("tags", kind)]


def source_select(layout: Layout, table: str) -> str:
    """Return the SELECT that gives `table` (SQL text) the names and types that the SQL files read, NULL for the rest.

    It is the only SQL that is put together by hand; both engines take it.
    """
    return f"SELECT {', '.join(_select(column, layout) for column in columns_of(layout))}\nFROM {table}"


def essentials(export: Format) -> tuple[str, str, str]:
    """Return the columns that every line must fill: its time, its billing period, its cost."""
    if export in ("FOCUS 1.2", "FOCUS 1.0"):
        return "chargeperiodstart", "billingperiodstart", "billedcost"
    return "line_item_usage_start_date", "bill_billing_period_start_date", "line_item_unblended_cost"


def identifier(name: str) -> str:
    """Return a column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def _select(column: Column, layout: Layout) -> str:
    if column.name not in layout.names:
        return f"CAST(NULL AS {column.type}) AS {column.name}"
    value = identifier(layout.names[column.name])
    # Money keeps the type it has: the SQL files cast it, once, to decimals.
    if column.type == TIMESTAMP:
        value = f"CAST({value} AS TIMESTAMP)"
    elif column.name == "tags" and "resource_tags" in layout.names:
        older = identifier(layout.names["resource_tags"])
        value = _ELSE[layout.tags].format(value, older)
    elif column.name == PRODUCT_NAME:
        value = _PRODUCT_NAME_IN[layout.product].format(value)
    return f"{value} AS {column.name}"


def _format(names: set[str], where: str) -> Format:
    if names & _IS_FOCUS:
        return "FOCUS 1.2" if names & _SINCE_1_2 else "FOCUS 1.0"
    if any(name.startswith("line_item_") for name in names):
        return "CUR 2.0" if names & _SINCE_CUR_2 else "CUR"
    raise ExportError(
        f"{where}: not a billing export; it has neither BilledCost (FOCUS) nor line_item_unblended_cost (CUR)"
    )


def _tags(raw: Mapping[str, str], columns: Mapping[str, str], where: str) -> tuple[TagKind, dict[str, str]]:
    """Return the kind of the tag columns, and their names: `tags` (and `resource_tags`), or one column for each key.

    `tags` of newer CUR 2.0 exports holds what `resource_tags` does, and more:
    https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2-tag-columns.html
    A table of theirs may have months from before it had `tags`.
    """
    spelled = {name: raw[name] for name in ("tags", "resource_tags") if name in raw}
    if spelled:
        kinds = {_kind(columns[name]) for name in spelled.values()}
        if len(kinds) == 2:
            raise ExportError(
                f"{where}: of {' and '.join(spelled.values())} one is a map and one is text; export it again"
            )
        return kinds.pop(), spelled if "tags" in spelled else {"tags": spelled["resource_tags"]}
    tags = {}
    for name, header in raw.items():
        match = _LEGACY_TAG.fullmatch(name)
        if match and match[1].replace("-", "_") in TAG_COLUMNS:
            tags[TAG_COLUMNS[match[1].replace("-", "_")]] = header
    return "columns", tags


def _kind(column_type: str) -> TagKind:
    """Return the kind of a column that holds keys and values."""
    return "map" if column_type.strip().lower().startswith("map") else "json"
