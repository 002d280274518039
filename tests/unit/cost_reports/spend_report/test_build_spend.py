from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.money import ChargeRow
from cost_reports.compare.split import Split, parts
from cost_reports.metering.charges import exact_sum, total
from cost_reports.spend_report.bill import SpendError
from cost_reports.spend_report.build import build_spend
from cost_reports.spend_report.records import SpendRecords
from cost_reports.spend_report.report import SpendReport
from cost_reports.text import usd
from tests.unit.cost_reports.spend_report import sample_bill as bill

METERED = bill.metered()


def built(records: SpendRecords) -> SpendReport:
    return build_spend(records, bill.CATALOGUE)


def of(rows: list[ChargeRow], **changes: object) -> SpendReport:
    return built(bill.records(bill.billed(bill.cuts(rows)), METERED, **changes))


def changed(usage_type: str, change: Callable[[ChargeRow], ChargeRow]) -> list[ChargeRow]:
    return [change(r) if r.usage_type == usage_type else r for r in METERED]


def whys(report: SpendReport, usage_type: str | None) -> list[str]:
    return [line.why for line in report.lines if line.usage_type == usage_type]


def against(report: SpendReport) -> Split:
    assert report.against_metered is not None
    return report.against_metered


def check_sums(report: SpendReport) -> None:
    """Every identity that the report promises."""
    billed = report.total_billed_usd
    assert billed is not None
    for left, split in ((report.total_estimated_usd, report.split), (report.total_metered_usd, report.against_metered)):
        assert isinstance(split, Split)
        assert exact_sum(parts(split)) == billed - left
    for a in report.approaches:
        assert a.billed_usd is not None
        assert a.split is not None
        assert a.against_metered is not None
        assert exact_sum(parts(a.split)) == a.billed_usd - a.estimated_usd
        assert exact_sum(parts(a.against_metered)) == a.billed_usd - a.metered_usd
    assert exact_sum(a.billed_usd for a in report.approaches if a.billed_usd is not None) == billed
    assert exact_sum(a.metered_usd for a in report.approaches) == report.total_metered_usd
    assert exact_sum(a.estimated_usd for a in report.approaches) == report.total_estimated_usd
    assert exact_sum(line.difference_usd for line in report.lines) == billed - report.total_metered_usd
    assert exact_sum(d.billed_usd for d in report.days if d.billed_usd is not None) == billed
    assert exact_sum(d.metered_usd for d in report.days) == report.total_metered_usd
    assert exact_sum(d.estimated_usd for d in report.days) == report.total_estimated_usd


@pytest.mark.parametrize("rows", [bill.cuts(METERED), bill.export(METERED)], ids=["Cost Explorer", "export"])
def test_a_complete_bill_leaves_no_difference_at_all(rows: list[ChargeRow]) -> None:
    report = built(bill.records(bill.billed(rows), METERED))
    assert report.header.state == "complete"
    for split in (report.split, report.against_metered, *(a.against_metered for a in report.approaches)):
        assert split is not None
        assert parts(split) == (0,) * 6
    assert {line.why for line in report.lines} == {"equal"}
    assert report.total_billed_usd == report.total_metered_usd
    assert "equal to the last digit" in report.headline
    check_sums(report)


def test_rounding_is_stated_and_leaves_no_difference() -> None:
    report = of(METERED)
    exact = total(METERED)
    assert report.rounding_usd != 0
    assert report.total_metered_usd - report.rounding_usd == exact
    assert any("precision of the bill" in note for note in report.notes)
    whole = built(bill.records(bill.billed(bill.export(METERED)), METERED))
    assert (whole.rounding_usd, whole.total_billed_usd) == (0, exact)


def test_price_and_quantity_are_told_apart() -> None:
    dear = of(changed("USE1-Host:ml.g5.xlarge", lambda r: replace(r, amount_usd=r.amount_usd * 2)))
    (line,) = [x for x in dear.lines if x.usage_type == "USE1-Host:ml.g5.xlarge"]
    assert line.why == "price differs, for the same quantity: a unit is $1.41 metered, $2.82 billed"
    assert (against(dear).price_usd, against(dear).volume_usd) == (line.difference_usd, 0)
    more = of(
        changed("Requests-Tier2", lambda r: replace(r, amount_usd=r.amount_usd * 3, quantity=(r.quantity or 0) * 3))
    )
    assert whys(more, "Requests-Tier2") == ["quantity differs, at the same price"]
    assert against(more).price_usd == 0
    both = of(
        changed("Requests-Tier2", lambda r: replace(r, amount_usd=r.amount_usd * 3, quantity=(r.quantity or 0) * 2))
    )
    assert whys(both, "Requests-Tier2")[0].startswith("price and quantity differ")
    for report in (dear, more, both):
        check_sums(report)


