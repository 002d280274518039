"""Reports are fetched whole or not at all, rebuilt by the function, and found by the newest run."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console

from contracts import keys
from ladder.errors import LadderError
from ladder.leftovers.audit import Leftover
from ladder.runs import reports
from ladder.runs.deployment import Deployment
from ladder.runs.execution import RunFolder

RUN = "r20261123-041530"


def put(session: boto3.Session, key: str, text: str) -> None:
    session.client("s3").put_object(Bucket="results", Key=key, Body=text.encode())


def fetch(session: boto3.Session, deployment: Deployment, folder: Path) -> reports.SavedReport:
    return reports.fetch(session, deployment, "tiny-shop", RUN, RunFolder(path=folder))


def test_a_report_is_fetched_with_the_answers_of_its_run(
    session: boto3.Session, deployment: Deployment, tmp_path: Path
) -> None:
    for name in (*reports.FILES, *reports.OPTIONAL):
        put(session, f"{keys.report_prefix('tiny-shop', RUN)}{name}", name)
    for approach, variant in (("rag", "rag"), ("prompting", "zero-shot")):
        put(session, keys.answers("tiny-shop", RUN, approach, variant, 0), f"{variant}\n")
    put(session, keys.answers("tiny-shop", "r2", "rag", "rag", 0), "of another run\n")
    put(session, keys.usage("tiny-shop", RUN, "rag", "answers"), "no answer\n")
    saved = fetch(session, deployment, tmp_path / "new")
    assert [path.name for path in saved.files] == [*reports.FILES, *reports.OPTIONAL, "answers.jsonl"]
    assert all(path.read_text() == path.name for path in saved.files[:-1])
    assert saved.answers.read_text() == "zero-shot\nrag\n"


def test_an_outlook_of_an_earlier_report_does_not_stay(
    session: boto3.Session, deployment: Deployment, tmp_path: Path
) -> None:
    (tmp_path / "decision.json").write_text("old")
    for name in reports.FILES:
        put(session, f"{keys.report_prefix('tiny-shop', RUN)}{name}", name)
    saved = fetch(session, deployment, tmp_path)
    assert [path.name for path in saved.files] == [*reports.FILES, "answers.jsonl"]
    assert not (tmp_path / "decision.json").exists()


def test_a_missing_report_is_named(session: boto3.Session, deployment: Deployment, tmp_path: Path) -> None:
    with pytest.raises(
        LadderError, match=rf"^run {RUN} has no report \(s3://results/.*report\.html\); make it with `ladder report"
    ):
        fetch(session, deployment, tmp_path)


class Functions:
    """The part of a session that invokes a function, which answers as it is told."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.asked: dict[str, Any] = {}

    def client(self, service: str, config: Any) -> Functions:
        assert service == "lambda"
        self.config = config
        return self

    def invoke(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return {**self.answer, "Payload": io.BytesIO(json.dumps(self.answer.get("Payload")).encode())}


def rebuild(functions: Any, deployment: Deployment) -> None:
    reports.rebuild(functions, deployment, RUN)


def test_the_function_makes_the_report_again(deployment: Deployment) -> None:
    functions = Functions(Payload={"headline": "Use rag."})
    rebuild(functions, deployment)
    assert functions.asked["FunctionName"] == "run-report"
    assert json.loads(functions.asked["Payload"]) == {"experiment": "tiny-shop", "run": RUN}


def test_a_report_that_takes_its_time_is_waited_for_and_not_made_twice(deployment: Deployment) -> None:
    functions = Functions(Payload={})
    rebuild(functions, deployment)
    assert functions.config.read_timeout > 15 * 60
    assert functions.config.retries == {"total_max_attempts": 1}


def test_a_spend_report_of_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"kind": "spend", "schema": 99}')
    with pytest.raises(LadderError, match=r"report\.json: spend report: .* 99; the deployed function is of another"):
        reports.show_spend(reports.SpendReportFiles(folder=tmp_path), Console())


def test_the_function_s_own_error_is_shown(deployment: Deployment) -> None:
    functions = Functions(FunctionError="Unhandled", Payload={"errorMessage": "no price for it", "errorType": "E"})
    with pytest.raises(LadderError, match=f"^the reporting function failed for run {RUN}: no price for it$"):
        rebuild(functions, deployment)


def test_the_newest_run_is_the_last_by_id(session: boto3.Session, deployment: Deployment) -> None:
    with pytest.raises(LadderError, match=r"^experiment tiny-shop has no run yet; start one with `ladder run`$"):
        reports.newest_run(session, deployment)
    table = session.client("dynamodb")
    for experiment, run in (("tiny-shop", "r2"), ("tiny-shop", "r1"), ("other", "r3")):
        table.put_item(TableName="runs", Item={"experiment": {"S": experiment}, "run": {"S": run}})
    assert reports.newest_run(session, deployment) == "r2"


def test_leftovers_are_written_as_a_list(tmp_path: Path) -> None:
    file = tmp_path / "new" / "leftovers.json"
    reports.write_leftovers([], None)
    reports.write_leftovers([], file)
    assert json.loads(file.read_text()) == []
    reports.write_leftovers([Leftover(kind="AWS::S3::Bucket", name="b", state="exists", evidence="tag")], file)
    assert json.loads(file.read_text()) == [
        {"kind": "AWS::S3::Bucket", "name": "b", "state": "exists", "evidence": "tag", "arn": ""}
    ]
