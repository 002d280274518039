"""The fact table in a bucket: a window is replaced whole, also by two reports at once or after one that was killed."""

from __future__ import annotations

import gzip
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import fact_table
from contracts.money import ChargeRow
from cost_reports.metering.charges import total
from cost_reports.spend_report.records import Window
from lambdas.common.facts import Facts, FactsError, ImportedWindow, PeriodCharges, periods_of
from lambdas.common.store import ATTEMPTS, OvertakenError, Results
from tests.unit.lambdas.fact_rows import NOVEMBER, READ_AT, kept, put, row
from tests.unit.lambdas.spend_report.bill_pages import refused

CHARGES = "reports/handbook/facts/charges/"
KEY = f"{CHARGES}source=billed-ce/period=2026-11/charges.jsonl.gz"
OCTOBER_ON = Window(start=date(2026, 10, 1), end=date(2026, 11, 28))


@pytest.fixture
def facts(results: Results) -> Facts:
    return Facts(results, "handbook")


class Hooked:
    """An S3 client that calls `before_put` once for each write, before it."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self.before_put: list[Callable[[], None]] = []
        self.puts: list[str] = []
        self.gets: list[str] = []

    def get_object(self, **parameters: Any) -> Any:
        self.gets.append(parameters["Key"])
        return self._s3.get_object(**parameters)

    def put_object(self, **parameters: Any) -> Any:
        self.puts.append(parameters["Key"])
        if self.before_put:
            self.before_put.pop(0)()
        return self._s3.put_object(**parameters)


@pytest.fixture
def hooked(results: Results) -> Hooked:
    return Hooked(results.s3)


def through(results: Results, s3: Any) -> Facts:
    return Facts(Results(results.bucket, s3), "handbook")


def put_day(facts: Facts, day: str, amount: str = "1") -> None:
    """Replace one day."""
    start = date.fromisoformat(day)
    put(facts, row(day, amount), window=Window(start=start, end=start + timedelta(days=1)))


def days(facts: Facts) -> dict[str, str]:
    return {r.day: str(r.amount_usd) for r in kept(facts)}


# What a reading replaces.


def test_a_period_that_was_never_read_is_empty_and_the_first_write_makes_it(facts: Facts, results: Results) -> None:
    assert facts.read("billed-ce", "2026-11") == PeriodCharges()
    put_day(facts, "2026-11-24")
    put_day(facts, "2026-11-25", "2")
    assert days(facts) == {"2026-11-24": "1", "2026-11-25": "2"}
    assert results.list_keys(CHARGES) == [KEY]
    assert facts.uri("billed-ce", "2026-11") == f"s3://{results.bucket}/{KEY}"


def test_each_period_is_an_object_and_only_those_of_the_window_are_touched(results: Results, hooked: Hooked) -> None:
    facts = through(results, results.s3)
    put(facts, row("2026-09-30"), window=Window(start=date(2026, 9, 1), end=date(2026, 10, 1)))
    put(through(results, hooked), row("2026-10-31"), row("2026-11-01"), window=OCTOBER_ON)
    assert hooked.gets == hooked.puts == [KEY.replace("-11/", "-10/"), KEY]
    assert [r.day for r in facts.read("billed-ce", "2026-10").rows] == ["2026-10-31"]
    assert [r.day for r in kept(facts)] == ["2026-09-30", "2026-10-31", "2026-11-01"]


def test_an_unchanged_period_is_not_written_again(results: Results, hooked: Hooked) -> None:
    facts = through(results, hooked)
    put(facts, row(), row(amount="2"))
    put(facts, row(amount="2"), row())
    assert hooked.puts == [KEY]
    put(facts, row(), row(amount="2"), read_at="2026-11-28T09:30:00Z")
    assert hooked.puts == [KEY, KEY]


def test_a_day_restated_twice_shows_the_last_state_and_vanished_groups_are_gone(facts: Facts) -> None:
    put(facts, row(amount="1"), row(amount="5", approach="prompting"))
    put(facts, row(amount="2"))
    put(facts, row(amount="3"))
    assert [(r.approach, r.amount_usd) for r in kept(facts)] == [("rag", Decimal(3))]


def test_what_lies_outside_the_window_or_is_anothers_stays(facts: Facts) -> None:
    stay = [row("2026-10-31"), row("2026-11-30", account=None), row(source="billed-export", cut="whole")]
    put(facts, stay[0], window=Window(start=date(2026, 10, 1), end=date(2026, 11, 1)))
    put(facts, stay[1], account=None)
    put(facts, stay[2], source="billed-export")
    put(facts, row("2026-11-01"), row("2026-11-30"))
    put(facts)
    assert {*kept(facts), *kept(facts, "billed-export")} == set(stay)


def test_groupings_that_were_not_read_keep_their_rows(facts: Facts) -> None:
    model = row(cut="model", model="Nova Micro")
    put(facts, row(), model)
    put(facts, row(amount="9"), groupings=("service", "usage-type"))
    assert set(kept(facts)) == {row(amount="9"), model}
    put(facts, groupings=())
    assert len(kept(facts)) == 2


def test_a_correction_that_is_billed_later_than_its_day_lies_in_the_period_of_its_bill(facts: Facts) -> None:
    correction = row("2026-10-05", "-1", billing_period="2026-11")
    put(facts, row("2026-10-05"), correction, window=OCTOBER_ON)
    assert facts.read("billed-ce", "2026-11").rows == (correction,)
    put(facts, row("2026-10-05", "2"), window=OCTOBER_ON)
    assert [str(r.amount_usd) for r in kept(facts)] == ["2"]


def test_that_a_window_was_read_is_known_even_if_nothing_was_found(facts: Facts) -> None:
    put(facts, window=OCTOBER_ON)
    for period in ("2026-10", "2026-11"):
        imported = ImportedWindow(window=OCTOBER_ON, read_at=READ_AT)
        assert facts.read("billed-ce", period) == PeriodCharges(imported=imported)
    assert facts.read("billed-ce", "2026-12").imported is None
    assert set(facts.written("billed-ce")) == {"2026-10", "2026-11"}
    assert facts.written("billed-export") == {}


@pytest.mark.parametrize("whole", [True, False])
def test_an_older_reading_is_not_written_over_a_newer_one(facts: Facts, whole: bool) -> None:
    put(facts, row(amount="7"))
    older = ImportedWindow(window=NOVEMBER, read_at="2026-11-27T09:29:59Z")
    if whole:
        facts.replace_period("billed-ce", "2026-11", PeriodCharges(rows=(row(),), imported=older))
    else:
        put(facts, row(), window=OCTOBER_ON, read_at=older.read_at)
        assert facts.read("billed-ce", "2026-10").imported is not None
    assert kept(facts) == [row(amount="7")]
    newer = replace(older, read_at="2026-11-28T00:00:00Z", digest="ab" * 32)
    facts.replace_period("billed-ce", "2026-11", PeriodCharges(rows=(row(),), imported=newer))
    assert facts.read("billed-ce", "2026-11") == PeriodCharges(rows=(row(),), imported=newer)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (row("2026-12-01"), r"row 2 \(2026-12-01 service handbook rag Amazon Open.*\) lies outside 2026-11-01 to 2026"),
        (row("2026-10-31"), "lies outside"),
        (row("2026-11-31"), "has an invalid day \\(got '2026-11-31'"),
        (row("20261125"), "lies outside"),
        (row(billing_period="2026-12"), "is billed in 2026-12, outside 2026-11-01 to 2026-12-01"),
        (row(source="metered"), "is metered, not billed-ce"),
        (row(account="999"), "is of account 999, not 123456789012"),
        (row(account=None), "is of account None, not 123456789012"),
        (row(amount="NaN"), "has amount_usd NaN, which is not a number"),
        (row(quantity=Decimal("-Infinity")), "has quantity -Infinity"),
        (row(cut="model"), "is of the grouping model, which is not among those"),
    ],
)
def test_a_foreign_row_changes_nothing(results: Results, hooked: Hooked, wrong: ChargeRow, message: str) -> None:
    facts = through(results, hooked)
    put(facts, row(amount="7"))
    with pytest.raises(FactsError, match=message):
        put(facts, row(), wrong, groupings=("service",))
    assert len(hooked.puts) == 1
    assert facts.read("billed-ce", "2026-11").rows == (row(amount="7"),)


DAYS = st.integers(0, 89).map(lambda n: (date(2026, 10, 1) + timedelta(days=n)).isoformat())
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=12, allow_nan=False)
ROWS = st.lists(
    st.builds(row, day=DAYS, amount=AMOUNTS.map(str), approach=st.sampled_from(["rag", "prompting", None])), max_size=12
)


@st.composite
def windows(draw: Any) -> Window:
    first = date(2026, 10, 1) + timedelta(days=draw(st.integers(0, 80)))
    return Window(start=first, end=first + timedelta(days=draw(st.integers(1, 10))))


class Memory:
    """As much of S3 as the fact table needs."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803  (S3's names)
        if Key not in self.objects:
            raise refused("NoSuchKey", status=404)
        stored = self.objects[Key]
        return {**stored, "Body": io.BytesIO(stored["Body"]), "ETag": "e"}

    def put_object(self, *, Key: str, **stored: Any) -> None:  # noqa: N803
        self.objects[Key] = stored


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(windows(), ROWS), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_any_readings_leave_what_a_plain_dictionary_of_days_would(
    readings: list[tuple[Window, list[ChargeRow]]], dice: Any
) -> None:
    expected: dict[str, list[ChargeRow]] = {}
    facts = Facts(Results("b", Memory()), "handbook")
    for window, rows in readings:
        inside = [r for r in rows if window.start.isoformat() <= r.day < window.end.isoformat()]
        put(facts, *inside, window=window)
        dice.shuffle(inside)
        put(facts, *inside, window=window)  # a second time, in another order: the same as once
        for n in range((window.end - window.start).days):
            day = (window.start + timedelta(days=n)).isoformat()
            expected[day] = [r for r in inside if r.day == day]
    stored = [r for period in ("2026-10", "2026-11", "2026-12") for r in facts.read("billed-ce", period).rows]
    wanted = [r for rows in expected.values() for r in rows]
    assert Counter(stored) == Counter(wanted)
    assert total(stored) == total(wanted)


