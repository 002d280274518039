"""The report of a run over a mocked bucket: what a run left goes in, the files of its report come out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts import json_codec, keys
from contracts.experiment import (
    APPROACHES,
    Document,
    Experiment,
    GateRule,
    HouseStyle,
    Judge,
    Question,
    Rated,
    Workload,
)
from contracts.run import OutputRow, RunEnvironment
from cost_reports.estimate.workload import WorkloadError
from cost_reports.metering import meters
from cost_reports.prices.catalogue import Catalogue, PriceError
from cost_reports.run_report.report import report_from_json
from lambdas.common import runtime
from lambdas.common.probe import Probed
from lambdas.common.step import EventError
from lambdas.common.store import MissingObjectError, Results
from lambdas.run_report import handler, judging, outlook
from tests.unit.cost_reports import sample_run as run
from tests.unit.lambdas.sample_bucket import Context, fill

BUCKET = "results-of-reporting"


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Iterator[Results]:
    for name, value in {"BUCKET": BUCKET, "EXPERIMENT": run.EXPERIMENT, "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3: Any = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        monkeypatch.setattr(runtime, "_clients", {"s3": s3})
        store = Results(BUCKET, s3)
        fill(store)
        yield store


def test_the_files_of_a_report(results: Results) -> None:
    environment = RunEnvironment(
        embedded=True, stand_ins={run.NOVA: "SmolLM2-135M"}, model_hashes={"SmolLM2-135M": "beef"}
    )
    results.write_text(keys.environment(run.EXPERIMENT, run.RUN), json.dumps(json_codec.to_jsonable(environment)))
    said = handler.report({"experiment": run.EXPERIMENT, "run": run.RUN}, Context())
    prefix = keys.report_prefix(run.EXPERIMENT, run.RUN)
    assert said["report_key"] == f"{prefix}report.json"
    assert said["headline"] == "Use rag (rag)."
    report = report_from_json(json.loads(results.read_text(said["report_key"])))
    assert report.header.git_commit == "c0ffee"
    assert report.header.model_hashes == {"SmolLM2-135M": "beef"}
    assert [r.variant for r in report.ladder] == [v for _, v in run.PAIRS]
    assert report.accepted_metric == "contained"
    assert {s.source: s.state for s in report.header.sources}["estimated"] == "partial"
    assert sum(v.metered_usd for v in report.variance) == report.total_usd
    assert any(v.volume_usd for v in report.variance)
    page = results.read_text(said["html_key"])
    assert "SIMULATED" in page
    assert "SmolLM2-135M did the work of us.amazon.nova-micro-v1:0" in page
    assert "<script" not in page
    markdown = results.read_text(f"{prefix}report.md")
    assert "SIMULATED BILL" in markdown
    assert "latency" in markdown.lower()
    lines = list(csv.DictReader(io.StringIO(results.read_text(said["csv_key"]), newline="")))
    assert sum(Decimal(line["amount_usd"]) for line in lines) == report.total_usd
    assert {line["source"] for line in lines} == {"metered"}
    assert {line["simulated"].split(":")[0] for line in lines} == {"yes"}


def test_a_second_report_counts_nothing_twice(results: Results) -> None:
    def total() -> Decimal:
        said = handler.report({"experiment": run.EXPERIMENT, "run": run.RUN}, Context())
        report = report_from_json(json.loads(results.read_text(said["report_key"])))
        lines = next(b.lines for b in report.breakdowns if b.by == "usage type")
        return sum((line.usd for line in lines if "Lambda-GB" not in line.name), Decimal(0))

    assert total() == total()


def test_a_run_that_does_not_exist(results: Results) -> None:
    with pytest.raises(MissingObjectError, match=r"run=r1/manifest\.json"):
        handler.report({"run": "r1"}, Context())
    with pytest.raises(EventError, match="event field 'run' is missing"):
        handler.report({"experiment": run.EXPERIMENT}, Context())


def test_what_the_approaches_gave_is_counted_for_spend_reports(results: Results) -> None:
    handler.report({"run": run.RUN}, Context())
    rows = results.read(keys.outputs(run.EXPERIMENT, run.RUN), OutputRow)
    assert [row.approach for row in rows] == list(APPROACHES)
    for row in rows:
        answers = [a for a in run.answers() if a.approach == row.approach]
        assert row.answers == sum(a.error is None for a in answers) > 0
        assert row.tokens == sum(a.input_tokens + a.output_tokens + a.cached_tokens for a in answers) > 0
        scored = [q for q in run.quality() if (q.approach, q.metric, q.split) == (row.approach, "contained", "all")]
        assert row.accepted == sum(round(q.value * q.n) for q in scored)


def test_answers_that_were_not_scored_are_neither_accepted_nor_not(results: Results) -> None:
    results.s3.delete_object(Bucket=BUCKET, Key=keys.quality(run.EXPERIMENT, run.RUN, "rag"))
    handler.report({"run": run.RUN}, Context())
    accepted = {row.approach: row.accepted for row in results.read(keys.outputs(run.EXPERIMENT, run.RUN), OutputRow)}
    assert accepted["rag"] is None
    assert accepted["prompting"] is not None


def test_an_approach_that_failed_is_named(results: Results) -> None:
    for kind in ("answers", "quality"):
        for key in results.list_keys(keys.approach_prefix(run.EXPERIMENT, run.RUN, "fine-tuning") + kind):
            results.s3.delete_object(Bucket=BUCKET, Key=key)
    event = {"experiment": run.EXPERIMENT, "run": run.RUN, "errors": {"fine-tuning": "AlgorithmError:\n out of memory"}}
    said = handler.report(event, Context())
    report = report_from_json(json.loads(results.read_text(said["report_key"])))
    assert report.recommendation.caveats[0] == "fine-tuning did not finish: AlgorithmError: out of memory"
    assert "fine-tuning" not in {r.approach for r in report.ladder if r.answers}
    assert report.unattributed_usd > 0  # its endpoint was paid for and answered nothing


def test_a_variant_that_failed_too_often_has_no_verdict_and_is_named(results: Results) -> None:
    error = "permanent: question {}: ValidationException: Input is too long for requested model."
    rows = [
        replace(a, text="", error=error.format(a.question_id))
        if a.variant == "rag+few-shot"
        else replace(a, error=None)
        for a in run.answers()
    ]
    results.write(
        keys.answers(run.EXPERIMENT, run.RUN, "prompting", "all", 0), [a for a in rows if a.approach == "prompting"]
    )
    results.write(keys.answers(run.EXPERIMENT, run.RUN, "rag", "all", 0), [a for a in rows if a.approach == "rag"])
    said = handler.report({"run": run.RUN}, Context())
    why = "2 of 2 failed, ValidationException: Input is too long for requested model"
    assert said["not_measured"] == [f"rag (rag+few-shot): {why}"]
    report = report_from_json(json.loads(results.read_text(said["report_key"])))
    gates = {r.variant: (r.gate.outcome, r.gate.reason) for r in report.ladder}
    assert gates["rag+few-shot"] == ("not measured", why)
    assert gates["rag"][0] == "pass"
    # An approach that failed as a whole says so itself.
    said = handler.report({"run": run.RUN, "errors": {"rag": "AnswersLeft: 2 of 4"}}, Context())
    assert said["not_measured"] == []


def test_an_experiment_may_ask_for_a_verdict_in_any_case(results: Results) -> None:
    text = results.read_text("in/experiment.json").replace('"most_unfinished": 0.1', '"most_unfinished": 1.0')
    results.write_text("in/experiment.json", text)
    assert handler.report({"run": run.RUN}, Context())["not_measured"] == []


def test_an_option_that_was_not_sent_is_noted(results: Results) -> None:
    probed = Probed(models={"models.generator": run.NOVA}, refused=("stopSequences", "temperature"))
    key = keys.probe(run.EXPERIMENT, run.RUN, "rag")
    results.write_text(key, json.dumps(json_codec.to_jsonable(probed)))
    said = handler.report({"run": run.RUN}, Context())
    notes = json.loads(results.read_text(said["report_key"]))["notes"]
    assert "rag: the model takes no stopSequences and no temperature; it was asked without." in notes
    assert not any(note.startswith("prompting: the model takes no") for note in notes)


def test_a_run_whose_probe_was_refused_is_reported_too(results: Results) -> None:
    for approach in APPROACHES:
        for key in results.list_keys(keys.approach_prefix(run.EXPERIMENT, run.RUN, approach)):
            results.s3.delete_object(Bucket=BUCKET, Key=key)
    results.write(
        keys.usage(run.EXPERIMENT, run.RUN, "prompting", "probe"),
        [run.context("prompting").row(meters.LAMBDA_REQUESTS["arm64"], 1)],
    )
    refused = json.dumps({"errorMessage": "m refused the call; correct models.generator", "errorType": "ProbeError"})
    errors = {"prompting": json.dumps({"Error": "ProbeError", "Cause": refused}), "rag": "it was not started"}
    said = handler.report({"run": run.RUN, "errors": errors}, Context())
    report = report_from_json(json.loads(results.read_text(said["report_key"])))
    assert report.recommendation.caveats == (
        "prompting did not finish: ProbeError: m refused the call; correct models.generator",
        "rag did not finish: it was not started",
        "fine-tuning did not finish: it has no answers",
    )
    assert report.total_usd > 0
    assert said["not_measured"] == []


def test_usage_without_a_price_is_an_error(results: Results) -> None:
    ctx = run.context("rag", "rag")
    row = ctx.tokens("us.amazon.nova-tiny-v9:0", "input", 5)
    results.write(keys.usage(run.EXPERIMENT, run.RUN, "rag", "answer-x"), [row])
    with pytest.raises(PriceError, match=r"USE1-amazon\.nova-tiny-v9:0-input-tokens: 5 tokens"):
        handler.report({"experiment": run.EXPERIMENT, "run": run.RUN}, Context())


def test_outside_the_embedded_aws_nothing_is_called_simulated(results: Results) -> None:
    handler.report({"experiment": run.EXPERIMENT, "run": run.RUN}, Context())
    assert "SIMULATED" not in results.read_text(keys.report_prefix(run.EXPERIMENT, run.RUN) + "report.html")


def test_the_outlook_on_production(results: Results) -> None:
    prefix = keys.report_prefix(run.EXPERIMENT, run.RUN)
    handler.report({"run": run.RUN}, Context())
    decision = json.loads(results.read_text(f"{prefix}decision.json"))
    assert decision["measured"] is True
    assert decision["requests_per_month"] == 1000
    assert "Outlook: production" in results.read_text(f"{prefix}report.html")


def test_a_report_without_an_outlook_says_why(results: Results) -> None:
    text = results.read_text("in/experiment.json").replace("Qwen/Qwen3-4B-Instruct-2507", "acme/unknown-base")
    results.write_text("in/experiment.json", text)
    said = handler.report({"run": run.RUN}, Context())
    notes = json.loads(results.read_text(said["report_key"]))["notes"]
    assert "No outlook on production: base model 'acme/unknown-base' has no known shape" in notes[-1]
    sources = json.loads(results.read_text(said["report_key"]))["header"]["sources"]
    assert (sources[0]["state"], "unknown-base" in sources[0]["text"]) == ("not estimated", True)
    # Later reports tell this from an estimate that was never made, and neither from zero.
    assert results.read_text(keys.estimated(run.EXPERIMENT, run.RUN)) == ""
    assert not results.exists(keys.report_prefix(run.EXPERIMENT, run.RUN) + "decision.json")


def test_an_amount_that_is_none() -> None:
    experiment = Experiment(
        name="e",
        description="",
        house_style=HouseStyle(instruction="i", pattern=".*", refusal="no"),
        gate=(),
        workload=Workload(requests_per_month=1, hourly_wage_usd="lots"),
    )
    document = Document(id="a", title="t", text="x" * 400)
    question = Question(id="q", question="why?", answer="so")
    task = outlook.task_of(experiment, [document], [], [question])
    assert (task.documents, task.corpus_tokens, task.shot_tokens) == (1, 102, 0)
    with pytest.raises(WorkloadError, match=r"workload\.hourly_wage_usd: not an amount \(got 'lots'\)"):
        outlook.inputs_of(experiment, task, Catalogue.load())


def judged(results: Results, kappa: float) -> None:
    """Make the run's gate that of a judge, whose verdicts and agreement the bucket then holds."""
    definition = json_codec.from_jsonable(Experiment, json.loads(results.read_text("in/experiment.json")))
    judge = Judge(model="us.amazon.nova-micro-v1:0", rubric="The same facts.")
    gate = (GateRule(metric="judged", minimum=0.5), GateRule(metric="token-f1", minimum=0.3))
    changed = replace(definition, task="free-form", judge=judge, gate=gate)
    results.write_text("in/experiment.json", json.dumps(json_codec.to_jsonable(changed)))
    for approach in APPROACHES:
        key = keys.quality(run.EXPERIMENT, run.RUN, approach)
        rows = [q for q in run.quality() if q.approach == approach]
        of_variant = [q for q in rows if (q.metric, q.split) == ("contained", "all")]
        rows += [replace(q, metric=metric) for q in of_variant for metric in ("judged", "token-f1")]
        rows += [replace(q, metric="judge-kappa", value=kappa, low=kappa, high=kappa) for q in of_variant]
        results.write(key, rows)
    row = run.context("shared").tokens(judge.model, "input", 10**6)
    results.write(keys.usage(run.EXPERIMENT, run.RUN, "shared", "judge-rag-00000"), [row])


