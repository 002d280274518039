"""The pages that a person opens, made from samples."""

from __future__ import annotations

from cost_reports.estimate.estimate import estimate
from cost_reports.render import html
from cost_reports.render.documents import estimate_document, run_report_document, spend_report_document
from cost_reports.run_report.build import build_report
from cost_reports.spend_report.build import build_spend
from tests.unit.cost_reports.estimate.sample_inputs import inputs
from tests.unit.cost_reports.run_report.sample_records import records
from tests.unit.cost_reports.spend_report import sample_bill, sample_month


def all_pages() -> dict[str, str]:
    """Name -> HTML of every kind of page."""
    nothing_yet = sample_month.records(billed=sample_bill.billed([], through=None))
    return {
        "spend": html.render(
            spend_report_document.document(build_spend(sample_month.records(), sample_bill.CATALOGUE))
        ),
        "spend-no-data": html.render(spend_report_document.document(build_spend(nothing_yet, sample_bill.CATALOGUE))),
        "run": html.render(run_report_document.document(build_report(records()))),
        "estimate": html.render(estimate_document.document(estimate(inputs()))),
    }
