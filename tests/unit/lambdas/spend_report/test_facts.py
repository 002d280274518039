"""The ledger in a bucket: two runs at once, retries of the function, and what a conditional write refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cost_reports.ledger import Ledger, LedgerError
from cost_reports.spend_report.records import Window
from lambdas.common.facts import ATTEMPTS, Facts, FactsError
from lambdas.common.store import Results
from tests.unit.lambdas.spend_report.bill_pages import refused
from tests.unit.lambdas.spend_report.ledger_rows import NOVEMBER, kept, put, row

KEY = "reports/handbook/facts/charges/charges.parquet"


class Hooked:
    """An S3 client that calls `before_put` once for each write, before it."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self.before_put: list[Callable[[], None]] = []
        self.puts = 0

    def get_object(self, **parameters: Any) -> Any:
        return self._s3.get_object(**parameters)

    def put_object(self, **parameters: Any) -> Any:
        self.puts += 1
        if self.before_put:
            self.before_put.pop(0)()
        return self._s3.put_object(**parameters)


@pytest.fixture
def facts(results: Results) -> Facts:
    return Facts(results, "handbook")


@pytest.fixture
def hooked(results: Results) -> Hooked:
    return Hooked(results.s3)


def through(results: Results, s3: Any) -> Facts:
    return Facts(Results(results.bucket, s3), "handbook")


def add(day: str, amount: str = "1") -> Callable[[Ledger], None]:
    """Replace one day."""
    start = date.fromisoformat(day)
    window = Window(start=start, end=start + timedelta(days=1))
    return lambda ledger: put(ledger, row(day, amount), window=window)


def days(facts: Facts) -> dict[str, str]:
    return {r.day: str(r.amount_usd) for r in kept(facts, source="billed-ce")}


def test_no_object_is_no_row_and_the_first_write_makes_it(facts: Facts, results: Results) -> None:
    assert kept(facts, source="billed-ce") == []
    facts.update(add("2026-11-24"))
    facts.update(add("2026-11-25", "2"))
    assert days(facts) == {"2026-11-24": "1", "2026-11-25": "2"}
    assert facts.uri == f"s3://{results.bucket}/{KEY}"
    assert len(kept(facts, source="billed-ce", window=NOVEMBER, cut="service", experiment="handbook")) == 2
    assert kept(facts, source="billed-ce", account="999") == []


@pytest.mark.parametrize("exists", [False, True])
def test_two_runs_at_once_lose_nothing(
    results: Results, facts: Facts, hooked: Hooked, exists: bool, waits: list[float]
) -> None:
    if exists:
        facts.update(add("2026-11-01"))
    hooked.before_put.append(lambda: facts.update(add("2026-11-24")))  # between the other one's read and write
    through(results, hooked).update(add("2026-11-25"))
    assert set(days(facts)) == {"2026-11-24", "2026-11-25"} | ({"2026-11-01"} if exists else set())
    assert (hooked.puts, len(waits)) == (2, 1)


def test_two_runs_of_the_same_window_count_nothing_twice(
    results: Results, facts: Facts, hooked: Hooked, waits: list[float]
) -> None:
    hooked.before_put.append(lambda: facts.update(lambda ledger: put(ledger, row(amount="1"), row(amount="2"))))
    through(results, hooked).update(lambda ledger: put(ledger, row(amount="1"), row(amount="2")))
    assert [str(r.amount_usd) for r in kept(facts, source="billed-ce")] == ["1", "2"]


def test_a_write_whose_answer_was_lost_is_done_again_with_the_same_result(
    results: Results, facts: Facts, hooked: Hooked, waits: list[float]
) -> None:
    def written_but_unanswered() -> None:
        facts.update(add("2026-11-25"))
        raise refused("InternalError", status=500)

    hooked.before_put.append(written_but_unanswered)
    through(results, hooked).update(add("2026-11-25"))
    assert days(facts) == {"2026-11-25": "1"}


def test_an_object_that_is_taken_away_meanwhile_is_made_again(
    results: Results, facts: Facts, hooked: Hooked, waits: list[float]
) -> None:
    facts.update(add("2026-11-24"))
    hooked.before_put.append(lambda: results.s3.delete_object(Bucket=results.bucket, Key=KEY))
    through(results, hooked).update(add("2026-11-25"))
    assert days(facts) == {"2026-11-25": "1"}


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "PreconditionFailed"])
def test_others_who_always_come_first_end_in_a_clear_error(
    results: Results, hooked: Hooked, code: str, waits: list[float]
) -> None:
    def conflict() -> None:
        raise refused(code, status=409)

    hooked.before_put.extend([conflict] * ATTEMPTS)
    with pytest.raises(
        FactsError, match=r"charges.parquet: others wrote it first each of up to 10 times; run the report"
    ):
        through(results, hooked).update(add("2026-11-25"))
    assert (hooked.puts, len(waits)) == (ATTEMPTS, ATTEMPTS - 1)


def test_other_errors_are_told_as_they_are(results: Results, hooked: Hooked, waits: list[float]) -> None:
    def denied() -> None:
        raise refused("AccessDenied", status=403)

    hooked.before_put.append(denied)
    with pytest.raises(ClientError, match="AccessDenied"):
        through(results, hooked).update(add("2026-11-25"))
    assert waits == []
    with pytest.raises(ClientError, match="NoSuchBucket"):
        kept(Facts(Results("no-such-bucket", results.s3), "handbook"), source="billed-ce")


def test_a_damaged_object_is_named_and_not_written_over(results: Results, facts: Facts, hooked: Hooked) -> None:
    results.s3.put_object(Bucket=results.bucket, Key=KEY, Body=b"damaged" * 1000)
    with pytest.raises(LedgerError, match=f"^{facts.uri}: the ledger cannot be used"):
        kept(facts, source="billed-ce")
    with pytest.raises(LedgerError, match=f"^{facts.uri}: "):
        through(results, hooked).update(add("2026-11-25"))
    assert hooked.puts == 0


def test_a_row_that_does_not_belong_writes_nothing(results: Results, hooked: Hooked) -> None:
    with pytest.raises(LedgerError, match="lies outside"):
        through(results, hooked).update(lambda ledger: put(ledger, row("2026-12-24")))
    assert hooked.puts == 0
