"""Rollups: exact whatever the threads and the order, made again only where files changed, whole after being stopped."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_exports import duckdb_engine, rollups
from billing_exports.query import RollupRow
from billing_exports.sources import local_files
from cost_reports.metering.charges import exact_sum
from tests.unit.billing_exports.export_files import (
    LINES,
    Line,
    cell,
    cur_2_0,
    cur_legacy,
    focus,
    parquet,
    rolled,
    shifted,
)

OCTOBER, NOVEMBER = "data/BILLING_PERIOD=2026-10/a.parquet", "data/BILLING_PERIOD=2026-11/a.parquet"


def lines(count: int) -> list[Line]:
    """Costs that doubles cannot add alike in two orders."""
    dice = random.Random(7)
    return [
        Line(
            cost=repr(dice.uniform(-1, 1) * 10 ** dice.randint(-9, 4)),
            time=f"2026-10-{dice.randint(1, 31):02d} {dice.randint(0, 23):02d}:00:00",
            tags=cell(dice.choice(("rag", "prompting"))),
        )
        for _ in range(count)
    ]


def update(source: Path, out: Path) -> rollups.Rollups:
    connection = duckdb_engine.connect(out.parent)
    try:
        return rollups.update(connection, local_files(source), out)
    finally:
        connection.close()


def read(found: rollups.Rollups) -> list[RollupRow]:
    connection = duckdb_engine.connect(found.paths[0].parent)
    rows: list[RollupRow] = connection.execute(
        f"SELECT * FROM {duckdb_engine.parquet_table(found.paths)} ORDER BY ALL"
    ).fetchall()
    return rows


def billed(rows: list[RollupRow]) -> Decimal:
    return exact_sum(row[11] for row in rows if row[11] is not None)


def test_sums_are_the_same_to_the_last_digit_for_any_threads_and_order(tmp_path: Path) -> None:
    bill = lines(4000)
    expected = exact_sum(Decimal(line.cost).quantize(Decimal("1e-12")) for line in bill)
    results = []
    for number, threads in enumerate((1, 2, 4)):
        shuffled = random.Random(number).sample(bill, len(bill))
        folder = tmp_path / str(number)
        for part in range(3):
            parquet(folder / f"{part}.parquet", focus(shuffled[part::3]))
        results.append(rolled(folder, threads=threads)[1])
    assert results[0] == results[1] == results[2]
    assert abs(billed(results[0]) - expected) <= Decimal("1e-12") * len(bill)


def test_what_has_not_changed_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet(tmp_path / "e" / OCTOBER, focus(LINES))
    parquet(tmp_path / "e" / NOVEMBER, focus(shifted(LINES, period="2026-11", time="2026-11-02 00:00:00")))
    first = update(tmp_path / "e", tmp_path / "out")
    assert (first.changed, first.unchanged) == (("2026-10", "2026-11"), ())
    monkeypatch.setattr(duckdb_engine, "roll_up", lambda *_: pytest.fail("it was read again"))
    again = update(tmp_path / "e", tmp_path / "out")
    assert (again.changed, again.unchanged, again.removed) == ((), ("2026-10", "2026-11"), ())
    assert again.paths == first.paths


@pytest.mark.parametrize("name", ["duckdb_engine", "formats", "query", "reading"])
def test_what_was_read_by_other_code_is_read_again(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet(tmp_path / "e" / OCTOBER, focus(LINES))
    update(tmp_path / "e", tmp_path / "out")
    changed = tmp_path / "changed.py"
    changed.write_text("# other code", encoding="utf-8")
    (module,) = (m for m in rollups.READERS if m.__name__ == f"billing_exports.{name}")
    monkeypatch.setattr(module, "__file__", str(changed))
    assert update(tmp_path / "e", tmp_path / "out").changed == ("2026-10",)


def test_a_month_that_was_rewritten_is_replaced_whole(tmp_path: Path) -> None:
    parquet(tmp_path / "e" / OCTOBER, focus(LINES))
    parquet(tmp_path / "e" / NOVEMBER, focus(shifted(LINES[:1], period="2026-11", time="2026-11-02 00:00:00")))
    update(tmp_path / "e", tmp_path / "out")
    parquet(tmp_path / "e" / OCTOBER, focus(LINES[:1]))
    parquet(tmp_path / "e" / OCTOBER.replace("a.", "b."), focus(LINES[:1]))
    found = update(tmp_path / "e", tmp_path / "out")
    assert (found.changed, found.unchanged) == (("2026-10",), ("2026-11",))
    assert [(row[1], row[11], row[17]) for row in read(found)] == [
        ("2026-10", Decimal("0.2"), 2),
        ("2026-11", Decimal("0.1"), 1),
    ]


def test_a_file_of_the_same_size_and_name_but_another_time_is_read_again(tmp_path: Path) -> None:
    path = parquet(tmp_path / "e" / OCTOBER, focus([Line(cost="1")]))
    update(tmp_path / "e", tmp_path / "out")
    size = path.stat().st_size
    parquet(path, focus([Line(cost="2")]))
    os.utime(path, ns=(1, 1))
    assert path.stat().st_size == size
    found = update(tmp_path / "e", tmp_path / "out")
    assert billed(read(found)) == 2


def test_a_month_that_is_gone_takes_its_rollup_with_it(tmp_path: Path) -> None:
    parquet(tmp_path / "e" / OCTOBER, focus(LINES))
    gone = parquet(tmp_path / "e" / NOVEMBER, focus(shifted(LINES, period="2026-11", time="2026-11-02 00:00:00")))
    update(tmp_path / "e", tmp_path / "out")
    gone.unlink()
    found = update(tmp_path / "e", tmp_path / "out")
    assert found.removed == ("2026-11",)
    assert [path.name for path in (tmp_path / "out").glob("*.parquet")] == ["billing_period=2026-10.parquet"]


@pytest.mark.parametrize("step", ["write_period", "_write_record"])
def test_being_stopped_anywhere_is_made_good_by_the_next_call(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet(tmp_path / "e" / OCTOBER, focus(LINES))
    update(tmp_path / "e", tmp_path / "out")
    parquet(tmp_path / "e" / OCTOBER, focus(LINES[:2]))
    parquet(tmp_path / "e" / NOVEMBER, focus(shifted(LINES[:1], period="2026-11", time="2026-11-02 00:00:00")))

    class KilledError(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(duckdb_engine if step == "write_period" else rollups, step, killed)
        with pytest.raises(KilledError):
            update(tmp_path / "e", tmp_path / "out")
    found = update(tmp_path / "e", tmp_path / "out")
    assert set(found.changed) == {"2026-10", "2026-11"}
    assert billed(read(found)) == Decimal("0.4")


def test_a_lost_or_damaged_record_or_rollup_is_made_again(tmp_path: Path) -> None:
    parquet(tmp_path / "e" / OCTOBER, focus(LINES))
    first = update(tmp_path / "e", tmp_path / "out")
    (tmp_path / "out" / rollups.RECORD).write_text("{", encoding="utf-8")
    assert update(tmp_path / "e", tmp_path / "out").changed == ("2026-10",)
    first.paths[0].unlink()
    assert update(tmp_path / "e", tmp_path / "out").changed == ("2026-10",)


def test_of_two_exports_of_a_bill_one_is_read_and_the_other_is_named(tmp_path: Path) -> None:
    parquet(tmp_path / "e" / "x-cur" / OCTOBER, cur_2_0(LINES))
    parquet(tmp_path / "e" / "x-focus" / OCTOBER, focus(LINES))
    found = update(tmp_path / "e", tmp_path / "out")
    assert found.format == "FOCUS 1.2"
    assert found.notes == ("The export x-cur (CUR 2.0) holds the same bill and was not read.",)
    assert billed(read(found)) == billed(rolled(tmp_path / "e" / "x-focus")[1])


def test_a_month_that_only_a_less_useful_export_holds_is_read_from_it(tmp_path: Path) -> None:
    september = shifted(LINES[:1], period="2026-09", time="2026-09-02 00:00:00")
    parquet(tmp_path / "e" / "x-cur" / OCTOBER, cur_2_0(LINES))
    parquet(tmp_path / "e" / "x-cur" / OCTOBER.replace("2026-10", "2026-09"), cur_2_0(september))
    parquet(tmp_path / "e" / "x-focus" / OCTOBER, focus(LINES))
    parquet(tmp_path / "e" / "x-old" / OCTOBER, cur_legacy(LINES))
    found = update(tmp_path / "e", tmp_path / "out")
    assert (found.format, found.changed) == ("FOCUS 1.2 and CUR 2.0", ("2026-09", "2026-10"))
    assert found.notes == (
        "The months were read from several exports: 2026-10 from x-focus (FOCUS 1.2); 2026-09 from x-cur (CUR 2.0).",
        "The export x-old (CUR) holds the same bill and was not read.",
    )
    assert billed(read(found)) == billed(rolled(tmp_path / "e" / "x-focus")[1]) + Decimal("0.1")


def test_a_month_that_a_better_export_begins_to_hold_is_read_from_that(tmp_path: Path) -> None:
    parquet(tmp_path / "e" / "x-cur" / OCTOBER, cur_2_0(LINES))
    update(tmp_path / "e", tmp_path / "out")
    parquet(tmp_path / "e" / "x-focus" / OCTOBER, focus(LINES[:2]))
    found = update(tmp_path / "e", tmp_path / "out")
    assert (found.changed, found.removed) == (("2026-10",), ())
    assert billed(read(found)) == Decimal("0.3")


def test_months_of_two_exports_of_one_format_are_one_bill(tmp_path: Path) -> None:
    november = shifted(LINES[:1], period="2026-11", time="2026-11-02 00:00:00")
    parquet(tmp_path / "e" / "before" / OCTOBER, focus(LINES[:1]))
    parquet(tmp_path / "e" / "after" / NOVEMBER, focus(november))
    found = update(tmp_path / "e", tmp_path / "out")
    assert (found.format, found.changed) == ("FOCUS 1.2", ("2026-10", "2026-11"))
    assert billed(read(found)) == Decimal("0.2")


def test_beside_files_of_no_month_one_export_is_read_whole(tmp_path: Path) -> None:
    parquet(tmp_path / "e" / "loose" / "a.parquet", cur_2_0(LINES))
    parquet(tmp_path / "e" / "x-focus" / OCTOBER, focus(LINES[:1]))
    found = update(tmp_path / "e", tmp_path / "out")
    assert billed(read(found)) == Decimal("0.1")
    assert found.notes == (
        "The export loose (CUR 2.0) may hold the same bill and was not read; its folder can be read alone.",
    )


@pytest.mark.parametrize(
    ("write", "column"),
    [
        (focus, "BillingAccountName"),
        (focus, "SubAccountName"),
        (cur_2_0, "bill_payer_account_name"),
        (cur_2_0, "line_item_usage_account_name"),
    ],
)
@pytest.mark.parametrize(("name", "expected"), [("SIMULATED (embedded AWS)", True), ("Payer", False), (None, False)])
def test_a_bill_of_an_embedded_aws_is_told_by_the_name_of_its_account(
    write: Callable[..., dict[str, list[object]]], column: str, name: str | None, expected: bool, tmp_path: Path
) -> None:
    parquet(tmp_path / "e" / OCTOBER, write(LINES))
    parquet(tmp_path / "e" / OCTOBER.replace("a.", "b."), {**write(LINES), column: [name for _ in LINES]})
    assert update(tmp_path / "e", tmp_path / "out").simulated is expected
    assert update(tmp_path / "e", tmp_path / "out").simulated is expected, "of months that are not read again too"


def test_loose_files_may_hold_several_months(tmp_path: Path) -> None:
    november = shifted(LINES[:1], period="2026-11", time="2026-11-02 00:00:00")
    parquet(tmp_path / "e" / "a.parquet", focus([*LINES, *november]))
    found = update(tmp_path / "e", tmp_path / "out")
    assert found.changed == ("2026-10", "2026-11")


def test_an_export_without_lines_has_no_months(tmp_path: Path) -> None:
    parquet(tmp_path / "e" / "a.parquet", focus(LINES))
    (tmp_path / "out").mkdir()
    connection = duckdb_engine.connect(tmp_path)
    path = tmp_path / "e" / "a.parquet"
    connection.execute(f"COPY (SELECT * FROM '{path}' WHERE FALSE) TO '{tmp_path / 'e' / 'b.parquet'}'")
    path.unlink()
    assert update(tmp_path / "e", tmp_path / "out").paths == ()