def test_a_last_digit_is_called_rounding() -> None:
    rows = bill.cuts(METERED)
    n = next(i for i, r in enumerate(rows) if r.cut == "usage-type" and r.usage_type == "Requests-Tier2")
    rows[n] = replace(rows[n], amount_usd=rows[n].amount_usd + Decimal("0.0000000001"))
    report = built(bill.records(bill.billed(rows), METERED))
    assert whys(report, "Requests-Tier2") == ["rounding: the bill rounds the money of each day"]
    check_sums(report)


def test_what_only_one_side_knows() -> None:
    extra = replace(METERED[0], approach="shared", usage_type="CW:AlarmMonitorUsage", service_code="AmazonCloudWatch")
    extra = replace(extra, unit="alarm-month")
    odd = replace(extra, usage_type="USE1-NobodyKnows", service_code=None)
    without = [r for r in METERED if r.usage_type != "USE1-SearchOCU"]
    report = of([*without, extra, odd])
    assert whys(report, "CW:AlarmMonitorUsage")[0].startswith("billed, not metered: what stays on between runs")
    assert whys(report, "USE1-NobodyKnows") == ["billed, not metered; the price list does not know this usage type"]
    assert whys(report, "USE1-SearchOCU") == [
        "metered, but the bill has no such line although it has reached these days"
    ]
    check_sums(report)


def test_days_that_billing_has_not_reached_are_not_less_usage() -> None:
    rows = bill.cuts([r for r in METERED if r.day <= "2026-11-20"])
    through = bill.THROUGH.replace(day=20)
    report = built(bill.records(bill.billed(rows, through=through), METERED))
    assert report.header.state == "partial"
    assert "metered on 2026-11-21 is not billed yet" in report.header.state_text
    assert report.against_metered is not None
    late = bill.at_bill([r for r in METERED if r.day == "2026-11-21"])
    assert parts(against(report)) == (0, 0, 0, 0, 0, -late)
    assert {line.why for line in report.lines} == {"equal", "not yet billed: metered on 2026-11-21"}
    check_sums(report)
    # Hours of the next day that billing shows already, and its tax, change nothing but a note.
    other = [bill.untagged("70", "2026-11-21")]
    tax = [bill.adjustment("Tax", "2", day="2026-11-21"), bill.adjustment("Tax", "9", None, "2026-11-21")]
    for seen in (bill.cuts([*METERED, *other], tax), bill.export([*METERED, *other], tax)):
        early = built(bill.records(bill.billed(seen, through=through), METERED))
        assert early.against_metered is not None
        assert parts(against(early))[:5] == (0,) * 5
        assert any(
            note.startswith(f"Billing already shows {usd(late + 2)} of days after 2026-11-20, which are not whole")
            for note in early.notes
        )


def test_a_day_that_ended_less_than_a_day_ago_is_not_billed_whole() -> None:
    # Half of the run of the 21st is on the bill already, with what the account used that night.
    rows = bill.cuts([r for r in METERED if r.day == "2026-11-20" or r.service_code == "AmazonS3"])
    report = built(bill.records(bill.billed(rows), METERED, as_of="2026-11-22T23:59:59Z"))
    assert report.header.state == "partial"
    assert {a.unit_costs for a in report.approaches} == {None}
    assert any("Billing already shows" in note for note in report.notes)
    assert {d.day: d.state for d in report.days}["2026-11-21"] == "not yet billed"
    assert {line.why for line in report.lines} == {"equal", "not yet billed: metered on 2026-11-21"}
    whole = built(bill.records(bill.billed(bill.cuts(METERED)), METERED, as_of="2026-11-23T00:00:00Z"))
    assert whole.header.state == "complete"
    with pytest.raises(ValueError, match="has no offset"):
        built(bill.records(bill.billed(rows), METERED, as_of="2026-11-21T23:59:59"))


