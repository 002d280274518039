"""Every format gives the same days; tags are found however AWS spells them; what cannot be read is named."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from billing_exports.formats import ExportError, layout_of, plain_name
from billing_exports.query import RollupRow
from tests.unit.billing_exports.export_files import (
    LINES,
    Line,
    cell,
    csv_file,
    cur_2_0,
    cur_legacy,
    focus,
    focus_1_0,
    parquet,
    rolled,
    slashed,
)

WRITERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "FOCUS 1.2 Parquet": ("FOCUS 1.2", lambda d: parquet(d / "f.parquet", focus(LINES))),
    "FOCUS 1.2 decimals": ("FOCUS 1.2", lambda d: parquet(d / "f.parquet", focus(LINES), "DECIMAL(30, 15)")),
    "FOCUS 1.0 CSV": ("FOCUS 1.0", lambda d: csv_file(d / "f.csv", focus_1_0(LINES), "NULL")),
    "FOCUS 1.2 CSV": ("FOCUS 1.2", lambda d: csv_file(d / "f.csv.gz", focus(LINES), "null")),
    "CUR 2.0 Parquet": ("CUR 2.0", lambda d: parquet(d / "f.snappy.parquet", cur_2_0(LINES))),
    "CUR 2.0 CSV": ("CUR 2.0", lambda d: csv_file(d / "f.csv.gz", cur_2_0(LINES))),
    "CUR Parquet": ("CUR", lambda d: parquet(d / "f.parquet", cur_legacy(LINES))),
    "CUR CSV": ("CUR", lambda d: csv_file(d / "f.csv.gz", slashed(cur_legacy(LINES)))),
}
APPROACH, BILLED = 4, 11


def by_approach(rows: list[RollupRow]) -> dict[tuple[str | None, str | None], Decimal]:
    sums: dict[tuple[str | None, str | None], Decimal] = {}
    for row in rows:
        key = (row[3], row[APPROACH])
        sums[key] = sums.get(key, Decimal(0)) + (row[BILLED] or Decimal(0))
    return sums


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_days(name: str, tmp_path: Path) -> None:
    expected, write = WRITERS[name]
    write(tmp_path)
    found, rows = rolled(tmp_path)
    assert found == expected
    parquet(tmp_path / "other" / "f.parquet", focus(LINES))
    assert rows == rolled(tmp_path / "other")[1]


def test_the_days_hold_what_the_lines_say(tmp_path: Path) -> None:
    parquet(tmp_path / "f.parquet", focus(LINES))
    _, rows = rolled(tmp_path)
    assert by_approach(rows) == {
        # 0.1 + 0.2 is 0.3: doubles are cast before they are added.
        ("handbook", "rag"): Decimal("8.3"),
        ("handbook", "prompting"): Decimal("1.3E-9"),
        # Both of the two equal lines count, and the correction.
        ("handbook", "fine-tuning"): Decimal("4.25"),
        ("other", "rag"): Decimal("4.125"),
        (None, None): Decimal("47.4"),
    }
    (hosting,) = (row for row in rows if row[APPROACH] == "fine-tuning")
    assert hosting[14] == Decimal("1.7")
    assert hosting[17] == 3
    (tax,) = (row for row in rows if row[8] == "Tax")
    assert tax[7] is None
    assert tax[14] is None, "a tax has no quantity, which is not 0"


@pytest.mark.parametrize("spelling", ["bare", "user:", "user_", "resourceTags/user:", "resourceTags/"])
@pytest.mark.parametrize("text", [False, True], ids=["map", "json"])
def test_tag_keys_are_found_however_they_are_spelled(spelling: str, text: bool, tmp_path: Path) -> None:
    columns = focus(LINES, spelling)
    if text:
        csv_file(tmp_path / "f.csv", columns)
    else:
        parquet(tmp_path / "f.parquet", columns)
    assert by_approach(rolled(tmp_path)[1])[("handbook", "rag")] == Decimal("8.3")


@pytest.mark.parametrize("spelling", ["resourceTags/user:", "resourceTags/"])
@pytest.mark.parametrize("text", [False, True], ids=["map", "json"])
@pytest.mark.parametrize(("older", "newer"), [(False, True), (True, True), (True, False)])
def test_tags_of_cur_are_read_where_they_are_in_the_newer_column_or_the_older(
    older: bool, newer: bool, spelling: str, text: bool, tmp_path: Path
) -> None:
    old, new = cur_2_0(LINES[:2]), cur_2_0(LINES[:2], spelling, "tags")
    nothing: list[object] = [{}, None]
    columns = {
        **old,
        "resource_tags": old["resource_tags"] if older else nothing,
        "tags": new["tags"] if newer else nothing,
    }
    if text:
        csv_file(tmp_path / "f.csv", columns)
    else:
        parquet(tmp_path / "f.parquet", columns)
    found, rows = rolled(tmp_path)
    assert found == "CUR 2.0"
    assert by_approach(rows) == {("handbook", "rag"): Decimal("0.3")}


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"cost-cell": "handbook"}, ("handbook", None)),
        ({"experiment": "handbook"}, ("handbook", None)),
        ({"approach": "rag"}, (None, "rag")),
        ({"experiment": "handbook/v2", "approach": "rag"}, ("handbook/v2", "rag")),
        ({"cost-cell": "handbook/rag", "experiment": "other", "approach": "prompting"}, ("handbook", "rag")),
        ({"experiment-owner": "x", "cost-center": "y", "cell-line": "z"}, (None, None)),
    ],
)
@pytest.mark.parametrize("kind", ["map", "json", "columns"])
def test_the_cost_cell_counts_before_the_tags_that_say_a_part_of_it(
    kind: str, tags: dict[str, str], expected: tuple[str | None, str | None], tmp_path: Path
) -> None:
    lines = [Line(cost="1", tags=tags)]
    if kind == "map":
        parquet(tmp_path / "f.parquet", focus(lines))
    elif kind == "json":
        csv_file(tmp_path / "f.csv", focus(lines))
    else:
        parquet(tmp_path / "f.parquet", cur_legacy(lines))
    assert by_approach(rolled(tmp_path)[1]) == {expected: Decimal(1)}


def test_without_tag_columns_everything_is_untagged(tmp_path: Path) -> None:
    columns = focus(LINES)
    del columns["Tags"]
    parquet(tmp_path / "f.parquet", columns)
    assert set(by_approach(rolled(tmp_path)[1])) == {(None, None)}


def test_a_null_in_place_of_tags_is_untagged(tmp_path: Path) -> None:
    columns = focus(LINES[:2])
    columns["Tags"] = [None, LINES[1].tags]
    parquet(tmp_path / "f.parquet", columns)
    assert by_approach(rolled(tmp_path)[1]) == {(None, None): Decimal("0.1"), ("handbook", "rag"): Decimal("0.2")}


def test_columns_that_a_report_does_not_need_may_be_missing(tmp_path: Path) -> None:
    columns = focus(LINES[:1])
    for name in ("ListCost", "ConsumedQuantity", "ConsumedUnit", "InvoiceId", "x_ServiceCode", "x_Unheard"):
        del columns[name]
    parquet(tmp_path / "f.parquet", columns)
    ((*_, billed, effective, list_cost, quantity, _, _, _),) = rolled(tmp_path)[1]
    assert (billed, effective) == (Decimal("0.1"), Decimal("0.1"))
    assert (list_cost, quantity) == (None, None)


@pytest.mark.parametrize("product", [None, {}, {"product_family": "x"}], ids=["null", "empty", "other"])
@pytest.mark.parametrize("text", [False, True], ids=["map", "json"])
def test_without_a_product_name_the_service_is_its_code(
    product: dict[str, str] | None, text: bool, tmp_path: Path
) -> None:
    columns = cur_2_0([*LINES[:1], Line(cost="1")])
    columns["product"] = [product, {"product_name": "Amazon Bedrock"}]
    if text:
        csv_file(tmp_path / "f.csv", columns)
    else:
        parquet(tmp_path / "f.parquet", columns)
    assert {row[5] for row in rolled(tmp_path)[1]} == {"AmazonBedrock", "Amazon Bedrock"}


def test_a_report_without_a_product_column_names_services_by_their_codes(tmp_path: Path) -> None:
    columns = cur_2_0(LINES[:1])
    del columns["product"]
    parquet(tmp_path / "f.parquet", columns)
    assert rolled(tmp_path)[1][0][5] == "AmazonBedrock"


def test_focus_1_2_names_the_usage_type_sku_meter(tmp_path: Path) -> None:
    columns = focus(LINES[:1])
    columns["SkuMeter"] = columns.pop("x_UsageType")
    parquet(tmp_path / "f.parquet", columns)
    assert rolled(tmp_path)[1][0][7] == "USE1-NovaMicro-input-tokens"


#: Kind of line -> its unblended cost, the columns that say what is effective, and what is.
COMMITMENTS: dict[str, tuple[str, dict[str, str], str]] = {
    "Usage": ("1", {}, "1"),
    "DiscountedUsage": ("0", {"reservation_effective_cost": "3"}, "3"),
    "RIFee": (
        "9",
        {
            "reservation_unused_amortized_upfront_fee_for_billing_period": "0.5",
            "reservation_unused_recurring_fee": "0.25",
        },
        "0.75",
    ),
    "Fee": ("40", {"reservation_reservation_a_r_n": "arn:aws:ec2:us-east-1:1:reserved-instances/r"}, "0"),
    "SavingsPlanCoveredUsage": ("10", {"savings_plan_savings_plan_effective_cost": "6"}, "6"),
    "SavingsPlanNegation": ("-10", {}, "0"),
    "SavingsPlanRecurringFee": (
        "7",
        {"savings_plan_total_commitment_to_date": "7", "savings_plan_used_commitment": "6"},
        "1",
    ),
    "SavingsPlanUpfrontFee": ("100", {}, "0"),
}


@pytest.mark.parametrize("legacy", [False, True], ids=["CUR 2.0", "CUR"])
def test_effective_cost_of_a_cost_and_usage_report_depends_on_the_kind_of_line(legacy: bool, tmp_path: Path) -> None:
    lines = [Line(cost=cost, category=kind) for kind, (cost, _, _) in COMMITMENTS.items()]
    columns = cur_legacy(lines) if legacy else cur_2_0(lines)
    for name in sorted({name for _, said, _ in COMMITMENTS.values() for name in said}):
        columns[name] = [said.get(name) for _, said, _ in COMMITMENTS.values()]
    parquet(tmp_path / "f.parquet", columns)
    effective = {row[8]: row[12] for row in rolled(tmp_path)[1]}
    assert effective == {kind: Decimal(amount) for kind, (_, _, amount) in COMMITMENTS.items()}


def test_a_fee_that_is_not_of_a_reservation_is_what_it_costs(tmp_path: Path) -> None:
    columns = cur_2_0([Line(cost="5", category="Fee"), Line(cost="5", category="Fee")])
    columns["reservation_reservation_a_r_n"] = ["", None]
    parquet(tmp_path / "f.parquet", columns)
    assert [row[12] for row in rolled(tmp_path)[1]] == [Decimal(10)]


def test_an_unused_commitment_that_is_not_said_is_unknown(tmp_path: Path) -> None:
    parquet(tmp_path / "f.parquet", cur_2_0([Line(cost="7", category="SavingsPlanRecurringFee")]))
    assert [(row[11], row[12]) for row in rolled(tmp_path)[1]] == [(Decimal(7), None)]


def test_an_empty_invoice_is_none(tmp_path: Path) -> None:
    columns = focus(LINES[:1])
    columns["InvoiceId"] = [""]
    parquet(tmp_path / "f.parquet", columns)
    assert rolled(tmp_path)[1][0][16] == 0


def test_a_sum_over_lines_that_do_not_all_say_the_amount_is_null(tmp_path: Path) -> None:
    columns = focus([Line(cost="1"), Line(cost="2")])
    columns["ListCost"] = ["1", None]
    columns["ConsumedQuantity"] = [None, "4"]
    parquet(tmp_path / "f.parquet", columns)
    ((*_, billed, _, list_cost, quantity, _, _, _),) = rolled(tmp_path)[1]
    assert billed == 3
    assert (list_cost, quantity) == (None, None)


def test_a_day_ends_at_midnight_utc_also_where_times_carry_a_zone(tmp_path: Path) -> None:
    lines = [Line(cost="1", time="2026-10-05T23:59:59Z"), Line(cost="2", time="2026-10-06T00:00:00Z")]
    csv_file(tmp_path / "f.csv", focus(lines))
    assert [row[0].isoformat() for row in rolled(tmp_path)[1]] == ["2026-10-05", "2026-10-06"]


def test_a_cell_without_a_slash_is_an_experiment_without_an_approach(tmp_path: Path) -> None:
    lines = [Line(cost="1", tags={"cost-cell": "handbook"}), Line(cost="2", tags={"cost-cell": "a/b/c"})]
    parquet(tmp_path / "f.parquet", focus(lines))
    assert set(by_approach(rolled(tmp_path)[1])) == {("handbook", None), ("a", "b/c")}


def test_an_empty_tag_is_no_tag(tmp_path: Path) -> None:
    parquet(tmp_path / "f.parquet", focus([Line(cost="1", tags={"cost-cell": ""})]))
    assert set(by_approach(rolled(tmp_path)[1])) == {(None, None)}


@pytest.mark.parametrize("missing", ["BilledCost", "ChargePeriodStart", "BillingCurrency", "ServiceName"])
def test_a_missing_column_is_named_with_its_file(missing: str, tmp_path: Path) -> None:
    columns = focus(LINES)
    del columns[missing]
    parquet(tmp_path / "data" / "f.parquet", columns)
    with pytest.raises(ExportError, match=rf"data/f\.parquet: FOCUS 1\.2 without column {missing.lower()}"):
        rolled(tmp_path)


def test_a_file_that_is_no_export_is_named(tmp_path: Path) -> None:
    csv_file(tmp_path / "people.csv", {"name": ["a"], "age": [1]})
    with pytest.raises(ExportError, match=r"people\.csv: not a billing export; it has neither BilledCost"):
        rolled(tmp_path)


def test_files_of_different_formats_do_not_lie_together(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", focus(LINES))
    parquet(tmp_path / "b.parquet", cur_2_0(LINES))
    with pytest.raises(ExportError, match=r"b\.parquet is CUR 2\.0 .* a\.parquet is FOCUS 1\.2"):
        rolled(tmp_path)


def test_files_of_one_format_may_differ_in_their_columns_and_types(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", focus(LINES[:6]))
    without_list = {k: v for k, v in focus(LINES[6:]).items() if k not in ("ListCost", "x_Unheard")}
    parquet(tmp_path / "b.parquet", without_list, "DECIMAL(30, 15)")
    parquet(tmp_path / "whole" / "f.parquet", focus(LINES))
    assert by_approach(rolled_all(tmp_path)) == by_approach(rolled(tmp_path / "whole")[1])


def test_a_file_of_whole_numbers_does_not_round_the_others(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", focus([Line(cost="1", tags=cell("rag"))]), "BIGINT")
    parquet(tmp_path / "b.parquet", focus([Line(cost="0.7", tags=cell("rag"))]))
    assert by_approach(rolled(tmp_path)[1]) == {("handbook", "rag"): Decimal("1.7")}


def rolled_all(folder: Path) -> list[RollupRow]:
    (folder / "parts").mkdir()
    for path in folder.glob("*.parquet"):
        path.rename(folder / "parts" / path.name)
    return rolled(folder / "parts")[1]


def test_headers_of_the_first_reports_become_the_names_of_their_parquet_files() -> None:
    assert plain_name("lineItem/UnblendedCost") == "line_item_unblended_cost"
    assert plain_name("bill/BillingPeriodStartDate") == "bill_billing_period_start_date"
    assert plain_name("resourceTags/user:cost-cell") == "resource_tags_user_cost_cell"
    assert plain_name("savingsPlan/SavingsPlanEffectiveCost") == "savings_plan_savings_plan_effective_cost"
    assert plain_name("reservation/ReservationARN") == "reservation_reservation_a_r_n"
    assert plain_name("x_UsageType") == "x_usagetype"


def test_tags_as_a_map_and_as_text_in_one_table_are_refused() -> None:
    columns = dict.fromkeys(cur_2_0([Line(cost="1", tags=cell("rag"))]), "varchar")
    with pytest.raises(ExportError, match=r"t: of tags and resource_tags one is a map and one is text"):
        layout_of({**columns, "resource_tags": "map(varchar, varchar)", "tags": "varchar"}, "t")
