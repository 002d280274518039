"""The quality section with labels and a judge: what is shown of many rows, and what is said of the judge."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from decimal import Decimal

from rich.console import Console

from contracts.json_codec import to_json
from contracts.run import QualityRow
from cost_reports.metering.charges import exact_sum
from cost_reports.metering.phases import charge_phases
from cost_reports.prices.catalogue import Catalogue
from cost_reports.render import html, terminal
from cost_reports.render.documents import run_report_document
from cost_reports.run_report.build import build_report
from cost_reports.run_report.report import Report, report_from_json
from tests.unit.cost_reports import sample_run as run
from tests.unit.cost_reports.run_report.sample_records import records

NAMES = [f"label {n:02d} <b>" for n in range(40)]


def rows_of(**values: float) -> list[QualityRow]:
    """Return each metric (underscores for hyphens) of every variant."""
    like = run.quality()[0]
    return [
        replace(
            like, approach=a, variant=v, metric=metric.replace("_", "-"), value=value, low=0.0, high=1.0, left_out=3
        )
        for a, v in run.PAIRS
        for metric, value in values.items()
    ]


def labelled() -> Report:
    of_labels = [
        replace(row, split=name, value=0.1 if name == NAMES[7] else 0.9)
        for name in NAMES
        for row in rows_of(label_precision=0.9, label_recall=0.9, label_f1=0.9)
    ]
    quality = [*run.quality(), *rows_of(label_accuracy=0.8, macro_f1=0.7, token_f1=0.5, judged=0.6), *of_labels]
    return build_report(records(quality=quality, accepted_metric="label-accuracy"))


def page(report: Report) -> str:
    return html.render(run_report_document.document(report))


def screen(report: Report, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    terminal.render(run_report_document.document(report, short=True), console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_of_many_labels_the_worst_is_shown_and_all_are_in_the_json() -> None:
    report = labelled()
    for text in (page(report), screen(report)):
        assert "macro F1" in text.replace("\n", " ")
        shown = [name[:8] for name in NAMES if name[:8] in text]
        assert shown == ["label 07"]
    assert "label 07 <b>" not in page(report)
    data = json.loads(to_json(report))
    splits = {m["split"] for m in data["ladder"][0]["metrics"] if m["metric"] == "label-f1"}
    assert splits == set(NAMES)
    assert report_from_json(data) == report


def test_a_terminal_has_the_accepted_metric_and_room_for_six() -> None:
    table = run_report_document._quality(labelled(), run_report_document.MOST)
    heads = [column.name.replace("\n", " ") for column in table.columns[3:]]
    assert heads == ["exact match", "value contained", "label accuracy", "macro F1", "judged right", "citation"]
    late = replace(labelled(), accepted_metric="bertscore-f1")
    assert run_report_document._quality(late, run_report_document.MOST).columns[-1].name == "BERTScore"


def test_token_f1_stands_in_the_main_table_only_where_it_decides() -> None:
    assert "token F1" not in screen(labelled()).replace("\n", " ")
    free = build_report(records(quality=[*run.quality(), *rows_of(token_f1=0.5)], accepted_metric="token-f1"))
    assert "token" in screen(free)
    assert "token-f1" in page(labelled())


def test_without_labels_and_judge_nothing_is_said_of_them() -> None:
    text = page(build_report(records()))
    assert "worst label" not in text
    assert "judge" not in text.lower()


def test_what_is_known_of_the_judge_is_said() -> None:
    unknown = build_report(records(quality=[*run.quality(), *rows_of(judged=0.6)]))
    assert "agreement with people was not measured" in page(unknown)
    known = build_report(records(quality=[*run.quality(), *rows_of(judged=0.6, judge_kappa=0.41)]))
    assert "kappa 0.41 (95 % 0.00 to 1.00, 100 rated answers)" in " ".join(page(known).split())
    assert "kappa 0.41" in " ".join(screen(known).split())


def test_questions_that_were_not_measured_are_counted() -> None:
    assert "Left out: questions that the metric could not measure" in page(labelled())
    assert "Left out" not in page(build_report(records()))


def test_the_judge_s_spend_is_a_line_of_its_own() -> None:
    usage = [*run.usage(), ("judge-rag-00000", run.context("shared").tokens("us.amazon.nova-pro-v1:0", "input", 10**6))]
    report = build_report(records(charges=charge_phases(Catalogue.load(), usage)))
    before = build_report(records())
    assert report.judging_usd == Decimal("0.8")  # 0.80 USD a million input tokens
    assert report.total_usd == before.total_usd + report.judging_usd
    assert report.experiment_usd == before.experiment_usd
    (phases,) = (b for b in report.breakdowns if b.by == "phase")
    assert {line.name: line.usd for line in phases.lines}["judging"] == report.judging_usd
    assert exact_sum(line.usd for line in phases.lines) == report.total_usd
    assert "the judge's model" in screen(report)
    assert "the judge's model" not in screen(before)
