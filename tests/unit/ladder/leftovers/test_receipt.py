"""A receipt proves a teardown by two clean passes some minutes apart; the bill says since when nothing is charged."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts.money import ChargeRow
from ladder.errors import LadderError
from ladder.leftovers.billed import end_of, read_end
from ladder.leftovers.receipt import add_pass, read_baseline, write_baseline
from ladder.leftovers.records import STACK, Audit, Leftover, NotSeen

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
LEFT = Leftover(kind="AWS::SNS::Topic", name="t", state="exists", evidence="tag", region="us-east-1")
REFUSED = NotSeen(kind="AWS::SNS::Topic", region="us-east-1", reason="ListTopics: AccessDenied", offered=True)


def audit(**changes: Any) -> Audit:
    fields: dict[str, Any] = {"experiment": "shop", "account": "1", "embedded": False, "regions": (), "kinds": ()}
    return Audit(**{**fields, **changes})


@pytest.mark.parametrize(
    ("passes", "clean", "proven"),
    [
        ([(0, {})], 1, False),
        ([(0, {}), (15, {})], 2, True),
        ([(0, {}), (2, {})], 1, False),
        ([(0, {}), (6, {}), (12, {})], 2, True),
        ([(0, {}), (15, {"leftovers": (LEFT,)}), (30, {})], 1, False),
        ([(0, {}), (15, {"not_seen": (REFUSED,)})], 0, False),
        ([(0, {}), (15, {"perhaps": (LEFT,)})], 2, True),
    ],
)
def test_two_clean_passes_in_a_row_prove_it(
    tmp_path: Path, passes: list[tuple[int, dict[str, Any]]], clean: int, proven: bool
) -> None:
    file = tmp_path / "new" / "receipt.json"
    for minute, changes in passes:
        record = add_pass(audit(**changes), file, NOW + timedelta(minutes=minute), None)
    assert (record["clean_passes"], record["proven"]) == (clean, proven)
    assert json.loads(file.read_text()) == record
    assert record["passes"][0]["at"] == "2026-12-01T12:00:00Z"


@pytest.mark.parametrize("text", ["[]", "{}", "nothing", '{"schema": 1, "experiment": "other", "account": "1"}'])
def test_a_file_that_is_no_receipt_of_this_experiment_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "file.json"
    file.write_text(text)
    for call in (lambda: add_pass(audit(), file, NOW, None), lambda: read_baseline(file, "shop", "1")):
        with pytest.raises(LadderError, match=f"^{file}: "):
            call()
    assert file.read_text() == text


def test_a_baseline_comes_before_the_first_deployment(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    stack = Leftover(kind=STACK, name="ladder-shop-rag", state="CREATE_COMPLETE", evidence="name")
    with pytest.raises(LadderError, match="a baseline is taken before the first deployment"):
        write_baseline(audit(leftovers=(stack,)), file, NOW)
    assert not file.exists()
    assert write_baseline(audit(leftovers=(LEFT,)), file, NOW) == 1
    assert read_baseline(file, "shop", "1") == {("AWS::SNS::Topic", "us-east-1", "t")}


def charge(day: str, usd: str, experiment: str | None = "shop") -> ChargeRow:
    fields: dict[str, Any] = dict.fromkeys(ChargeRow.__dataclass_fields__)
    fields |= {"day": day, "amount_usd": Decimal(usd), "experiment": experiment, "charge_category": "Usage"}
    return ChargeRow(**fields)


SPENT = [charge("2026-11-26", "1.5"), charge("2026-11-26", "0.25"), charge("2026-11-27", "0.10")]
FIRST = "the first day without a charge is 2026-11-28"
OTHERS = [charge(f"2026-11-{day}", "3", None) for day in range(25, 31)]


@pytest.mark.parametrize(
    ("rows", "zero", "start"),
    [
        (SPENT + OTHERS, "2026-11-28", f"{FIRST}; the last charge is of 2026-11-27"),
        (SPENT, None, "not yet known: the last charge is of 2026-11-27, and the bill reaches to 2026-11-27; "),
        ([charge("2026-11-26", "1")], "2026-11-27", "the first day without a charge is 2026-11-27"),
        ([*SPENT, charge("2026-11-29", "0.01")], None, "not yet known: the last charge is of 2026-11-29"),
        ([*SPENT, charge("2026-11-30", "0")], "2026-11-28", FIRST),
        (OTHERS, None, "not known: the bill has no charge of a cost cell of shop since 2026-11-25"),
        ([], None, "not known: "),
    ],
)
def test_the_first_day_without_a_charge(rows: list[ChargeRow], zero: str | None, start: str) -> None:
    found = end_of(rows, "shop", date(2026, 11, 25), NOW)
    assert found.zero_day == zero
    assert found.text.startswith(start)


def test_a_day_that_the_bill_does_not_reach_has_no_amount() -> None:
    found = end_of(SPENT + OTHERS, "shop", date(2026, 11, 25), NOW)
    assert found.days == {
        "2026-11-25": Decimal(0),
        "2026-11-26": Decimal("1.75"),
        "2026-11-27": Decimal("0.10"),
        "2026-11-28": Decimal(0),
        "2026-11-29": Decimal(0),
        "2026-11-30": None,
        "2026-12-01": None,
    }


class Bill:
    """A session whose Cost Explorer answers one page, and keeps what it was asked."""

    def __init__(self, spent: dict[str, dict[str, str]]) -> None:
        self.asked: dict[str, Any] = {}
        self._spent = spent

    def client(self, service: str, *, region_name: str) -> Bill:
        assert (service, region_name) == ("ce", "us-east-1")
        return self

    def get_cost_and_usage(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return {"ResultsByTime": [self._day(day, cells) for day, cells in self._spent.items()]}

    def _day(self, day: str, cells: dict[str, str]) -> dict[str, Any]:
        end = (date.fromisoformat(day) + timedelta(days=1)).isoformat()

        def metrics(usd: str) -> dict[str, Any]:
            money = {"Amount": usd, "Unit": "USD"}
            return {"UnblendedCost": money, "AmortizedCost": money, "UsageQuantity": {"Amount": "1", "Unit": "N/A"}}

        groups = [{"Keys": [f"cost-cell${cell}", "AWS Lambda"], "Metrics": metrics(usd)} for cell, usd in cells.items()]
        return {"TimePeriod": {"Start": day, "End": end}, "Groups": groups, "Estimated": True}


def test_the_bill_is_asked_once_and_its_cells_are_told_apart() -> None:
    bill = Bill({"2026-11-27": {"shop/rag": "0.5", "other/rag": "9"}, "2026-11-29": {"other/rag": "9", "": "2"}})
    found = read_end(bill, "shop", NOW)
    assert (found.last_day, found.zero_day) == ("2026-11-27", "2026-11-28")
    assert bill.asked["TimePeriod"] == {"Start": "2026-11-01", "End": "2026-12-02"}
    assert bill.asked["GroupBy"][0] == {"Type": "TAG", "Key": "cost-cell"}
