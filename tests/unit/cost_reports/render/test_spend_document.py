"""The report as people see it, as JSON, and as its documentation describes it."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import typing
from pathlib import Path

import pytest
from rich.console import Console

from contracts.json_codec import to_json
from cost_reports.render import html, markdown, terminal
from cost_reports.render.documents import spend_report_document
from cost_reports.spend_report import report as contract
from cost_reports.spend_report.build import build_spend
from cost_reports.spend_report.report import SpendReport, spend_from_json
from tests.unit.cost_reports.render.field_types import json_type
from tests.unit.cost_reports.spend_report import sample_bill as bill
from tests.unit.cost_reports.spend_report import sample_month

DOCUMENTATION = Path(__file__).parents[4] / "docs" / "spend-report.md"


@pytest.fixture(scope="module")
def report() -> SpendReport:
    return build_spend(sample_month.records(), bill.CATALOGUE)


def shown(report: SpendReport, width: int, *, short: bool = True) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    terminal.render(spend_report_document.document(report, short=short), console)
    return console.export_text()


def test_the_page_says_everything(report: SpendReport) -> None:
    page = html.render(spend_report_document.document(report))
    for words in (
        report.headline,
        report.header.state_text,
        "Billed usage by day (UTC)",
        "2026-11 against forecast and budget",
        "budget $60.00",
        "Unusual: rag: $3.36 on 2026-11-13",
        "Restated by AWS since the report of 2026-11-22",
        "Amazon Bedrock by two independent tags: the same money twice, never to be added",
        "untagged usage of the account",
        "iamPrincipal/cost-cell",
        "5 paid Cost Explorer requests, 2 answered from the cache: $0.05",
        "not yet billed: metered on 2026-11-22",
    ):
        assert html.escape(words) in page, words
    for by in ("service", "usage type", "model", "record type"):
        assert f"Billed by {by}" in page


def test_what_is_simulated_is_said_first_everywhere(report: SpendReport) -> None:
    document = spend_report_document.document(report)
    for output in (html.render(document), markdown.render(document), shown(report, 160), to_json(report)):
        assert "SIMULATED BILL" in output
    assert spend_report_document.document(report, short=True).blocks[0] == document.blocks[0]
    assert "SIMULATED" in document.kicker
    real = build_spend(sample_month.records(simulated=()), bill.CATALOGUE)
    assert "SIMULATED" not in html.render(spend_report_document.document(real)) + to_json(real)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_terminal_shows_what_matters_headline_last(report: SpendReport, width: int) -> None:
    text = shown(report, width)
    lines = [line for line in text.splitlines() if line.strip()]
    assert max(map(len, lines)) <= width
    assert len(lines) < 140
    assert " ".join(text.split()).endswith(report.headline)
    for cell in ("fine-tuning", "$59.97", "$60.00", "12.8 %", "not activated"):
        assert cell in text, cell


def test_nothing_billed_yet_is_a_dash_and_never_zero() -> None:
    nothing = build_spend(sample_month.records(billed=bill.billed([], through=None)), bill.CATALOGUE)
    page = html.render(spend_report_document.document(nothing))
    assert "what was billed is not known" in page
    assert "– is not zero: no data yet." in page
    assert "– billed" in page
    assert "Where the money went" not in page
    assert " $0 billed" not in page
    assert "no data yet" in shown(nothing, 100)


def test_refused_requests_are_warnings() -> None:
    text = shown(build_spend(sample_month.records(with_role=False), bill.CATALOGUE), 120)
    assert "Not read: role (ValidationException): The role tag is not active in billing." in text


def test_json_round_trip(report: SpendReport) -> None:
    text = to_json(report)
    assert spend_from_json(json.loads(text)) == report
    assert json.loads(text)["month"]["budget_usd"] == "60"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "kind 'spend' and schema 1 are needed, not 'spend' and 2$"),
        ({"kind": "run"}, "not 'run' and 1"),
        ({"total_metered_usd": "much"}, r"spend report\.total_metered_usd: 'much' is not a number"),
        ({"days": [{"day": "2026-11-01"}]}, r"spend report\.days\[0\]: field 'state' is missing"),
    ],
)
def test_json_that_is_no_spend_report(report: SpendReport, change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        spend_from_json({**json.loads(to_json(report)), **change})
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="not None and None"):
        spend_from_json(["spend"])


def documented() -> dict[str, list[tuple[str, str]]]:
    """Section -> (field, type) of its table."""
    sections = re.split(r"^### ", DOCUMENTATION.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    rows = re.compile(r"^\| `(\w+)` \| (.*?) \| ", re.MULTILINE)
    return {section.split("\n", 1)[0]: rows.findall(section) for section in sections}


def test_the_documentation_has_every_field() -> None:
    classes = {
        name: value
        for name, value in vars(contract).items()
        if dataclasses.is_dataclass(value) and isinstance(value, type)
    }
    found = documented()
    assert set(found) == set(classes)
    for name, cls in classes.items():
        hints = typing.get_type_hints(cls)
        assert found[name] == [(f.name, json_type(hints[f.name])) for f in dataclasses.fields(cls)], name


def test_the_documentation_names_every_state() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    for states in (contract.DayState, contract.TagState, contract.BilledSource, contract.BilledState):
        for state in typing.get_args(states):
            assert f"`{state}`" in text, state