def test_an_ambiguous_usage_type_is_one_line() -> None:
    both = [*METERED, *bill.charge_rows(bill.CATALOGUE, [bill.storage("AmazonECR", "2026-11-20", 3 * 1024**3)])]
    rows = bill.cut(both, "usage-type")
    assert {r.service_code for r in rows if r.usage_type == "TimedStorage-ByteHrs"} == {None}
    report = built(bill.records(bill.billed(bill.cuts(both)), both))
    assert whys(report, "TimedStorage-ByteHrs") == ["equal"]
    (line,) = [x for x in report.lines if x.usage_type == "TimedStorage-ByteHrs"]
    assert (line.service_code, line.metered_quantity) == (None, line.billed_quantity)
    # An export tells the services apart, so nothing is merged.
    whole = built(bill.records(bill.billed(bill.export(both)), both))
    codes = {x.service_code for x in whole.lines if x.usage_type == "TimedStorage-ByteHrs"}
    assert codes == {"AmazonS3", "AmazonECR"}


def test_units_that_measure_something_else_are_named_not_guessed() -> None:
    rows = [
        replace(r, unit="furlongs") if (r.cut, r.usage_type) == ("usage-type", "Requests-Tier2") else r
        for r in bill.cuts(METERED)
    ]
    report = built(bill.records(bill.billed(rows), METERED))
    assert "Requests-Tier2 is counted in 'requests' here and in 'furlongs' on the bill" in " ".join(report.notes)
    (line,) = [x for x in report.lines if x.usage_type == "Requests-Tier2"]
    assert (line.billed_quantity, line.why) == (None, "equal")
    check_sums(report)


def test_credits_tax_and_usage_without_an_approach_stand_apart() -> None:
    loose = replace(METERED[0], approach=None, amount_usd=Decimal("0.5"))
    rows = bill.cuts([*METERED, loose], [bill.adjustment("Tax", "0.3"), bill.adjustment("Credit", "-9", "rag")])
    report = built(bill.records(bill.billed(rows), METERED))
    assert parts(against(report)) == (0, 0, 0, Decimal("0.5"), Decimal("-8.7"), 0)
    by_name = {a.approach: a for a in report.approaches}
    assert list(by_name) == ["prompting", "rag", "fine-tuning", "shared", None]
    rag = by_name["rag"].against_metered
    assert rag is not None
    assert rag.credits_and_tax_usd == -9
    assert {line.why for line in report.lines if line.usage_type is None} == {
        "Tax: not usage; AWS adds or takes it off by itself",
        "Credit: not usage; AWS adds or takes it off by itself",
    }
    assert exact_sum(c.usd for c in report.trend) == (report.total_billed_usd or 0) + Decimal("8.7")
    check_sums(report)


def test_tag_values_with_dollars_and_slashes_are_only_names() -> None:
    rows = [replace(r, approach="rag$x$") if r.approach == "rag" else r for r in METERED]
    report = built(bill.records(bill.billed(bill.cuts(rows)), rows))
    assert "rag$x$" in {a.approach for a in report.approaches}
    assert report.total_billed_usd == report.total_metered_usd


def test_unit_costs_come_from_billed_usage() -> None:
    report = built(bill.records(bill.billed(bill.cuts(METERED, [bill.adjustment("Credit", "-0.01", "rag")])), METERED))
    costs = {a.approach: a.unit_costs for a in report.approaches}
    rag = costs["rag"]
    assert rag is not None
    usage = bill.at_bill([r for r in METERED if r.approach == "rag"])
    assert rag.per_1000_answers_usd == usage * 1000 / 200
    assert rag.per_1m_tokens_usd is not None
    assert abs(rag.per_1m_tokens_usd - usage * 1_000_000 / 120_000) < Decimal("1e-11")
    assert rag.per_accepted_usd is not None
    tuned = costs["fine-tuning"]
    assert tuned is not None
    assert (tuned.accepted, tuned.per_accepted_usd) == (None, None)
    assert costs["shared"] is None


def test_no_unit_costs_before_the_bill_of_the_run() -> None:
    rows = bill.cuts([r for r in METERED if r.day <= "2026-11-20"])
    report = built(bill.records(bill.billed(rows, through=bill.THROUGH.replace(day=20)), METERED))
    assert {a.unit_costs for a in report.approaches} == {None}
    assert any("No unit costs of rag yet: it used something on 2026-11-21" in note for note in report.notes)


