"""A report as a page, as Markdown, on a terminal and as CSV: whole, safe, and honest about what is simulated."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from rich.console import Console

from contracts.json_codec import to_json
from cost_reports.metering.charges import total
from cost_reports.metering.phases import charge_phases
from cost_reports.prices.catalogue import Catalogue
from cost_reports.render import csv_file, html, markdown, terminal
from cost_reports.render.document import Document, Table, columns
from cost_reports.render.documents import run_report_document, spend_report_document
from cost_reports.render.svg_money import against, grouped, nice_top, stacked
from cost_reports.run_report.build import build_report
from cost_reports.run_report.report import Report
from cost_reports.spend_report.build import build_spend
from cost_reports.spend_report.report import Failure, SpendReport, Tag
from cost_reports.text import number, percent, quantity, usd
from tests.unit.cost_reports import sample_run as run
from tests.unit.cost_reports.run_report.sample_records import header, records
from tests.unit.cost_reports.spend_report import sample_bill as bill
from tests.unit.cost_reports.spend_report import sample_month
from tests.unit.page import Page

EVIL = "=cmd|'/c calc'!A1 <img src=x onerror=alert(1)> [a](javascript:b) | **x**"


@pytest.fixture(scope="module")
def report() -> Report:
    return build_report(records())


@pytest.fixture(scope="module")
def evil_run() -> Report:
    charges = charge_phases(Catalogue.load(), run.usage())
    named = [replace(c, service=EVIL) for c in charges["experiment"]]
    return build_report(
        records(header=header(description=EVIL, versions={EVIL: EVIL}), charges={**charges, "experiment": named})
    )


@pytest.fixture(scope="module")
def evil_spend() -> SpendReport:
    metered = bill.metered()
    rows = [
        replace(r, service=EVIL, usage_type=r.usage_type and EVIL, model=r.model and EVIL) for r in bill.cuts(metered)
    ]
    rows = [replace(r, approach=EVIL if r.approach == "rag" else r.approach) for r in rows]
    return build_spend(
        bill.records(
            bill.billed(rows, failures=[Failure(request="forecast", code=EVIL, text=EVIL)]),
            metered,
            tags=[Tag(key=EVIL, state="unknown", text=EVIL)],
            description=EVIL,
        ),
        bill.CATALOGUE,
    )


@pytest.fixture(scope="module")
def pages(evil_run: Report, evil_spend: SpendReport) -> dict[str, Document]:
    return {
        "run": run_report_document.document(evil_run),
        "spend": spend_report_document.document(evil_spend),
        "month": spend_report_document.document(build_spend(sample_month.records(), bill.CATALOGUE)),
    }


@pytest.mark.parametrize("name", ["run", "spend", "month"])
def test_a_page_stands_alone(name: str, pages: dict[str, Document]) -> None:
    page = html.render(pages[name])
    parsed = Page(page)
    assert not {"script", "img", "link"} & set(parsed.tags)
    assert parsed.resources == []
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page
    assert parsed.tags.count("svg") == 3
    assert page.count("<table>") >= 3 + parsed.tags.count("svg")
    for part in page.split("<svg")[1:]:
        svg = ElementTree.fromstring("<svg" + part.split("</svg>")[0] + "</svg>")
        assert svg.attrib["role"] == "img"


@pytest.mark.parametrize("name", ["run", "spend"])
def test_names_do_nothing_in_markdown(name: str, pages: dict[str, Document]) -> None:
    text = markdown.render(pages[name])
    assert "<img" not in text
    assert r"&lt;img src=x onerror=alert(1)&gt; \[a\](javascript:b) \| \*\*x\*\*" in text
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) > 5
    for table in tables:
        assert len({line.replace(r"\|", "").count("|") for line in table.splitlines()}) == 1, table


def test_every_output_says_what_is_simulated(report: Report) -> None:
    document = run_report_document.document(report)
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        terminal.render(run_report_document.document(report, short=True), console)
        shown = console.export_text()
    for output in (html.render(document), markdown.render(document), shown, to_json(report)):
        for word in ("SIMULATED", "list prices", "local stand-in"):
            assert word in output


@pytest.mark.parametrize("width", [100, 130, 160])
def test_the_terminal_shows_it_whole(report: Report, width: int) -> None:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        terminal.render(run_report_document.document(report, short=True), console, ["out/demo/report.html"])
        lines = console.export_text().splitlines()
    assert max(len(line) for line in lines) <= width
    for cell in ("chain-of-thought", "80 [75–85]", "$0.0000231", "200 / 300", "Use rag (rag)."):
        assert any(cell in line for line in lines), cell
    assert lines[-1] == "out/demo/report.html"


def test_csv_is_safe_and_exact() -> None:
    charges = [c for rows in charge_phases(Catalogue.load(), run.usage()).values() for c in rows]
    text = csv_file.render([replace(charges[0], model=EVIL, experiment="+1", variant='a,"b"\n')])
    assert "'=cmd" in text
    assert ",'+1," in text
    assert '"a,""b""\n"' in text
    assert csv_file.render(charges).count("\r\n") == len(charges) + 1
    assert str(total(charges)).rstrip("0") in str(build_report(records()).total_usd)


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", " =1", "|x", "\r=1"])
def test_formulas_are_defused(text: str) -> None:
    assert csv_file.cell(text).startswith("'")


def test_numbers_as_people_read_them() -> None:
    assert [usd(Decimal(v)) for v in ("1234.5", "0.00003512", "0", "-0.5", "-2")] == [
        "$1,234.50",
        "$0.0000351",
        "$0",
        "-$0.5",
        "-$2.00",
    ]
    assert (usd(None), number(None), percent(None), quantity(None, None)) == ("–",) * 4
    assert (quantity(Decimal("0.025000"), "GB"), quantity(Decimal(1200), None)) == ("0.0250 GB", "1,200")
    assert number(1234.50, 2) == "1,234.5"


def test_a_table_with_a_wrong_row_is_refused() -> None:
    with pytest.raises(ValueError, match="table 't': a row has 1 cells, not 2"):
        Table(title="t", columns=columns("a", "b"), rows=(("x",),))
    assert Document(title="t", kicker="k", summary="s", blocks=()).blocks == ()


@pytest.mark.parametrize(
    ("text", "shown_as"),
    [("0.167 OCU-hour", "0.167 OCU-hour"), ("1. x", r"1\. x"), ("12)", r"12\)"), ("-5", r"\-5"), ("2026-11-26",) * 2],
)
def test_numbers_are_no_lists_and_stay_numbers(text: str, shown_as: str) -> None:
    assert markdown.escape(text) == shown_as


def test_names_from_tags_and_services_are_no_formulas_in_csv() -> None:
    rows = [replace(bill.metered()[0], service=EVIL, usage_type="+1", experiment="@x", approach="-1+1", model="=1")]
    text = csv_file.render(rows, simulated=True)
    for defused in ("'=cmd|", ",'+1,", ",'@x,", ",'-1+1,", ",'=1,"):
        assert defused in text
    assert "nothing was billed" in text


def test_charts_of_nothing_and_of_credits() -> None:
    assert stacked("t", [], legend=[]) == ""
    assert [nice_top(v) for v in (0.0, 0.9, 12.1, 1000.0)] == [1.0, 1.0, 16.0, 1000.0]
    for picture in (
        grouped("t", [], legend=[]),
        against("t", [("to date", "c1", -3.0, "-$3.00")], limit=(5.0, "budget")),
        against("t", [("to date", "c1", 0.0, "$0")]),
    ):
        assert 'width="-' not in picture
        ElementTree.fromstring(picture)
