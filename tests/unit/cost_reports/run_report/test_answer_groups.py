"""Answers by class: counted, their cost shared out, and no verdict where too many are missing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import Console

from contracts.run import AnswerRow
from cost_reports.metering.charges import exact_sum
from cost_reports.metering.phases import charge_phases
from cost_reports.prices.catalogue import Catalogue
from cost_reports.render import html, markdown, terminal
from cost_reports.render.documents import run_report_document
from cost_reports.run_report.answer_groups import groups_of, unfinished
from cost_reports.run_report.build import build_report
from tests.unit.cost_reports import sample_run as run
from tests.unit.cost_reports.run_report.sample_records import gate, records

TOO_LONG = "permanent: question q{n}: ValidationException: Input is too long for requested model."


def rows(*kinds: str) -> list[AnswerRow]:
    """Answers of a variant: `whole`, `cut`, `filtered`, `empty`, or an error with `{n}` for its question."""
    first = run.answers()[0]
    reasons = {"cut": "max_tokens", "filtered": "content_filtered"}
    return [
        replace(
            first,
            question_id=f"q{n}",
            text="" if kind == "empty" or ": " in kind else "12 mm",
            stop_reason=reasons.get(kind, "end_turn"),
            error=kind.format(n=n) if ": " in kind else None,
            input_tokens=0 if ": " in kind else 100,
            output_tokens={"whole": 10, "cut": 40, "filtered": 5}.get(kind, 0),
            latency_ms=0.0 if ": " in kind else 100.0,
        )
        for n, kind in enumerate(kinds)
    ]


def nova(given: Sequence[AnswerRow]) -> list[tuple[str, int]]:
    return [("input", sum(a.input_tokens for a in given)), ("output", sum(a.output_tokens for a in given))]


def test_the_cost_of_each_class_is_that_of_its_tokens() -> None:
    given = rows("whole", "whole", "cut", "empty", TOO_LONG)
    context = run.context("prompting", "zero-shot")
    usage = [("answer-zero-shot-00000", context.tokens(run.NOVA, meter, n)) for meter, n in nova(given)]
    charges = charge_phases(Catalogue.load(), usage)["answering"]
    groups = {group.kind: (group.answers, group.usd) for group in groups_of(given, charges, Decimal("0.3"))}
    # 100 input tokens at 0.035 a million, 10 or 40 output tokens at 0.14 a million, 0.3 USD by equal times
    assert groups == {
        "whole": (2, Decimal("0.0000070") + Decimal("0.0000028") + Decimal("0.15")),
        "cut": (1, Decimal("0.0000035") + Decimal("0.0000056") + Decimal("0.075")),
        "empty": (1, Decimal("0.0000035") + Decimal("0.075")),
        "failed": (1, Decimal(0)),
    }


def test_nothing_has_no_classes() -> None:
    assert groups_of([], [], Decimal(0)) == ()


def test_the_classes_of_every_variant_add_up_to_its_cost() -> None:
    given = [
        replace(a, stop_reason="max_tokens" if n % 3 == 0 else "end_turn", text="" if n % 5 == 0 else a.text)
        for n, a in enumerate(run.answers())
    ]
    report = build_report(records(answers=given))
    for r in report.ladder:
        assert exact_sum(group.usd for group in r.groups) == r.metered_usd
        assert sum(group.answers for group in r.groups) == r.answers + r.errors


@pytest.mark.parametrize(
    ("kinds", "most", "why"),
    [
        (["whole"] * 12, 0.1, None),
        ([], 0.1, None),
        ([TOO_LONG] * 12, 0.1, "12 of 12 failed, ValidationException: Input is too long for requested model"),
        ([TOO_LONG] + ["whole"] * 9, 0.1, None),
        (
            [TOO_LONG] * 2 + ["whole"] * 9,
            0.1,
            "2 of 11 failed, ValidationException: Input is too long for requested model",
        ),
        (["cut"] * 2 + ["whole"] * 3, 0.1, "2 of 5 were cut off at the limit of tokens; raise it in `prompt`"),
        (["cut"] * 5, 1.0, None),
        # Empty and filtered answers are the model's: they count as wrong, and the verdict stands.
        (["empty", "filtered"] * 5, 0.1, None),
        (
            ["deadline: question q{n}: ThrottlingException: wait", TOO_LONG, TOO_LONG, "cut"],
            0.5,
            "3 of 4 failed, 2 of them: ValidationException: Input is too long for requested model; "
            "1 of 4 were cut off at the limit of tokens; raise it in `prompt`",
        ),
    ],
)
def test_too_many_missing_or_cut_answers_measure_nothing(kinds: list[str], most: float, why: str | None) -> None:
    assert unfinished(rows(*kinds), most) == why


def shown(answers: list[AnswerRow]) -> list[str]:
    """The report in the terminal, as a page and as Markdown."""
    report = build_report(records(answers=answers))
    out = io.StringIO()
    terminal.render(run_report_document.document(report, short=True), Console(file=out, width=200))
    document = run_report_document.document(report)
    return [out.getvalue(), html.render(document), markdown.render(document)]


def test_answers_that_are_not_whole_stand_beside_quality() -> None:
    answers = [replace(a, stop_reason="max_tokens") if a.variant == "lora" else a for a in run.answers()]
    for text in shown(answers):
        assert "Answers that are not whole, and what they cost" in text
        assert text.index("Quality of each variant") < text.index("Answers that are not whole")
        assert text.index("Answers that are not whole") < text.index("Cost and speed")


def test_whole_answers_need_no_table() -> None:
    for text in shown([replace(a, error=None) for a in run.answers()]):
        assert "Answers that are not whole" not in text


def test_a_variant_without_a_verdict_is_no_wrong_one() -> None:
    gates = {(a, v): gate("pass" if run.CONTAINED[v] >= 0.5 else "fail") for a, v in run.PAIRS}
    gates["prompting", "few-shot"] = replace(gate("not measured"), reason="12 of 12 failed, input too long")
    report = build_report(records(gates=gates))
    reasons = " ".join(report.recommendation.reasons)
    assert "prompting (few-shot) was not measured: 12 of 12 failed, input too long." in reasons
    assert report.recommendation.caveats == ("A lower rung may do as well: prompting (few-shot) was not measured.",)
    document = run_report_document.document(report)
    assert "few-shot was not measured: 12 of 12 failed, input too long." in markdown.render(document).replace("\\", "")


def test_device_revision_and_tier_are_among_the_facts() -> None:
    answers = [
        replace(a, device="ml.g5.xlarge", model_revision="12fd25f")
        if a.approach == "fine-tuning"
        else replace(a, service_tier="default")
        for a in run.answers()
    ]
    report = build_report(records(answers=answers))
    lora = next(r for r in report.ladder if r.variant == "lora")
    assert (lora.devices, lora.revisions, lora.tiers) == (("ml.g5.xlarge",), ("12fd25f",), ())
    page = markdown.render(run_report_document.document(report))
    for fact in ("device: fine-tuning | ml.g5.xlarge", "service tier: prompting | default"):
        assert fact in page