def test_no_unit_costs_where_a_run_is_missing_from_the_bill() -> None:
    rows = bill.cuts([r for r in METERED if r.day == "2026-11-21"])  # the tag was not active before
    report = built(bill.records(bill.billed(rows), METERED))
    assert {a.unit_costs for a in report.approaches} == {None}
    assert any("of rag: it used something on 2026-11-20, and nothing of it" in note for note in report.notes)


def test_the_order_of_the_records_does_not_matter() -> None:
    rows = bill.cuts([*METERED, bill.untagged("0.2")], [bill.adjustment("Tax", "0.3", None)])
    first = built(bill.records(bill.billed(rows), METERED))
    for seed in range(3):
        mixed = [random.Random(seed).sample(part, len(part)) for part in (rows, METERED, bill.estimated(METERED))]
        again = built(bill.records(bill.billed(mixed[0]), mixed[1], estimated=mixed[2]))
        assert again == first


def test_rows_outside_the_window_do_not_count() -> None:
    old = [replace(r, day="2026-09-30") for r in METERED]
    report = built(bill.records(bill.billed(bill.cuts([*METERED, *old])), [*METERED, *old]))
    assert report.total_billed_usd == report.total_metered_usd == bill.at_bill(METERED)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metered": [replace(METERED[0], source="estimated")]}, "metered row of 2026-11-20 .* is estimated"),
        ({"estimated": METERED}, "estimated row of 2026-11-20 .* is metered"),
        (
            {"metered": [replace(METERED[0], experiment="other")]},
            "metered row .* is of experiment 'other', not 'handbook'",
        ),
        (
            {"billed": bill.billed([replace(METERED[0], source="billed-ce")])},
            "billed row of .*: grouping 'whole' is not one of billed-ce",
        ),
        (
            {"billed": bill.billed(bill.cuts(METERED), source="billed-export")},
            "billed row of .*: source must be billed-export \\(got billed-ce",
        ),
    ],
)
def test_records_that_do_not_belong_together_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(SpendError, match=message):
        built(bill.records(bill.billed(bill.cuts(METERED)), METERED, **({"metered": METERED} | change)))


money = st.decimals(min_value=-100, max_value=100, places=10, allow_nan=False)


@st.composite
def billed_rows(draw: st.DrawFn) -> list[ChargeRow]:
    """The sample's bill with lines left out, changed, added, credited and late."""
    rows = []
    for row in METERED:
        what = draw(st.sampled_from(["same", "same", "gone", "price", "quantity", "no approach", "no quantity"]))
        amount, quantity = row.amount_usd, row.quantity or Decimal(0)
        if what == "gone":
            continue
        if what in ("price", "quantity"):
            amount = amount * draw(st.integers(0, 5))
        if what == "quantity":
            quantity = quantity * draw(st.integers(0, 5))
        approach = None if what == "no approach" else row.approach
        unit, counted = (None, None) if what == "no quantity" else (row.unit, quantity)
        rows.append(replace(row, amount_usd=amount, quantity=counted, unit=unit, approach=approach))
    for amount in draw(st.lists(money, max_size=3)):
        rows.append(replace(METERED[0], usage_type=f"USE1-New{amount}", amount_usd=amount))
    return rows


@given(
    billed_rows(),
    st.lists(st.tuples(st.sampled_from(["Tax", "Credit", "Refund", "Fee"]), money), max_size=3),
    st.sampled_from([19, 20, 21, 22]),
    st.booleans(),
)
def test_the_parts_always_add_up(
    rows: list[ChargeRow], others: list[tuple[str, Decimal]], day: int, exported: bool
) -> None:
    adjustments = [bill.adjustment(category, str(amount)) for category, amount in others]
    seen = (bill.export if exported else bill.cuts)(rows, adjustments)
    billed = bill.billed(
        seen, through=bill.THROUGH.replace(day=day), source="billed-export" if exported else "billed-ce"
    )
    report = built(bill.records(billed, METERED))
    if report.total_billed_usd is None:
        assert report.header.state == ("no data yet" if day == 19 else "tag not activated")
    else:
        check_sums(report)
