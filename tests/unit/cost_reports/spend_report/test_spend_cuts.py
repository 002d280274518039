"""Cost Explorer gives the same money several times: no two cuts are ever added, and a missing cut is not zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest

from contracts.money import ChargeRow, Cut
from cost_reports.metering.charges import exact_sum
from cost_reports.spend_report.build import build_spend
from cost_reports.spend_report.report import BedrockMeters, Failure, SpendReport
from tests.unit.cost_reports.spend_report import sample_bill as bill

METERED = bill.metered()
CREDIT = bill.adjustment("Credit", "-0.2", "rag")
ROWS = bill.cuts([*METERED, bill.untagged("0.4")], [CREDIT]) + bill.cut(METERED, "role")


def built(rows: Sequence[ChargeRow], **changes: Any) -> SpendReport:
    return build_spend(bill.records(bill.billed(rows, **changes), METERED), bill.CATALOGUE)


WHOLE = built(ROWS)


def doubled(cut: Cut) -> SpendReport:
    return built([replace(r, amount_usd=r.amount_usd * 2) if r.cut == cut else r for r in ROWS])


def differing(report: SpendReport) -> set[str]:
    return {f.name for f in fields(SpendReport) if getattr(report, f.name) != getattr(WHOLE, f.name)}


def lines(report: SpendReport, by: str) -> object:
    return next((b for b in report.breakdowns if b.by == by), None)


@pytest.mark.parametrize(
    ("cut", "by", "also"),
    [
        ("service", "service", {"movers", "notes"}),
        ("model", "model", {"bedrock_meters"}),
        ("role", None, {"bedrock_meters"}),
    ],
)
def test_doubling_a_cut_changes_its_own_view_only(cut: Cut, by: str | None, also: set[str]) -> None:
    report = doubled(cut)
    assert differing(report) <= {"breakdowns", *also}
    for other in ("service", "usage type", "model", "record type"):
        assert (lines(report, other) == lines(WHOLE, other)) == (other != by)


def test_doubling_the_cut_by_record_type_doubles_what_is_no_usage() -> None:
    report = doubled("record-type")
    assert report.total_billed_usd == (WHOLE.total_billed_usd or 0) - Decimal("0.2")
    assert lines(report, "service") == lines(WHOLE, "service")
    assert lines(report, "usage type") == lines(WHOLE, "usage type")
    assert report.trend == WHOLE.trend
    assert report.untagged == WHOLE.untagged


def test_cuts_that_disagree_are_named() -> None:
    (note,) = [n for n in doubled("service").notes if "disagree" in n]
    assert note.startswith("Groupings of the bill disagree on 8 days and approaches, first on 2026-11-20")
    assert "the totals are those by usage-type" in note
    assert not any("disagree" in n for n in WHOLE.notes)


def test_each_breakdown_adds_up_to_the_bill() -> None:
    usage = (WHOLE.total_billed_usd or 0) + Decimal("0.2")
    for by, expected in (("service", usage), ("usage type", usage), ("record type", WHOLE.total_billed_usd)):
        (found,) = [b for b in WHOLE.breakdowns if b.by == by]
        difference = exact_sum(line.usd for line in found.lines) - (expected or 0)
        assert abs(difference) <= Decimal("0.000000001"), by
        assert found.complete
    models = next(b for b in WHOLE.breakdowns if b.by == "model")
    assert not models.complete
    assert {line.name for line in models.lines} == {"us.amazon.nova-micro-v1:0", "amazon.titan-embed-text-v2:0"}


@pytest.mark.parametrize(
    ("cut", "by"),
    [("service", "service"), ("usage-type", "usage type"), ("record-type", "record type"), ("model", "model")],
)
def test_a_refused_cut_is_absent_not_zero(cut: Cut, by: str) -> None:
    failure = Failure(request=cut, code="LimitExceededException", text="Too many requests.")
    # What came before the refusal is half a cut; it must not be taken for a whole one.
    half = [r for r in ROWS if r.cut != cut] + [r for r in ROWS if r.cut == cut][-1:]
    report = built(half, failures=[failure])
    assert lines(report, by) is None
    assert f"There is no breakdown by {by}: billing was not read by it. That is not zero." in report.notes
    assert report.failures == (failure,)
    assert report.total_billed_usd is not None
    credit = Decimal(0) if cut == "record-type" else Decimal("-0.2")
    assert abs(report.total_billed_usd - credit - bill.at_bill(METERED)) < Decimal("0.00000001")


def test_a_bill_without_models_was_read_all_the_same() -> None:
    report = built([r for r in ROWS if r.cut != "model"])
    assert "There is no breakdown by model: billing shows nothing by it." in report.notes


def test_without_usage_types_nobody_tells_price_from_quantity() -> None:
    for present in ({"service", "record-type"}, {"record-type"}):
        dear = [
            replace(r, amount_usd=r.amount_usd * 2) for r in ROWS if r.cut in present and r.charge_category == "Usage"
        ]
        report = built(dear)
        assert report.against_metered is not None
        assert report.against_metered.volume_usd == 0
        assert report.against_metered.price_usd == report.total_metered_usd
        assert any("no line tells a different price" in note for note in report.notes)
        assert {line.usage_type for line in report.lines} == {None}
        assert built([r for r in ROWS if r.cut in present]).against_metered == replace(
            WHOLE.against_metered or report.against_metered, credits_and_tax_usd=Decimal("-0.2")
        )


def test_usage_of_an_experiment_without_an_approach_is_not_untagged() -> None:
    loose = replace(METERED[0], approach=None, amount_usd=Decimal(1))
    assert (
        built(bill.cuts([*METERED, loose])).untagged
        == built(bill.cuts([*METERED, replace(loose, approach="rag")])).untagged
    )


def test_the_untagged_share_is_of_usage_only() -> None:
    untagged = WHOLE.untagged
    assert untagged is not None
    assert untagged.usd == Decimal("0.4")
    assert untagged.account_usage_usd == bill.at_bill(METERED) + Decimal("0.4")
    assert untagged.share is not None
    assert 24 < untagged.share < 25
    with_credit = built(bill.cuts([*METERED, bill.untagged("0.4")], [bill.adjustment("Credit", "-50", None)]))
    assert with_credit.untagged == untagged
    assert any("carry no tag" in note for note in with_credit.notes)


def test_the_two_bedrock_meters_stand_side_by_side() -> None:
    assert [m.approach for m in WHOLE.bedrock_meters] == ["prompting", "rag"]
    assert all(m.by_profile_usd == m.by_role_usd and m.by_role_usd for m in WHOLE.bedrock_meters)
    without = built([r for r in ROWS if r.cut != "role"])
    assert {m.by_role_usd for m in without.bedrock_meters} == {None}
    assert isinstance(without.bedrock_meters[0], BedrockMeters)


def test_other_experiments_are_in_no_total() -> None:
    other = [replace(r, experiment="other") for r in METERED]
    report = built(bill.cuts([*METERED, bill.untagged("0.4"), *other], [CREDIT]))
    assert report.total_billed_usd == WHOLE.total_billed_usd
    assert report.lines == WHOLE.lines
    assert report.untagged is not None
    assert report.untagged.account_usage_usd == 2 * bill.at_bill(METERED) + Decimal("0.4")


def test_an_export_gives_every_view_from_whole_rows() -> None:
    report = built(bill.export([*METERED, bill.untagged("0.4")], [CREDIT]), source="billed-export")
    assert [b.by for b in report.breakdowns] == ["service", "usage type", "model", "record type"]
    assert {m.by_role_usd for m in report.bedrock_meters} == {None}
    assert {m.approach for m in report.bedrock_meters} == {"prompting", "rag"}
    assert report.untagged is not None
    assert report.untagged.usd == Decimal("0.4")
    (credit,) = [x for b in report.breakdowns if b.by == "record type" for x in b.lines if x.name == "Credit"]
    assert credit.usd == Decimal("-0.2")
