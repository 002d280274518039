"""The fact table: a window is replaced whole or not at all, and nothing foreign gets in."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.money import ChargeRow
from cost_reports.compare.restatements import restatements, together
from cost_reports.ledger import COLUMNS, Ledger, LedgerError
from cost_reports.metering.charges import total
from cost_reports.spend_report.records import Window
from cost_reports.spend_report.report import Restatement
from tests.unit.lambdas.spend_report.ledger_rows import ACCOUNT, NOVEMBER, put, row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def test_rows_come_back_as_they_were(path: Path) -> None:
    whole = row(
        quantity=Decimal("1E+3"),
        unit="OCU-hour",
        effective_usd=Decimal("-0.000000000001"),
        list_usd=Decimal(0),
        usage_type="USE1-SearchOCU",
        model="a'b\";--$",
        variant="x",
        estimated=False,
    )
    untagged = row(experiment=None, approach=None, amount="123456789012345678.000000000001")
    with Ledger(path) as ledger:
        put(ledger, whole, untagged)
    with Ledger(path) as ledger:
        assert set(ledger.rows(source="billed-ce")) == {whole, untagged}


def test_the_table_has_the_columns_of_the_contract(path: Path) -> None:
    Ledger(path).close()
    assert tuple(f.name for f in fields(ChargeRow)) == COLUMNS
    connection = sqlite3.connect(path)
    assert tuple(c[1] for c in connection.execute("PRAGMA table_info(charges)")) == COLUMNS
    connection.close()


def test_a_day_restated_twice_shows_the_last_state_and_vanished_groups_are_gone(path: Path) -> None:
    with Ledger(path) as ledger:
        put(ledger, row(amount="1"), row(amount="5", approach="prompting"))
        put(ledger, row(amount="2"))
        put(ledger, row(amount="3"))
        assert [(r.approach, r.amount_usd) for r in ledger.rows(source="billed-ce")] == [("rag", Decimal(3))]


def test_what_lies_outside_the_window_or_is_anothers_stays(path: Path) -> None:
    october = Window(start=date(2026, 10, 1), end=date(2026, 11, 1))
    kept = [row("2026-10-31"), row("2026-11-30", account=None), row("2026-11-25", source="billed-export", cut="whole")]
    with Ledger(path) as ledger:
        put(ledger, kept[0], window=october)
        put(ledger, kept[1], account=None)
        put(ledger, kept[2], source="billed-export")
        put(ledger, row("2026-11-01"), row("2026-11-30"))
        put(ledger)
        assert {*ledger.rows(source="billed-ce"), *ledger.rows(source="billed-export")} == set(kept)


def test_cuts_that_were_not_read_keep_their_rows(path: Path) -> None:
    service, model = row(), row(cut="model", model="Nova Micro")
    with Ledger(path) as ledger:
        put(ledger, service, model)
        put(ledger, row(amount="9"), cuts=("service", "usage-type"))
        assert set(ledger.rows(source="billed-ce")) == {row(amount="9"), model}
        put(ledger, cuts=())
        assert len(ledger.rows(source="billed-ce")) == 2


def test_rows_are_narrowed(path: Path) -> None:
    rows = [
        row("2026-11-01"),
        row("2026-11-30"),
        row("2026-11-15", cut="model"),
        row("2026-11-15", experiment="other"),
        row("2026-11-15", experiment=None, approach=None),
    ]
    with Ledger(path) as ledger:
        put(ledger, *rows)
        first_half = Window(start=date(2026, 11, 1), end=date(2026, 11, 30))
        assert len(ledger.rows(source="billed-ce", window=first_half)) == 4
        assert ledger.rows(source="billed-ce", cut="model") == [rows[2]]
        assert ledger.rows(source="billed-ce", experiment="other") == [rows[3]]
        assert ledger.rows(source="billed-ce", account="999") == []
        assert ledger.rows(source="metered") == []
        assert [r.day for r in ledger.rows(source="billed-ce")] == sorted(r.day for r in rows)


def test_that_a_window_was_read_is_known_even_if_nothing_was_found(path: Path) -> None:
    week = Window(start=date(2026, 11, 2), end=date(2026, 11, 9))
    with Ledger(path) as ledger:
        assert ledger.readings(source="billed-ce") == []
        put(ledger, window=week, read_at="2026-11-10T00:00:00Z")
        assert [(r.account, r.window) for r in ledger.readings(source="billed-ce")] == [(ACCOUNT, week)]
        put(ledger, read_at="2026-11-27T00:00:00Z")
        assert [(r.window, r.read_at) for r in ledger.readings(source="billed-ce")] == [
            (NOVEMBER, "2026-11-27T00:00:00Z")
        ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            row("2026-12-01"),
            r"row 2 \(2026-12-01 service handbook rag Amazon Open.*\) lies outside 2026-11-01 to 2026-12",
        ),
        (row("2026-10-31"), "lies outside"),
        (row("2026-11-31"), "has the day '2026-11-31', which is none"),
        (row("20261125"), "lies outside"),
        (row(source="metered"), "is metered, not billed-ce"),
        (row(account="999"), "is of account 999, not 123456789012"),
        (row(account=None), "is of account None, not 123456789012"),
        (row(amount="NaN"), "has amount_usd NaN, which is no number"),
        (row(quantity=Decimal("-Infinity")), "has quantity -Infinity"),
        (row(cut="model"), "is of the cut model, which is not among those"),
    ],
)
def test_a_foreign_row_changes_nothing(path: Path, wrong: ChargeRow, message: str) -> None:
    with Ledger(path) as ledger:
        put(ledger, row(amount="7"))
        with pytest.raises(LedgerError, match=message):
            put(ledger, row(), wrong, cuts=("service",))
        assert ledger.rows(source="billed-ce") == [row(amount="7")]


DAYS = st.integers(0, 89).map(lambda n: (date(2026, 10, 1) + timedelta(days=n)).isoformat())
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=12, allow_nan=False)
ROWS = st.lists(
    st.builds(row, day=DAYS, amount=AMOUNTS.map(str), approach=st.sampled_from(["rag", "prompting", None])), max_size=12
)


@st.composite
def windows(draw: Any) -> Window:
    first = date(2026, 10, 1) + timedelta(days=draw(st.integers(0, 80)))
    return Window(start=first, end=first + timedelta(days=draw(st.integers(1, 10))))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(windows(), ROWS), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_any_readings_leave_what_a_plain_dictionary_of_days_would(
    readings: list[tuple[Window, list[ChargeRow]]], dice: Any
) -> None:
    expected: dict[str, list[ChargeRow]] = {}
    with Ledger(Path(":memory:")) as ledger:
        for window, found in readings:
            inside = [r for r in found if window.start.isoformat() <= r.day < window.end.isoformat()]
            put(ledger, *inside, window=window)
            dice.shuffle(inside)
            put(ledger, *inside, window=window)  # a second time, in another order: the same as once
            for n in range((window.end - window.start).days):
                day = (window.start + timedelta(days=n)).isoformat()
                expected[day] = [r for r in inside if r.day == day]
        stored = ledger.rows(source="billed-ce")
    kept = [r for rows in expected.values() for r in rows]
    assert Counter(stored) == Counter(kept)
    assert total(stored) == total(kept)


KILLED = """
import os, signal, sys
from pathlib import Path
from cost_reports.ledger import Ledger
from tests.unit.lambdas.spend_report.ledger_rows import put, row
ledger = Ledger(Path(sys.argv[1]))
ledger._connection.execute("PRAGMA cache_size = 2")  # so that the half-done change is in the file, not in memory
seen = []
def stop(statement):
    if statement.startswith("INSERT INTO charges"):
        seen.append(1)
        if len(seen) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
