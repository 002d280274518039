"""The function that rolls delivered exports up: what changed, what is kept, a run that is stopped and run again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from billing_exports import charges, duckdb_engine
from billing_exports.formats import ExportError
from billing_exports.temp_dir import temporary_folder
from contracts.money import ChargeRow
from cost_reports.metering.charges import total
from cost_reports.spend_report.records import Window
from lambdas.common import runtime
from lambdas.common.facts import Facts, ImportedWindow, PeriodCharges
from lambdas.common.store import Results
from lambdas.export_sync import handler, logic
from lambdas.export_sync.logic import Exports
from tests.unit.billing_exports.export_files import LINES, Line, cell, cur_2_0, focus, parquet, shifted
from tests.unit.lambdas.fact_rows import kept, row

DELIVERED, RESULTS, PREFIX = "delivered", "results", "exports"
NOW = datetime(2026, 11, 20, 5, 30, tzinfo=UTC)
FOCUS = "ladder-handbook-focus/data/BILLING_PERIOD={}/a.snappy.parquet"
CUR = "ladder-handbook-cur/data/BILLING_PERIOD={}/a.snappy.parquet"


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for bucket in (DELIVERED, RESULTS):
            client.create_bucket(Bucket=bucket)
        runtime.reset_clients()
        yield client
    runtime.reset_clients()


def deliver(s3: Any, name: str, columns: dict[str, list[object]], folder: Path) -> None:
    path = parquet(folder / "delivery.parquet", columns)
    s3.put_object(Bucket=DELIVERED, Key=f"{PREFIX}/{name}", Body=path.read_bytes())


def sync(s3: Any, now: datetime = NOW) -> logic.Synced:
    return logic.sync(Exports(s3, DELIVERED, PREFIX), Results(RESULTS, s3), experiment="handbook", now=now)


def facts_of(s3: Any) -> Facts:
    return Facts(Results(RESULTS, s3), "handbook")


def fact_rows(s3: Any) -> list[ChargeRow]:
    return kept(facts_of(s3), "billed-export")


def keys(s3: Any) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=RESULTS).get("Contents", [])]


def november(lines: tuple[Line, ...] = LINES) -> list[Line]:
    return shifted(lines, period="2026-11", time="2026-11-02 00:00:00")


def test_what_was_delivered_is_in_the_fact_table(s3: Any, tmp_path: Path) -> None:
    deliver(s3, FOCUS.format("2026-10"), focus(LINES), tmp_path)
    deliver(s3, FOCUS.format("2026-11"), focus(november()), tmp_path)
    done = sync(s3)
    assert (done.format, done.changed, done.unchanged) == ("FOCUS 1.2", ("2026-10", "2026-11"), ())
    assert done.through == date(2026, 11, 2)
    rows = fact_rows(s3)
    assert len(rows) == done.rows
    assert total(rows) == 2 * total(row for row in rows if row.billing_period == "2026-10")
    assert {row.estimated for row in rows if row.billing_period == "2026-10"} == {False}
    assert {row.estimated for row in rows if row.billing_period == "2026-11"} == {True}
    assert keys(s3) == [
        "reports/handbook/facts/charges/source=billed-export/period=2026-10/charges.jsonl.gz",
        "reports/handbook/facts/charges/source=billed-export/period=2026-11/charges.jsonl.gz",
    ]


def test_only_months_that_changed_are_fetched(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(s3, FOCUS.format("2026-10"), focus(LINES), tmp_path)
    deliver(s3, FOCUS.format("2026-11"), focus(november()), tmp_path)
    sync(s3)
    rolled: list[str | None] = []
    roll_up = duckdb_engine.roll_up
    monkeypatch.setattr(duckdb_engine, "roll_up", lambda c, group: (rolled.append(group.period), roll_up(c, group))[1])
    deliver(s3, FOCUS.format("2026-11"), focus(november(LINES[:1])), tmp_path)
    done = sync(s3)
    assert rolled == ["2026-11"]
    assert (done.changed, done.unchanged) == (("2026-11",), ("2026-10",))
    assert len([row for row in fact_rows(s3) if row.billing_period == "2026-11"]) == 1
    again = sync(s3)
    assert (again.changed, again.unchanged) == ((), ("2026-10", "2026-11"))
    assert len(fact_rows(s3)) == done.rows


def test_groups_and_accounts_that_vanish_from_a_bill_vanish_from_the_table(s3: Any, tmp_path: Path) -> None:
    lines = [Line(cost="1", account="1"), Line(cost="2", account="2", tags=cell("rag"))]
    deliver(s3, FOCUS.format("2026-10"), focus(lines), tmp_path)
    sync(s3)
    assert {row.account for row in fact_rows(s3)} == {"1", "2"}
    deliver(s3, FOCUS.format("2026-10"), focus(lines[:1]), tmp_path)
    sync(s3)
    assert {row.account for row in fact_rows(s3)} == {"1"}


def test_a_month_that_is_no_longer_delivered_stays(s3: Any, tmp_path: Path) -> None:
    deliver(s3, FOCUS.format("2026-10"), focus(LINES), tmp_path)
    sync(s3)
    s3.delete_object(Bucket=DELIVERED, Key=f"{PREFIX}/{FOCUS.format('2026-10')}")
    deliver(s3, FOCUS.format("2026-11"), focus(november()), tmp_path)
    sync(s3)
    assert {row.billing_period for row in fact_rows(s3)} == {"2026-10", "2026-11"}


def test_charges_are_final_once_their_month_is_closed(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(s3, FOCUS.format("2026-11"), focus(november()), tmp_path)
    sync(s3)
    assert {row.estimated for row in fact_rows(s3)} == {True}
    # It is not delivered again, whether it changed or not.
    s3.delete_object(Bucket=DELIVERED, Key=f"{PREFIX}/{FOCUS.format('2026-11')}")
    deliver(s3, FOCUS.format("2026-12"), focus(shifted(LINES, period="2026-12", time="2026-12-02 00:00:00")), tmp_path)
    monkeypatch.setattr(Facts, "written", lambda *_: {"2026-11": NOW})
    sync(s3, datetime(2026, 12, 14, 5, 30, tzinfo=UTC))
    november_rows = facts_of(s3).read("billed-export", "2026-11").rows
    assert {row.estimated for row in november_rows} == {True}
    sync(s3, datetime(2026, 12, 15, 5, 30, tzinfo=UTC))
    assert facts_of(s3).read("billed-export", "2026-11").rows == tuple(
        replace(row, estimated=False) for row in november_rows
    )


def test_a_month_that_did_not_change_is_not_written(s3: Any, tmp_path: Path) -> None:
    deliver(s3, FOCUS.format("2026-10"), focus(LINES), tmp_path)
    sync(s3)
    (before,) = s3.list_objects_v2(Bucket=RESULTS)["Contents"]
    sync(s3, datetime(2026, 11, 21, 5, 30, tzinfo=UTC))
    (after,) = s3.list_objects_v2(Bucket=RESULTS)["Contents"]
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])
    assert facts_of(s3).read("billed-export", "2026-10").imported == ImportedWindow(
        window=Window(start=date(2026, 10, 1), end=date(2026, 11, 1)),
        read_at="2026-11-20T05:30:00Z",
        digest=str(s3.head_object(Bucket=RESULTS, Key=after["Key"])["Metadata"]["digest"]),
    )


def test_a_later_sync_that_ends_first_is_not_written_over(s3: Any, tmp_path: Path) -> None:
    deliver(s3, FOCUS.format("2026-10"), focus(LINES), tmp_path)
    later = ImportedWindow(window=logic.ALL_DAYS, read_at="2026-11-20T05:31:00Z", digest="later")
    own = row("2026-10-05", source="billed-export", cut="whole")
    facts_of(s3).update("billed-export", "2026-10", lambda _: PeriodCharges(rows=(own,), imported=later))
    sync(s3)
    assert fact_rows(s3) == [own]


def test_two_exports_of_the_same_bill_are_not_counted_twice(s3: Any, tmp_path: Path) -> None:
    deliver(s3, FOCUS.format("2026-10"), focus(LINES), tmp_path)
    sync(s3)
    once = total(fact_rows(s3))
    deliver(s3, CUR.format("2026-10"), cur_2_0(LINES), tmp_path)
    done = sync(s3)
    assert total(fact_rows(s3)) == once
    assert done.notes == ("The export ladder-handbook-cur (CUR 2.0) holds the same bill and was not read.",)


def test_a_month_that_only_one_export_holds_is_in_the_table(s3: Any, tmp_path: Path) -> None:
    deliver(s3, CUR.format("2026-10"), cur_2_0(LINES), tmp_path)
    deliver(s3, CUR.format("2026-11"), cur_2_0(november()), tmp_path)
    deliver(s3, FOCUS.format("2026-11"), focus(november(LINES[:1])), tmp_path)
    done = sync(s3)
    assert (done.format, done.changed) == ("FOCUS 1.2 and CUR 2.0", ("2026-10", "2026-11"))
    assert total(row for row in fact_rows(s3) if row.billing_period == "2026-10") == Decimal("64.075000001300")
    assert total(row for row in fact_rows(s3) if row.billing_period == "2026-11") == Decimal("0.100000000000")
    assert "2026-10 from ladder-handbook-cur (CUR 2.0)" in done.notes[0]


def test_an_object_in_no_folder_of_a_month_is_refused(s3: Any, tmp_path: Path) -> None:
    deliver(s3, "e/a.parquet", focus(LINES), tmp_path)
    with pytest.raises(
        ExportError, match=r"^s3://delivered/exports/e/a\.parquet lies in no folder of a month.*move it"
    ):
        sync(s3)


@pytest.mark.parametrize(
    ("place", "step"),
    [
        (duckdb_engine, "roll_up"),
        (duckdb_engine, "rolled_rows"),
        (charges, "charge_rows"),
        (Facts, "replace_period"),
        (Results, "put_if"),
    ],
)
def test_a_run_that_is_stopped_is_made_good_by_the_next(
    place: Any, step: str, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(s3, FOCUS.format("2026-10"), focus(LINES[:2]), tmp_path)
    sync(s3)
    before = fact_rows(s3)
    deliver(s3, FOCUS.format("2026-10"), focus(LINES), tmp_path)

    class KilledError(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(place, step, killed)
        with pytest.raises(KilledError):
            sync(s3)
    assert fact_rows(s3) == before
    sync(s3)
    assert len(fact_rows(s3)) == 9
    assert total(fact_rows(s3)) == Decimal("64.075000001300")


def test_a_truncated_delivery_changes_nothing(s3: Any, tmp_path: Path) -> None:
    deliver(s3, FOCUS.format("2026-10"), focus(LINES), tmp_path)
    sync(s3)
    before = (fact_rows(s3), keys(s3))
    key = f"{PREFIX}/{FOCUS.format('2026-10')}"
    body = s3.get_object(Bucket=DELIVERED, Key=key)["Body"].read()
    s3.put_object(Bucket=DELIVERED, Key=key, Body=body[:-100])
    with pytest.raises(ExportError, match=r"2026-10/a\.snappy\.parquet: cannot be read, fetch it again"):
        sync(s3)
    assert (fact_rows(s3), keys(s3)) == before


def test_a_file_that_is_rewritten_while_it_is_read_is_said(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(s3, FOCUS.format("2026-10"), focus(LINES), tmp_path)
    listed = Exports.list

    def listed_then_rewritten(self: Exports, folder: Path) -> Any:
        files = listed(self, folder)
        deliver(s3, FOCUS.format("2026-10"), focus(LINES[:3]), tmp_path)
        return files

    monkeypatch.setattr(Exports, "list", listed_then_rewritten)
    with pytest.raises(ExportError, match="AWS is rewriting it; run this again in a few minutes"):
        sync(s3)


def test_nothing_delivered_is_no_failure(s3: Any) -> None:
    done = sync(s3)
    assert (done.format, done.rows, done.through) == (None, 0, None)
    assert "AWS has delivered nothing yet" in done.notes[0]
    assert keys(s3) == []


def test_manifests_and_other_objects_are_left_alone(s3: Any, tmp_path: Path) -> None:
    deliver(s3, FOCUS.format("2026-10"), focus(LINES), tmp_path)
    for name in ("ladder-handbook-focus/metadata/BILLING_PERIOD=2026-10/m.csv", "note.txt", "../../x.parquet"):
        s3.put_object(Bucket=DELIVERED, Key=f"{PREFIX}/{name}", Body=b"no lines")
    assert sync(s3).changed == ("2026-10",)


@pytest.mark.parametrize("name", ["/tmp/x.parquet", "e//data/BILLING_PERIOD=2026-10/x.parquet", "e/./x.csv"])
def test_no_object_is_written_outside_the_folder(name: str, s3: Any, tmp_path: Path) -> None:
    """`folder / "/tmp/x.parquet"` would be `/tmp/x.parquet`."""
    s3.put_object(Bucket=DELIVERED, Key=f"{PREFIX}/{name}", Body=b"x")
    with pytest.raises(ExportError, match=rf"s3://delivered/exports/{name}: the name has an empty folder in it"):
        Exports(s3, DELIVERED, PREFIX).list(tmp_path)


def test_what_killed_calls_left_does_not_fill_the_disk(s3: Any, tmp_path: Path) -> None:
    """Lambda keeps `/tmp` when it kills a call."""
    killed = tmp_path / "ladder-exports-killed"
    (killed / "exports").mkdir(parents=True)
    (killed / "lock").touch()
    with temporary_folder(tmp_path) as other:
        (other / "file").touch()
        deliver(s3, FOCUS.format("2026-10"), focus(LINES), tmp_path)
        place = Exports(s3, DELIVERED, PREFIX)
        logic.sync(place, Results(RESULTS, s3), experiment="handbook", now=NOW, temp=tmp_path)
        assert not killed.exists()
        assert (other / "file").exists(), "that call goes on"
    assert list(tmp_path.glob("ladder-exports-*")) == []


def test_a_month_that_the_disk_cannot_hold_is_said_before_it_is_fetched(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(s3, FOCUS.format("2026-10"), focus(LINES), tmp_path)
    monkeypatch.setattr(logic.shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(ExportError, match=r"a\.snappy\.parquet and 0 others are 0\.0 GB, and 0\.0 GB are free here"):
        sync(s3)
    assert keys(s3) == []


def test_the_function_answers_what_it_did(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver(s3, FOCUS.format("2026-10"), focus(LINES), tmp_path)
    settings = {"BUCKET": RESULTS, "EXPERIMENT": "handbook", "EXPORT_BUCKET": DELIVERED, "EXPORT_PREFIX": PREFIX}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    class Context:
        memory_limit_in_mb = 512
        aws_request_id = "request"

        def get_remaining_time_in_millis(self) -> int:
            return 60_000

    answer = handler.sync({}, Context())
    assert answer == {
        "format": "FOCUS 1.2",
        "changed": ["2026-10"],
        "unchanged": [],
        "rows": 9,
        "through": "2026-10-06",
        "notes": [],
    }
    assert '"message":"synced"' in capsys.readouterr().out