@pytest.mark.parametrize(
    ("start", "end", "periods"),
    [
        ("2026-11-01", "2026-12-01", ["2026-11"]),
        ("2026-11-30", "2026-12-02", ["2026-11", "2026-12"]),
        ("2025-12-31", "2026-02-01", ["2025-12", "2026-01"]),
    ],
)
def test_the_periods_of_a_window(start: str, end: str, periods: list[str]) -> None:
    assert periods_of(Window(start=date.fromisoformat(start), end=date.fromisoformat(end))) == periods


# Two reports at once, and one that is stopped.


@pytest.mark.parametrize("exists", [False, True])
def test_two_reports_at_once_lose_nothing_and_count_nothing_twice(
    results: Results, facts: Facts, hooked: Hooked, exists: bool, waits: list[float]
) -> None:
    if exists:
        put_day(facts, "2026-11-01")
    hooked.before_put.append(lambda: put_day(facts, "2026-11-24"))  # between the other one's read and write
    put_day(through(results, hooked), "2026-11-25")
    assert set(days(facts)) == {"2026-11-24", "2026-11-25"} | ({"2026-11-01"} if exists else set())
    assert (len(hooked.puts), len(waits)) == (2, 1)
    # Of the same window they count nothing twice.
    hooked.before_put.append(lambda: put(facts, row(), row(amount="2")))
    put(through(results, hooked), row(), row(amount="2"))
    assert [str(r.amount_usd) for r in kept(facts)] == ["1", "2"]