ledger._connection.set_trace_callback(stop)
put(ledger, *[row(f"2026-11-{n % 30 + 1:02}", amount=str(n)) for n in range(3000)])
"""


@pytest.mark.parametrize("at", [1, 2900])
def test_a_program_that_is_killed_between_delete_and_insert_loses_nothing(path: Path, at: int) -> None:
    before = [row(f"2026-11-{n % 30 + 1:02}", amount=f"0.{n + 1:04}") for n in range(2000)]
    with Ledger(path) as ledger:
        put(ledger, *before)
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(at)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert path.with_name(path.name + "-journal").exists()
    with Ledger(path) as ledger:
        assert Counter(ledger.rows(source="billed-ce")) == Counter(before)
        put(ledger, row())
        assert ledger.rows(source="billed-ce") == [row()]


def test_one_writer_at_a_time_and_a_clear_word_about_the_other_one(path: Path) -> None:
    with Ledger(path) as ledger, Ledger(path, timeout_s=0.01, name="s3://b/charges.parquet") as second:
        put(ledger, row(amount="7"))
        ledger._connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            LedgerError, match=r"^s3://b/charges.parquet: another program has been writing for more than 0.01 s"
        ):
            put(second, row())
        assert second.rows(source="billed-ce") == [row(amount="7")]  # readers are let in
        ledger._connection.execute("ROLLBACK")
        put(second, row())
        assert ledger.rows(source="billed-ce") == [row()]


def test_many_writers_one_after_the_other(path: Path) -> None:
    def write(n: int) -> None:
        with Ledger(path, timeout_s=30) as ledger:
            put(ledger, *[row(amount=str(n)) for _ in range(20)])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Ledger(path) as ledger:
        rows = ledger.rows(source="billed-ce")
    assert len(rows) == 20
    assert len({r.amount_usd for r in rows}) == 1


def other_schema(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 7")
    connection.commit()
    connection.close()


def other_program(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (x)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"not a database at all" * 100), "cannot be used .*not a database"),
        (other_schema, "schema 7 is not 1, which this program writes; move the file away"),
        (other_program, "schema 0 is not 1"),
        (lambda path: path.mkdir(), "cannot be used .*unable to open"),
    ],
)
def test_a_file_that_is_no_ledger_of_ours(path: Path, make: Callable[[Path], None], message: str) -> None:
    make(path)
    with pytest.raises(LedgerError, match=f"{path}: .*{message}"):
        Ledger(path)


def test_a_truncated_file_is_an_error_and_no_empty_ledger(path: Path) -> None:
    with Ledger(path) as ledger:
        put(ledger, *[row(amount=str(n)) for n in range(2000)])
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(LedgerError, match="cannot be used"), Ledger(path) as ledger:
        ledger.rows(source="billed-ce")


def test_a_damaged_amount_is_named(path: Path) -> None:
    with Ledger(path) as ledger:
        put(ledger, row())
        ledger._connection.execute("UPDATE charges SET amount_usd = 'much'")
        with pytest.raises(LedgerError, match="amount_usd 'much' of 2026-11-25 Amazon OpenSearch Service is no number"):
            ledger.rows(source="billed-ce")


# What changed between two readings.


def test_changed_new_and_vanished_money_of_days_that_were_reached() -> None:
    old = [
        row("2026-11-24", "1"),
        row("2026-11-24", "0.5", service="Amazon S3"),
        row("2026-11-24", "4", approach="prompting"),
        row("2026-11-25", "2"),
        row("2026-11-25", "3", approach=None, experiment=None),
    ]
    new = [
        row("2026-11-24", "1.5", service="another name"),
        row("2026-11-25", "2.0000000001"),
        row("2026-11-25", "3", approach=None, experiment=None),
        row("2026-11-25", "8", approach="shared"),
        row("2026-11-26", "9"),
    ]
    assert restatements(old, new) == (
        Restatement(day="2026-11-24", approach="prompting", before_usd=Decimal(4), now_usd=None),
        Restatement(day="2026-11-25", approach="rag", before_usd=Decimal(2), now_usd=Decimal("2.0000000001")),
        Restatement(day="2026-11-25", approach="shared", before_usd=None, now_usd=Decimal(8)),
    )
    assert restatements(old, old) == ()
    assert restatements([], new) == ()
    assert restatements(old, []) == ()


def test_restatements_of_one_experiment() -> None:
    old = [row(amount="1"), row(amount="1", experiment="other")]
    new = [row(amount="1"), row(amount="2", experiment="other")]
    assert restatements(old, new, experiment="handbook") == ()
    assert restatements(old, new)[0].now_usd == Decimal(3)


def test_cuts_are_never_added_and_a_refused_cut_is_no_vanished_money() -> None:
    old = [row(amount="1"), row(amount="1", cut="usage-type"), row(amount="1", cut="model")]
    new = [row(amount="1", cut="usage-type"), row(amount="5", cut="model")]
    assert restatements(old, new) == ()
    assert restatements([row(amount="1")], [row(amount="2", cut="model")]) == ()


def test_a_cut_that_was_refused_before_leaves_days_that_are_new_to_it() -> None:
    old = [row("2026-11-24"), row("2026-11-24", cut="usage-type"), row("2026-11-25", cut="usage-type")]
    new = [row("2026-11-24"), row("2026-11-25")]
    assert restatements(old, new) == ()


def test_days_that_were_not_whole_when_they_were_read_are_not_restated() -> None:
    old = [row("2026-11-25"), row("2026-11-26", "0.1"), row("2026-11-27", "0.1")]
    new = [row("2026-11-25", "2"), row("2026-11-26", "3"), row("2026-11-27", "3")]
    assert [r.day for r in restatements(old, new)] == ["2026-11-25"]


def test_a_later_credit_is_a_restatement() -> None:
    whole = [row(cut="service"), row(cut="usage-type"), row(cut="record-type")]
    credit = row(cut="record-type", amount="-0.4", charge_category="Credit")
    assert [r.now_usd for r in restatements(whole, [*whole, credit])] == [Decimal("0.6")]


def test_changes_of_two_reports_become_one_list() -> None:
    def change(day: str, before: str | None, now: str | None) -> Restatement:
        amounts = [None if text is None else Decimal(text) for text in (before, now)]
        return Restatement(day=day, approach="rag", before_usd=amounts[0], now_usd=amounts[1])

    earlier = [change("2026-11-20", "1", "2"), change("2026-11-21", "1", "2"), change("2026-11-22", None, "2")]
    later = [change("2026-11-21", "2", "3"), change("2026-11-22", "2", None), change("2026-11-19", "5", "6")]
    assert together(earlier, later) == (
        change("2026-11-19", "5", "6"),
        change("2026-11-20", "1", "2"),
        change("2026-11-21", "1", "3"),
    )
    assert together(earlier, []) == tuple(earlier)


def test_exports_are_compared_whole() -> None:
    old = [row(cut="whole", source="billed-export", amount="1")]
    new = [row(cut="whole", source="billed-export", amount="1.000000000001")]
    assert [r.now_usd for r in restatements(old, new)] == [Decimal("1.000000000001")]