@pytest.mark.parametrize(
    ("kappa", "accepted", "said"),
    [
        (0.7, "judged", "judged 0.8 reaches 0.5"),
        (0.41, "token-f1", "judged 0.8 is not decisive: kappa 0.41 below 0.60"),
    ],
)
def test_a_judge_decides_as_far_as_it_agrees_with_people(
    results: Results, kappa: float, accepted: str, said: str
) -> None:
    judged(results, kappa)
    written = handler.report({"run": run.RUN}, Context())
    report = report_from_json(json.loads(results.read_text(written["report_key"])))
    assert report.accepted_metric == accepted
    (rag,) = (r for r in report.ladder if r.variant == "rag")
    assert rag.gate.outcome == "pass"
    assert said in rag.gate.reason
    assert report.judging_usd == Decimal("0.035")
    assert report.header.models["judge"] == "us.amazon.nova-micro-v1:0"
    assert any("the generator's own model" in note for note in report.notes)
    assert any("two answers with 0.5 count as one" in note for note in report.notes) is (accepted == "token-f1")
    (shared,) = (v for v in report.variance if v.approach == "shared")
    assert shared.estimated_usd > 0


def test_what_a_judge_is_expected_to_read_grows_with_the_answers_and_the_rated_ones() -> None:
    question = Question(id="q", question="How long?", answer="30 months", rated=(Rated(answer="30", right=True),))
    definition = Experiment(
        name="e",
        house_style=HouseStyle(instruction="-"),
        gate=(),
        workload=Workload(requests_per_month=1),
        judge=Judge(model=run.NOVA, rubric="The same facts."),
    )
    task = outlook.task_of(definition, [Document(id="d", title="t", text="x" * 400)], [question], [question])

    def read(asked: list[Question], everything: list[Question]) -> list[int]:
        return [int(row.amount) for row in judging.expected(definition, task, asked, everything, "us-east-1")]

    one, none = read([question], []), read([], [question])
    assert read([question] * 3, []) == [3 * n for n in one]
    # A verdict in two orders for each of nine variants and, of the rated answer, for none.
    assert none[1] == 2 * judging.VERDICT_OUTPUT
    assert one[1] == 9 * 2 * judging.VERDICT_OUTPUT + 4 * (outlook.tokens("30 months") + judging.STATEMENT_OUTPUT)
    assert read([question], [question]) == [a + b for a, b in zip(one, none, strict=True)]
    assert judging.expected(replace(definition, judge=None), task, [question], [question], "us-east-1") == []