@pytest.mark.parametrize("at", [0, 1])
def test_a_report_that_is_killed_between_two_periods_leaves_each_whole_and_the_next_one_repeats_it(
    results: Results, facts: Facts, hooked: Hooked, at: int
) -> None:
    before, after = ([row(day, amount) for day in ("2026-10-31", "2026-11-01")] for amount in ("1", "2"))
    put(facts, *before, window=OCTOBER_ON)

    def killed() -> None:
        raise KeyboardInterrupt

    hooked.before_put += [lambda: None] * at + [killed]
    with pytest.raises(KeyboardInterrupt):
        put(through(results, hooked), *after, window=OCTOBER_ON)
    assert kept(facts) == [*after[:at], *before[at:]]
    put(facts, *after, window=OCTOBER_ON)
    assert kept(facts) == after


def test_a_write_whose_answer_was_lost_is_done_again_with_the_same_result(
    results: Results, facts: Facts, hooked: Hooked, waits: list[float]
) -> None:
    def written_but_unanswered() -> None:
        put_day(facts, "2026-11-25")
        raise refused("InternalError", status=500)

    hooked.before_put.append(written_but_unanswered)
    put_day(through(results, hooked), "2026-11-25")
    assert days(facts) == {"2026-11-25": "1"}


def test_an_object_that_is_deleted_meanwhile_is_made_again(
    results: Results, facts: Facts, hooked: Hooked, waits: list[float]
) -> None:
    put_day(facts, "2026-11-24")
    hooked.before_put.append(lambda: results.s3.delete_object(Bucket=results.bucket, Key=KEY))
    put_day(through(results, hooked), "2026-11-25")
    assert days(facts) == {"2026-11-25": "1"}


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "PreconditionFailed"])
def test_other_writers_that_always_come_first_end_in_a_clear_error(
    results: Results, hooked: Hooked, code: str, waits: list[float]
) -> None:
    def conflict() -> None:
        raise refused(code, status=409)

    hooked.before_put.extend([conflict] * ATTEMPTS)
    with pytest.raises(
        OvertakenError,
        match=r"charges.jsonl.gz: other writers changed it first in each of up to 10 attempts; try again",
    ):
        put_day(through(results, hooked), "2026-11-25")
    assert (len(hooked.puts), len(waits)) == (ATTEMPTS, ATTEMPTS - 1)


