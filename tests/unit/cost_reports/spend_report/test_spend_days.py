"""Days, months and what happens at their ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from contracts.money import ChargeRow
from cost_reports.spend_report.build import build_spend
from cost_reports.spend_report.records import Forecast
from cost_reports.spend_report.report import Failure, Month, Restatement, SpendReport
from cost_reports.spend_report.trend import periods
from tests.unit.cost_reports.spend_report import sample_bill as bill

METERED = bill.metered()


def spent(amounts: Mapping[str, str], approach: str = "rag") -> list[ChargeRow]:
    """Billed usage of one usage type on the given days."""
    row = next(r for r in METERED if r.usage_type == "USE1-SearchOCU")
    return [
        replace(row, day=d, billing_period=d[:7], approach=approach, amount_usd=Decimal(usd))
        for d, usd in amounts.items()
    ]


def built(rows: list[ChargeRow], *, through: str, **changes: Any) -> SpendReport:
    billed = bill.billed(bill.cuts(rows), through=date.fromisoformat(through), forecast=changes.pop("forecast", None))
    return build_spend(bill.records(billed, changes.pop("metered", []), **changes), bill.CATALOGUE)


def month(report: SpendReport) -> Month:
    assert report.month is not None
    return report.month


@pytest.mark.parametrize(
    ("as_of", "flagged", "state"),
    [
        ("2026-11-06T23:59:59Z", False, "estimated"),  # days 1 to 6 of the next month: AWS still closes the month
        ("2026-11-07T00:00:00Z", False, "final"),
        ("2026-11-07T00:00:00Z", True, "estimated"),  # AWS itself says that it is estimated
        ("2026-11-06T23:00:00-05:00", False, "final"),  # which is the 7th in UTC
    ],
)
def test_a_day_is_final_when_its_month_is_closed_and_aws_does_not_estimate_it(
    as_of: str, flagged: bool, state: str
) -> None:
    rows = [replace(r, estimated=flagged) for r in bill.cuts(spent({"2026-10-31": "1"}))]
    billed = bill.billed(rows, through=date(2026, 11, 5))
    report = build_spend(bill.records(billed, [], as_of=as_of), bill.CATALOGUE)
    states = {d.day: d.state for d in report.days}
    assert states["2026-10-31"] == state
    assert states["2026-11-01"] == "estimated"
    assert states["2026-11-06"] == "not yet billed"


def test_the_month_to_date_is_that_of_utc() -> None:
    rows = spent({"2026-10-31": "5", "2026-11-01": "1", "2026-11-02": "2"})
    report = built(rows, through="2026-11-02", as_of="2026-11-04T10:00:00Z", budget_usd=Decimal(40))
    assert (month(report).period, month(report).to_date_usd, month(report).budget_usd) == ("2026-11", 3, 40)
    # On the first day of a month billing has not reached it.
    first = built(rows[:1], through="2026-10-31", as_of="2026-11-01T10:00:00Z")
    assert first.month is None
    assert any("No month to date" in note for note in first.notes)
    window = bill.Window(start=date(2026, 11, 2), end=date(2026, 11, 24))
    assert built(rows, through="2026-11-02", window=window).month is None


def test_a_window_that_ends_before_today_has_no_month_to_date() -> None:
    rows = spent(dict.fromkeys(bill.day_names("2026-11-01", 21), "1"))
    window = bill.Window(start=date(2026, 11, 1), end=date(2026, 11, 10))
    report = built(rows, through="2026-11-21", window=window)
    assert report.month is None
    assert any("the window does not hold all of it" in note for note in report.notes)
    today = bill.Window(start=date(2026, 11, 1), end=date(2026, 11, 24))
    assert month(built(rows, through="2026-11-21", window=today)).to_date_usd == 21


def test_a_month_whose_first_day_was_not_tagged_is_that_of_the_days_that_were() -> None:
    ran = [replace(r, day="2026-11-01") for r in METERED]
    found = month(built(spent({"2026-11-02": "3"}), through="2026-11-21", metered=ran))
    assert found.to_date_usd == 3


def test_the_forecast_of_aws_comes_on_top_of_the_month_to_date() -> None:
    forecast = Forecast(usd=Decimal(7), low_usd=Decimal(5), high_usd=Decimal(11), interval_percent=80)
    late = [replace(r, day="2026-11-22") for r in METERED]
    rows = spent({"2026-11-01": "1", "2026-11-20": "2"})
    found = month(built(rows, through="2026-11-21", forecast=forecast, metered=late))
    assert (found.forecast_usd, found.forecast_low_usd, found.forecast_high_usd) == (10, 8, 14)
    assert "2026-11-22, not yet billed, is in neither" in found.method


def test_our_own_forecast_is_the_mean_of_whole_days() -> None:
    days = bill.day_names("2026-11-11", 11)
    even = month(built(spent(dict.fromkeys(days, "2")), through="2026-11-21"))
    # 9 days to the 30th at 2 USD each; without spread the interval is a point.
    assert (even.forecast_usd, even.forecast_low_usd, even.forecast_high_usd) == (40, 40, 40)
    assert even.method.startswith("our own: the mean of the last 11 whole billed days for each of the 9 days left")
    assert "AWS was not asked for a forecast: the role tag is active" in even.method
    refused = bill.billed(
        bill.cuts(spent(dict.fromkeys(days, "2"))),
        failures=[Failure(request="forecast", code="DataUnavailableException", text="Too little history.")],
    )
    assert month(build_spend(bill.records(refused, []), bill.CATALOGUE)).method.endswith("(AWS gave no forecast)")
    export = bill.billed(bill.export(spent(dict.fromkeys(days, "2"))))
    assert month(build_spend(bill.records(export, []), bill.CATALOGUE)).method.endswith("(exports hold no forecast)")
    uneven = month(built(spent({d: str(1 + 2 * (n % 2)) for n, d in enumerate(days)}), through="2026-11-21"))
    assert uneven.forecast_low_usd is not None
    assert uneven.forecast_usd is not None
    assert uneven.forecast_high_usd is not None
    assert uneven.to_date_usd <= uneven.forecast_low_usd < uneven.forecast_usd < uneven.forecast_high_usd
    # mean 21/11, sd of 6 x 1 and 5 x 3 = 1.0445, t(10) = 1.372, 9 days: half = t s sqrt(9 + 81/11) = 5.797
    half = uneven.forecast_high_usd - uneven.forecast_usd
    assert abs(half - Decimal("5.797")) < Decimal("0.01")


def test_too_little_history_is_no_forecast() -> None:
    found = month(built(spent({"2026-11-20": "1", "2026-11-21": "1"}), through="2026-11-21"))
    assert (found.forecast_usd, found.forecast_low_usd, found.forecast_high_usd) == (None, None, None)
    assert found.method == "none: whole billed days with cost so far are 2, and 3 are needed"


def test_movers_compare_equal_billed_periods() -> None:
    rows = spent({"2026-11-10": "9", "2026-11-20": "2"}) + spent({"2026-11-21": "4"}, "shared")
    report = built(rows, through="2026-11-21")
    assert periods(report.days) == (bill.day_names("2026-11-08", 7), bill.day_names("2026-11-15", 7))
    assert [(m.approach, m.before_usd, m.now_usd) for m in report.movers] == [("rag", 9, 2), ("shared", 0, 4)]
    short = built(rows, through="2026-10-03", window=bill.Window(start=date(2026, 10, 1), end=date(2026, 11, 24)))
    assert periods(short.days) == (["2026-10-02"], ["2026-10-03"])


def test_a_day_that_stands_out_is_named() -> None:
    usual = {d: str(Decimal(1) + Decimal(n) / 10) for n, d in enumerate(bill.day_names("2026-11-01", 8))}
    report = built(spent({**usual, "2026-11-12": "30"}), through="2026-11-21")
    (found,) = report.anomalies
    assert (found.day, found.approach, found.usd, found.usual_usd) == ("2026-11-12", "rag", 30, Decimal("1.4"))
    assert found.text == "$30.00 on 2026-11-12, where a day without a run usually costs $1.40"
    # A day with a run is not compared with days without one, six days are too few, and cents are not worth a word.
    ran = [replace(r, day="2026-11-12") for r in METERED]
    assert built(spent({**usual, "2026-11-12": "30"}), through="2026-11-21", metered=ran).anomalies == ()
    few = dict(list(usual.items())[:5])
    assert built(spent({**few, "2026-11-12": "30"}), through="2026-11-21").anomalies == ()
    cents = dict.fromkeys(usual, "0.01")
    assert built(spent({**cents, "2026-11-12": "0.9"}), through="2026-11-21").anomalies == ()


def test_restated_days_are_listed_in_order() -> None:
    found = [
        Restatement(day="2026-11-20", approach=None, before_usd=None, now_usd=Decimal(1)),
        Restatement(day="2026-11-20", approach="rag", before_usd=Decimal(2), now_usd=Decimal(3)),
        Restatement(day="2026-11-01", approach="shared", before_usd=Decimal(2), now_usd=None),
    ]
    report = built(spent({"2026-11-20": "3"}), through="2026-11-21", restatements=found)
    assert report.restatements == (found[2], found[1], found[0])
