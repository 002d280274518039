"""A report as a page, as Markdown, on a terminal and as CSV: whole, safe, and honest about what is simulated."""

from __future__ import annotations

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
from cost_reports.render.documents import run_report_document
from cost_reports.run_report.build import build_report
from cost_reports.run_report.report import Report
from cost_reports.text import number, percent, quantity, usd
from tests.unit.cost_reports import sample_run as run
from tests.unit.cost_reports.run_report.sample_records import header, records
from tests.unit.page import Page

EVIL = "=cmd|'/c calc'!A1 <img src=x onerror=alert(1)> [a](javascript:b) | **x**"


@pytest.fixture(scope="module")
def report() -> Report:
    return build_report(records())


@pytest.fixture(scope="module")
def evil() -> Report:
    charges = charge_phases(Catalogue.load(), run.usage())
    named = [replace(c, service=EVIL) for c in charges["experiment"]]
    return build_report(
        records(header=header(description=EVIL, versions={EVIL: EVIL}), charges={**charges, "experiment": named})
    )


def test_the_html_page_stands_alone(evil: Report) -> None:
    page = html.render(run_report_document.document(evil))
    parsed = Page(page)
    assert "script" not in parsed.tags
    assert "img" not in parsed.tags
    assert parsed.resources == []
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page
    assert parsed.tags.count("svg") == 3
    assert page.count("<table>") >= 3 + parsed.tags.count("svg")
    for part in page.split("<svg")[1:]:
        svg = ElementTree.fromstring("<svg" + part.split("</svg>")[0] + "</svg>")
        assert svg.attrib["role"] == "img"


def test_markdown_is_escaped(evil: Report) -> None:
    text = markdown.render(run_report_document.document(evil))
    assert "<img" not in text
    assert r"&lt;img src=x onerror=alert(1)&gt; \[a\](javascript:b) \| \*\*x\*\*" in text
    rows = [line for line in text.splitlines() if "onerror" in line and line.startswith("| ")]
    assert {line.replace(r"\|", "").count("|") for line in rows} == {3, 4}


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