def test_other_errors_are_raised_as_they_are(results: Results, hooked: Hooked, waits: list[float]) -> None:
    def denied() -> None:
        raise refused("AccessDenied", status=403)

    hooked.before_put.append(denied)
    with pytest.raises(ClientError, match="AccessDenied"):
        put_day(through(results, hooked), "2026-11-25")
    assert waits == []
    with pytest.raises(ClientError, match="NoSuchBucket"):
        Facts(Results("no-such-bucket", results.s3), "handbook").read("billed-ce", "2026-11")


# What lies in the bucket.


def store(results: Results, body: bytes, **metadata: str) -> None:
    about = {"window-start": "2026-11-01", "window-end": "2026-12-01", "read-at": READ_AT, **metadata}
    given = {name: text for name, text in about.items() if text}
    results.s3.put_object(Bucket=results.bucket, Key=KEY, Body=body, Metadata=given)


@pytest.mark.parametrize(
    ("body", "metadata", "message"),
    [
        (b"damaged" * 1000, {}, "not a whole gzip file"),
        (gzip.compress(b"{}\n", mtime=0), {}, "line 1: "),
        (fact_table.encode([row()], simulated=False), {"read-at": ""}, "its metadata have no read-at"),
        (fact_table.encode([], simulated=False), {"window-end": "soon"}, "soon"),
        (fact_table.encode([], simulated=False), {"window-end": "2026-11-01"}, "window ends on"),
        (fact_table.encode([row("2026-12-01")], simulated=False), {}, "it holds a row of billed-ce 2026-12"),
    ],
)
def test_a_damaged_object_is_named_on_one_line_and_not_written_over(
    results: Results, facts: Facts, hooked: Hooked, body: bytes, metadata: dict[str, str], message: str
) -> None:
    store(results, body, **metadata)
    with pytest.raises(FactsError) as caught:
        facts.read("billed-ce", "2026-11")
    text = str(caught.value)
    assert text.startswith(f"{facts.uri('billed-ce', '2026-11')}: the charges cannot be read (")
    assert text.endswith("; delete the object, and what is read next makes a new one")
    assert message in text
    assert "\n" not in text
    with pytest.raises(FactsError, match="the charges cannot be read"):
        put_day(through(results, hooked), "2026-11-25")
    assert hooked.puts == []


@pytest.mark.parametrize("simulated", [True, False])
def test_a_simulated_bill_is_marked_in_every_row(
    results: Results, facts: Facts, simulated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if simulated:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:1")
    put(facts, row(), row(amount="2"))
    body = results.s3.get_object(Bucket=results.bucket, Key=KEY)["Body"].read()
    marks = [line.endswith(b'"simulated":true}') for line in gzip.decompress(body).splitlines()]
    assert marks == [simulated] * 2


def test_objects_of_an_earlier_format_are_named_on_one_line(results: Results, facts: Facts) -> None:
    put(facts, row())
    assert facts.old_format() is None
    old = f"{CHARGES}charges.parquet"
    results.write_text(old, "PAR1")
    assert facts.old_format() == (
        f"s3://{results.bucket}/{old}: an earlier version kept there what was billed; nothing reads it any more, so"
        " delete it. Each daily report reads its whole window again."
    )
    results.write_text("reports/handbook/facts/source=billed-export/billing_period=2026-10/rollup.parquet", "PAR1")
    assert "charges.parquet and 1 more .parquet objects below reports/handbook/facts/: " in str(facts.old_format())
