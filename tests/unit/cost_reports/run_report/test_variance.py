"""What a run was expected to cost against what it metered: parts that add up to the difference, to the last digit."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from contracts.json_codec import to_json
from cost_reports.estimate.expected_usage import estimated_charges, run_usage
from cost_reports.metering.charges import charge_rows, exact_sum, total
from cost_reports.prices.catalogue import Catalogue
from cost_reports.render import html
from cost_reports.render.documents import run_report_document
from cost_reports.run_report.build import build_report
from cost_reports.run_report.report import Report, report_from_json
from cost_reports.run_report.variance import Variance, variances
from tests.unit.cost_reports import sample_run as run
from tests.unit.cost_reports.estimate.sample_inputs import inputs
from tests.unit.cost_reports.run_report.sample_records import records

CATALOGUE = Catalogue.load()
EXPECTED = run_usage(inputs(), 2, run.PAIRS)
PARTS = ("price", "volume", "unestimated", "not_metered", "untagged", "credits_and_tax")


def parts(v: Variance) -> Decimal:
    return exact_sum(getattr(v, f"{name}_usd") for name in PARTS)


@pytest.fixture(scope="module")
def report() -> Report:
    return build_report(records(estimated=estimated_charges(CATALOGUE, EXPECTED)))


def test_the_parts_of_each_approach_add_up_exactly(report: Report) -> None:
    assert [v.approach for v in report.variance] == ["fine-tuning", "prompting", "rag", "shared"]
    for v in report.variance:
        assert parts(v) == v.metered_usd - v.estimated_usd
    assert exact_sum(v.metered_usd for v in report.variance) == report.total_usd
    estimated = total(estimated_charges(CATALOGUE, EXPECTED))
    assert exact_sum(v.estimated_usd for v in report.variance) == estimated


def test_one_price_list_leaves_no_difference_of_price(report: Report) -> None:
    assert all(abs(v.price_usd) < Decimal("1e-9") for v in report.variance)


def test_a_run_as_expected_has_no_variance() -> None:
    for v in variances(estimated_charges(CATALOGUE, EXPECTED), charge_rows(CATALOGUE, EXPECTED)):
        assert abs(parts(v)) < Decimal("1e-9")


def test_what_carries_no_approach_stands_apart() -> None:
    metered = charge_rows(CATALOGUE, EXPECTED)
    lost = replace(metered[0], approach=None, amount_usd=Decimal(3))
    credit = replace(metered[0], approach=None, charge_category="Credit", amount_usd=Decimal(-1))
    found = variances(estimated_charges(CATALOGUE, EXPECTED), [*metered, lost, credit])
    assert (found[-1].approach, found[-1].metered_usd) == (None, 2)
    assert (found[-1].untagged_usd, found[-1].credits_and_tax_usd) == (3, -1)


def test_what_a_run_is_expected_to_use() -> None:
    """25 + 150 tokens a zero-shot question of Nova Micro, two questions; adapters are trained one job each."""
    zero = run_usage(inputs(), 2, [("prompting", "zero-shot")])
    assert next(r.amount for r in zero if "input" in r.usage_type) == 2 * (25 + 150)
    assert not any(r.service_code in ("AmazonES", "AmazonSageMaker") for r in zero)
    one, two = (
        next(r.amount for r in run_usage(inputs(), 2, pairs) if "Train:" in r.usage_type)
        for pairs in ([("fine-tuning", "lora")], [("fine-tuning", "lora"), ("fine-tuning", "lora+rag")])
    )
    assert two == pytest.approx(2 * one)


def test_the_report_shows_it_and_reads_it_back(report: Report) -> None:
    assert report_from_json(json.loads(to_json(report))) == report
    assert "metered in the run, and why they differ" in html.render(run_report_document.document(report))
    bare = build_report(records())
    assert bare.variance == ()
    assert "and why they differ" not in html.render(run_report_document.document(bare))
    older = json.loads(to_json(bare))
    del older["variance"]
    assert report_from_json(older) == bare
