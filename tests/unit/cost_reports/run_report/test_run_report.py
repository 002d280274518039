from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from contracts.json_codec import to_json
from cost_reports.decide.recommendation import recommend
from cost_reports.metering.charges import exact_sum
from cost_reports.metering.phases import charge_phases
from cost_reports.prices.catalogue import Catalogue
from cost_reports.run_report.build import build_report, percentile
from cost_reports.run_report.records import ReportError
from cost_reports.run_report.report import Report, report_from_json
from tests.unit.cost_reports import sample_run as run
from tests.unit.cost_reports.run_report.sample_records import gate, records


@pytest.fixture(scope="module")
def report() -> Report:
    return build_report(records())


def test_every_dollar_is_somewhere(report: Report) -> None:
    parts = [
        *(r.metered_usd for r in report.ladder),
        *report.one_time_usd.values(),
        *report.experiment_usd.values(),
        report.unattributed_usd,
    ]
    assert exact_sum(parts) == report.total_usd > 0
    for breakdown in report.breakdowns:
        assert exact_sum(line.usd for line in breakdown.lines) == report.total_usd, breakdown.by


def test_the_numbers_of_a_rung(report: Report) -> None:
    zero = report.ladder[0]
    # 200 input x 0.035/1M + 20 output x 0.14/1M = 0.0000098; 1 GB-second x 0.0000133334
    assert zero.answering_usd == Decimal("0.0000231334")
    assert zero.per_1000_answers_usd == Decimal("0.0115667")
    assert (zero.answers, zero.errors, zero.latency_p50_ms, zero.latency_p95_ms) == (2, 0, 200.0, 300.0)
    assert zero.accepted == 0
    assert zero.per_accepted_usd is None
    few = report.ladder[1]
    assert (few.answers, few.errors, few.input_tokens) == (1, 1, 200)


def test_what_is_kept_running_is_shared_by_time(report: Report) -> None:
    tuning = [r for r in report.ladder if r.approach == "fine-tuning"]
    # 72.5 s of ml.g5.xlarge at 1.408 an hour
    assert exact_sum(r.serving_usd for r in tuning) == Decimal("0.028355555556")
    assert len({r.serving_usd for r in tuning}) == 1  # all four took 500 ms
    assert all(r.serving_usd == Decimal("0.004") for r in report.ladder if r.approach == "rag")  # 2 OCU x 60 s / 2


def test_one_time_costs_by_need(report: Report) -> None:
    once = {r.variant: r.one_time_usd for r in report.ladder}
    training = Decimal("0.0352")  # 90 s x 1.408 / 3600
    # 30,000 tokens x 0.02/1M + 4 GB-second x 0.0000133334 + 60 OCU-second x 0.24 / 3600
    ingestion = Decimal("0.0006") + Decimal("0.0000533336") + Decimal("0.004")
    assert once["zero-shot"] == once["base"] == 0
    assert once["rag"] == once["base+rag"] == ingestion
    assert once["lora"] == training
    assert once["lora+rag"] == training + ingestion


def test_an_approach_that_answered_nothing_still_costs() -> None:
    answers = [a for a in run.answers() if a.approach != "fine-tuning"]
    quality = [q for q in run.quality() if q.approach != "fine-tuning"]
    report = build_report(records(answers=answers, quality=quality, failed={"fine-tuning": "no GPU"}))
    assert report.unattributed_usd == Decimal("0.028355555556")
    assert "fine-tuning did not finish: no GPU" in report.recommendation.caveats


def test_the_golden_rule(report: Report) -> None:
    assert (report.recommendation.approach, report.recommendation.variant) == ("rag", "rag")
    reasons = " ".join(report.recommendation.reasons)
    assert "prompting (few-shot) does not pass: because." in reasons
    nothing = build_report(records(passing=lambda _: False)).recommendation
    assert (nothing.approach, nothing.headline) == (None, "No approach passes the gate.")
    assert nothing.reasons[-1] == "The best by contained is fine-tuning (lora+rag) with 90.0%."


def test_a_control_is_never_recommended() -> None:
    chosen = build_report(records(passing=lambda v: v in ("base+rag", "lora+rag"))).recommendation
    assert chosen.variant == "lora+rag"


def test_an_uncertain_verdict_comes_with_a_caveat() -> None:
    gates = {(a, v): gate("uncertain" if a == "prompting" else "pass") for a, v in run.PAIRS}
    chosen = build_report(records(gates=gates)).recommendation
    assert chosen.approach == "prompting"
    assert "more test questions" in chosen.caveats[0]


def test_a_cheaper_higher_approach_is_named() -> None:
    charges = charge_phases(Catalogue.load(), run.usage())
    dear = [
        replace(c, amount_usd=c.amount_usd * 1000) if c.variant in ("rag", "rag+few-shot") else c
        for c in charges["answering"]
    ]
    chosen = build_report(records(charges={**charges, "answering": dear})).recommendation
    assert chosen.variant == "rag"
    assert "fine-tuning (lora+rag) passes too and costs" in " ".join(chosen.reasons)
    assert "pays back after" in " ".join(chosen.reasons)


@pytest.mark.parametrize(("usd", "named"), [("0.99", True), ("1", False), ("1.01", False)])
def test_a_higher_approach_is_named_only_where_it_saves_money(report: Report, usd: str, named: bool) -> None:
    amounts = {"rag": Decimal(1), "lora+rag": Decimal(usd)}
    ladder = [replace(r, per_accepted_usd=amounts[r.variant]) for r in report.ladder if r.variant in amounts]
    reasons = recommend(ladder, accepted_metric="contained", failed={}).reasons
    assert any("fine-tuning (lora+rag) passes too" in reason for reason in reasons) == named


def test_without_quality_nothing_is_recommended() -> None:
    report = build_report(records(quality=[], gates={}))
    assert report.recommendation.headline == "No recommendation: no quality was measured."
    assert {r.gate.outcome for r in report.ladder} == {"not measured"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answers": [replace(run.answers()[0], variant="two-shot")]}, "variant 'two-shot' of prompting"),
        ({"quality": [replace(run.quality()[0], value=float("nan"))]}, "value of contained"),
        ({"paired": [replace(run.paired()[0], p_value=float("inf"))]}, "paired difference rag/rag - prompting/zero"),
        (
            {"answers": [replace(run.answers()[0], latency_ms=float("nan"))]},
            "latency_ms of prompting zero-shot, q0: not a finite number",
        ),
    ],
)
def test_records_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ReportError, match=message):
        build_report(records(**change))


def test_billed_charges_are_not_added_to_metered_ones() -> None:
    charges = charge_phases(Catalogue.load(), run.usage())
    charges["answering"][0] = replace(charges["answering"][0], source="billed-ce")
    with pytest.raises(ReportError, match="got billed-ce"):
        build_report(records(charges=charges))


def test_percentiles_are_nearest_rank() -> None:
    values = [float(n) for n in range(1, 21)]
    assert (percentile(values, 50), percentile(values, 95), percentile([], 50)) == (10.0, 19.0, None)


def test_json_round_trip(report: Report) -> None:
    text = to_json(report)
    assert report_from_json(json.loads(text)) == report
    assert json.loads(text)["ladder"][0]["answering_usd"] == "0.0000231334"
    with pytest.raises(ValueError, match="schema 1 is needed, not 2"):
        report_from_json({"schema": 2})
    broken = json.loads(text)
    broken["ladder"][0]["answers"] = "many"
    with pytest.raises(ValueError, match=r"report\.ladder\[0\]\.answers: int is needed"):
        report_from_json(broken)
