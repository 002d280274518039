"""What `ladder demo`, `run` and `report` show of a finished run: one screen, the verdict last; everything if asked."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from contracts.json_codec import to_json
from cost_reports.render import terminal
from cost_reports.render.documents import screens
from cost_reports.render.documents.screens import COLUMNS, LINES
from cost_reports.run_report.build import build_report
from cost_reports.run_report.report import Recommendation, Report
from cost_reports.run_report.verdict import verdict
from cost_reports.spend_report.build import build_spend
from ladder import demo
from ladder.progress import Progress
from ladder.runs import reports
from tests.unit.cost_reports.run_report.sample_records import records
from tests.unit.cost_reports.spend_report import sample_bill, sample_month

STEPS = (
    "start the embedded AWS",
    "synthesise the stacks",
    "deploy",
    "run",
    "report",
    "destroy",
    "look for leftovers",
    "stop the embedded AWS",
)


@pytest.fixture(scope="module")
def report() -> Report:
    return build_report(records())


@pytest.fixture
def result(report: Report, tmp_path: Path) -> demo.Result:
    return saved(report, tmp_path / "a long folder name of a user who likes long names" / "out" / "demo")


def saved(report: Report, folder: Path) -> demo.Result:
    spend = build_spend(sample_month.records(), sample_bill.CATALOGUE)
    found = []
    for place, content in ((folder, report), (folder / "spend" / "2026-11-23", spend)):
        place.mkdir(parents=True)
        (place / "report.json").write_text(to_json(content), encoding="utf-8")
        names = (*reports.FILES, *reports.OPTIONAL, "answers.jsonl")
        found.append(reports.SavedReport(folder=place, files=tuple(place / name for name in names)))
    return demo.Result(run=found[0], spend=found[1], leftovers=folder / "leftovers.json", seconds=61.5)


def console() -> Console:
    return Console(file=io.StringIO(), width=COLUMNS, record=True, force_terminal=True, color_system=None)


def lines_of(screen: Console) -> list[str]:
    """Return the lines as a terminal of `COLUMNS` shows them."""
    text = screen.export_text().splitlines()
    return [line[at : at + COLUMNS] for line in text for at in range(0, max(1, len(line)), COLUMNS)]


def test_a_demo_fits_on_one_screen_and_ends_with_the_verdict(result: demo.Result) -> None:
    screen = console()
    screen.print("FM cost ladder: handbook, profile full, on an embedded AWS")
    progress = Progress(screen)
    for step in STEPS:
        progress._finished(step, 1.0, "and what it says " * 10)
    demo._show([result], screen, verbose=False)
    lines = lines_of(screen)
    assert len(lines) <= LINES
    for step in STEPS:
        assert sum(line.strip().startswith(f"✓ {step} ") for line in lines) == 1
    last = " ".join(" ".join(lines[-4:]).split())
    assert "rag wins: the lowest rung that passes the gate, " in last
    assert "prompting does not pass; $2.01" in last
    assert "per 1,000 answers; report: " in last
    assert last.replace(" ", "").endswith(f"{result.run.folder}/report.html".replace(" ", ""))


def test_the_one_table_has_every_variant_and_says_what_is_simulated(report: Report, result: demo.Result) -> None:
    screen = console()
    reports.show(result.run, screen)
    text = "\n".join(lines_of(screen))
    assert "SIMULATED BILL: real quantities at list prices" in text
    for row in report.ladder:
        name = f"{row.approach} {row.variant}{' *' if row.control else ''} {row.gate.outcome} "
        assert sum(" ".join(line.split()).startswith(name) for line in text.splitlines()) == 1
    assert "80 [75–85]" in text
    assert text.count("─" * 60) == 1


def test_what_aws_billed_fits_on_one_screen(result: demo.Result) -> None:
    screen = console()
    reports.show(result.spend, screen)
    lines = lines_of(screen)
    assert len(lines) <= LINES
    assert any("billed" in line for line in lines)
    assert "wins" not in "\n".join(lines)


def test_everything_is_shown_if_asked(result: demo.Result) -> None:
    screen = console()
    demo._show([result], screen, verbose=True)
    text = screen.export_text()
    assert len(text.splitlines()) > 2 * LINES
    for words in ("Costs that are not part of an answer", "Recommendation", "what AWS billed", "leftovers.json"):
        assert words in text
    for file in (*result.run.files, *result.spend.files):
        assert str(file) in text


def test_warnings_are_shown_clipped_and_counted(report: Report) -> None:
    caveats = ("rag did not finish:\n" + "no such index " * 40, "second", "third", "fourth", "fifth")
    warned = replace(report, recommendation=replace(report.recommendation, caveats=caveats))
    screen = console()
    terminal.render(screens.run_screen(warned), screen)
    text = screen.export_text()
    assert "rag did not finish: no such index" in text
    assert "(see the report)" in text
    assert "third" in text
    assert "fourth" not in text
    assert "2 more in the report." in text
    assert len(lines_of(screen)) <= LINES


def test_where_no_rung_wins_the_verdict_names_the_best(report: Report) -> None:
    none = Recommendation(approach=None, variant=None, headline="No approach passes the gate.", reasons=(), caveats=())
    decided = verdict(replace(report, recommendation=none))
    assert (decided.rung, decided.per_1000_usd) == ("none", None)
    assert decided.line().startswith("No rung wins: No approach passes the gate; the best is fine-tuning (lora+rag), ")
    unmeasured = replace(report, recommendation=none, ladder=tuple(replace(r, metrics=()) for r in report.ladder))
    assert verdict(unmeasured).line() == "No rung wins: No approach passes the gate"


def test_several_samples_end_with_a_table_of_their_verdicts(report: Report, tmp_path: Path) -> None:
    results = []
    for number, name in enumerate(("requests", "directory", "triage")):
        other = replace(report, header=replace(report.header, experiment=name))
        results.append(replace(saved(other, tmp_path / name), seconds=50.0 + number))
    screen = console()
    demo._show(results, screen, verbose=False)
    lines = lines_of(screen)
    assert len(lines) <= LINES - 3 * len(STEPS) + 8
    for number, name in enumerate(("requests", "directory", "triage")):
        (row,) = (line for line in lines if line.startswith(f"{name} "))
        assert row.split()[1] == "rag"
        assert "80 [75–85]" in row
        assert "$2.01" in row
        assert row.split()[-1] == str(50 + number)
    assert sum("wins: " in line for line in lines) == 3


def test_narrower_terminals_have_one_table_too(report: Report) -> None:
    well = replace(report, ladder=tuple(replace(r, errors=0) for r in report.ladder))
    screen = Console(file=io.StringIO(), width=80, record=True)
    terminal.render(screens.run_screen(well), screen)
    text = screen.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert all(text.count(f"{row.variant} ") >= 1 for row in well.ladder)
    assert text.count("chain-of-thought") == 1
