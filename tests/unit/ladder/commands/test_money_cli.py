"""The money commands on the experiment that ships with the project."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from contracts.json_codec import to_json
from cost_reports.run_report.build import build_report
from ladder.experiment.outlook import parse_assumption, read_inputs
from tests.unit.cost_reports.run_report.sample_records import header, records
from tests.unit.ladder.commands.command_line import run
from tests.unit.ladder.conftest import HANDBOOK


def test_estimate(tmp_path: Path) -> None:
    files = {kind: tmp_path / "deep" / f"estimate.{kind}" for kind in ("json", "csv", "html", "markdown")}
    words = [word for kind, path in files.items() for word in (f"--{kind}", path)]
    shown = run("estimate", "--experiment", HANDBOOK, "--requests-per-month", "20000", *words)
    assert "20,000 requests in the first month" in shown
    for approach in ("zero-shot", "aurora pgvector", "qlora", "from scratch"):
        assert approach in shown
    found = json.loads(files["json"].read_text())
    assert found["requests_per_month"] == 20000
    item = found["options"][0]["items"][0]
    assert set(item) >= {"service_code", "usage_type", "operation", "amount", "unit", "price_usd", "price_source"}
    lines = list(csv.DictReader(io.StringIO(files["csv"].read_text(), newline="")))
    assert len(lines) == sum(len(o["items"]) for o in found["options"])
    assert lines[0]["usage_type"] == item["usage_type"]
    page = files["html"].read_text()
    assert page.count("<svg") == 1
    assert "<script" not in page
    assert "USE1-Nova2.0Lite-input-tokens" in page
    assert "Llama 3.1 405B" in files["markdown"].read_text()
    assert shown.rstrip().endswith("estimate.markdown")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--requests-per-month", "0"], "requests_per_month must be from 1"),
        (["--horizon-months", "-3"], "horizon_months must be from 1"),
        (["--region", "us-moon-1"], "region 'us-moon-1' has no prices"),
        (["--assume", "ocu_rate"], "write name=number"),
        (["--assume", "ocu_rate=-3"], "ocu_rate must be 0 or more"),
        (["--assume", "spot_saving=2"], "spot_saving is a share"),
        (["--assume", "ocu_rates=3"], "assumption 'ocu_rates' is unknown"),
        (["--prices", "nowhere.json"], "nowhere.json: the price file cannot be read"),
    ],
)
def test_estimates_that_cannot_be_made(words: list[str], message: str) -> None:
    run("estimate", "--experiment", HANDBOOK, *words, fails=message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("requests_per_month: 10000", "requests_per_month: -1", ": workload.requests_per_month: -1 is too small"),
        ("horizon_months: 12", "horizon_months: 0", ": workload.horizon_months: 0 is too small"),
        ("generator: us.amazon.nova-2-lite-v1:0", "generator: us.acme.x", "model 'us.acme.x' has no price"),
        ("hosting_instance: ml.g5.xlarge", "hosting_instance: ml.q9.huge", "instance 'ml.q9.huge' is unknown"),
    ],
)
def test_one_mistake_in_the_experiment_is_one_line(old: str, new: str, message: str, tmp_path: Path) -> None:
    shutil.copytree(HANDBOOK, tmp_path / "e")
    path = tmp_path / "e" / "experiment.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    run("estimate", "-e", tmp_path / "e", fails=message)
    run("estimate", "-e", tmp_path / "none", fails="none: does not exist")


def test_decide(tmp_path: Path) -> None:
    shown = run("decide", "--experiment", HANDBOOK)
    assert "No recommendation: no quality was measured." in shown
    report = tmp_path / "report.json"
    report.write_text(to_json(build_report(records())))
    out = tmp_path / "decision"
    shown = run("decide", "-e", HANDBOOK, "--quality", report, "--json", f"{out}.json", "--html", f"{out}.html")
    assert "Use rag (rag, s3 vectors)." in shown
    assert "What moves the answer" in shown
    found = json.loads(Path(f"{out}.json").read_text())
    assert found["measured"] is True
    assert found["chances"]
    assert Path(f"{out}.html").read_text().count("<svg") == 3
    assert "SIMULATED BILL" in shown
    report.write_text(to_json(build_report(records(header=header(simulated=())))))
    shown = run("decide", "-e", HANDBOOK, "--quality", report, "--csv", f"{out}.csv")
    assert "SIMULATED" not in shown
    assert {line["simulated"] for line in csv.DictReader(io.StringIO(Path(f"{out}.csv").read_text()))} == {"no"}
    report.write_text("{}")
    run("decide", "-e", HANDBOOK, "--quality", report, fails="report.json: report: schema 1 is needed")
    run("decide", "-e", HANDBOOK, "--quality", tmp_path / "no.json", fails="give the report.json of a run")


def test_prices() -> None:
    shown = run("prices", "show", "NovaMicro")
    assert "0.035 / 1M tokens" in shown
    assert "litellm 1.109.1" in shown
    run("prices", "show", "Nowhere", fails="no price matches 'Nowhere'")
    checked = run("prices", "check", "--experiment", HANDBOOK, "--days", "30")
    assert "0 are missing" in checked
    assert "unknown: gp3 disks of a managed OpenSearch domain (AmazonES ES:GP3-Storage): no public source" in checked
    assert "old: AmazonES ESInstance:m7g.medium: as of 2026" in checked
    shown = run("prices", "show", "GP3-Storage")
    assert "unknown / GB-month" in shown
    run("prices", "check", "--experiment", HANDBOOK, "--days", "-1", fails="--days must be 0 or more")
    run("prices", "refresh", "--region", "us-moon-1", fails="region 'us-moon-1' is unknown")


def test_idle(tmp_path: Path) -> None:
    resources = {"Key": {"Type": "AWS::KMS::Key"}, "Role": {"Type": "AWS::IAM::Role"}}
    (tmp_path / "a.template.json").write_text(json.dumps({"Resources": resources}))
    shown = run("idle", "--app", tmp_path)
    assert "$1.00 a month in all" in shown
    assert "AWS::IAM::Role" not in shown
    assert "AWS::IAM::Role" in run("idle", "--app", tmp_path, "--all")
    (tmp_path / "b.template.json").write_text(json.dumps({"Resources": {"X": {"Type": "AWS::Quantum::Thing"}}}))
    shown = run("idle", "--app", tmp_path, fails="1 resources have no known price (AWS::Quantum::Thing)")
    assert "AWS::Quantum::Thing" in shown
    (tmp_path / "b.template.json").write_text("{")
    run("idle", "--app", tmp_path, fails="b.template.json: not JSON")
    run("idle", "--app", tmp_path / "none", fails="holds no *.template.json")


def test_the_task_is_counted_from_the_files() -> None:
    task = read_inputs(HANDBOOK).task
    assert task.documents >= 60
    assert task.corpus_tokens > 5 * task.documents
    assert 5 < task.question_tokens < 60
    assert task.style_tokens > 10
    assert task.pages == 1


def test_assumptions() -> None:
    assert parse_assumption("ocu_rate=20") == ("ocu_rate", 20)
    assert parse_assumption("spot_saving = 0.5") == ("spot_saving", 0.5)
