"""Reports are fetched whole or not at all, rebuilt by the function, and found by the newest run."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from contracts import keys
from ladder.deployment import Deployment
from ladder.errors import LadderError
from ladder.runs import reports
from tests.unit.ladder.conftest import RUN, Account


def fetch(account: Account) -> reports.SavedReport:
    return reports.fetch(account.deployment, RUN, account.out)


def put_report(account: Account, *names: str) -> None:
    for name in names:
        account.put(f"{keys.report_prefix('tiny-shop', RUN)}{name}", name)


def test_a_report_is_fetched_with_the_answers_of_its_run(account: Account) -> None:
    put_report(account, *reports.FILES, *reports.OPTIONAL)
    for approach, variant in (("rag", "rag"), ("prompting", "zero-shot")):
        account.put(keys.answers("tiny-shop", RUN, approach, variant, 0), f"{variant}\n")
    account.put(keys.answers("tiny-shop", "r2", "rag", "rag", 0), "of another run\n")
    account.put(keys.usage("tiny-shop", RUN, "rag", "answers"), "no answer\n")
    *files, joined = fetch(replace(account, out=account.out / "new")).files
    assert [path.name for path in files] == [*reports.FILES, *reports.OPTIONAL]
    assert all(path.read_text() == path.name for path in files)
    assert (joined.name, joined.read_text()) == ("answers.jsonl", "zero-shot\nrag\n")


def test_an_outlook_of_an_earlier_report_does_not_stay(account: Account) -> None:
    (account.out / "decision.json").write_text("old")
    put_report(account, *reports.FILES)
    assert [path.name for path in fetch(account).files] == [*reports.FILES, "answers.jsonl"]
    assert not (account.out / "decision.json").exists()


def test_a_missing_report_is_named(account: Account) -> None:
    with pytest.raises(
        LadderError, match=rf"^run {RUN} has no report \(s3://results/.*report\.html\); make it with `ladder report"
    ):
        fetch(account)


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


def rebuild(deployment: Deployment, functions: Any) -> None:
    reports.rebuild(replace(deployment, session=functions), RUN)


def test_the_function_makes_the_report_again(deployment: Deployment) -> None:
    functions = Functions(Payload={"headline": "Use rag."})
    rebuild(deployment, functions)
    assert functions.asked["FunctionName"] == "run-report"
    assert json.loads(functions.asked["Payload"]) == {"experiment": "tiny-shop", "run": RUN}


def test_a_report_that_takes_its_time_is_waited_for_and_not_made_twice(deployment: Deployment) -> None:
    functions = Functions(Payload={})
    rebuild(deployment, functions)
    assert functions.config.read_timeout > 15 * 60
    assert functions.config.retries == {"total_max_attempts": 1}


def test_a_spend_report_of_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"kind": "spend", "schema": 99}')
    with pytest.raises(LadderError, match=r"report\.json: spend report: .* 99; the deployed function is of another"):
        reports.show_spend(reports.SavedReport(folder=tmp_path, files=()), Console())


def test_the_function_s_own_error_is_shown(deployment: Deployment) -> None:
    functions = Functions(FunctionError="Unhandled", Payload={"errorMessage": "no price for it", "errorType": "E"})
    with pytest.raises(LadderError, match=f"^the reporting function failed for run {RUN}: no price for it$"):
        rebuild(deployment, functions)


def test_the_newest_run_is_the_last_by_id(deployment: Deployment) -> None:
    with pytest.raises(LadderError, match=r"^experiment tiny-shop has no run yet; start one with `ladder run`$"):
        reports.newest_run(deployment)
    table = deployment.session.client("dynamodb")
    for experiment, run in (("tiny-shop", "r2"), ("tiny-shop", "r1"), ("other", "r3")):
        table.put_item(TableName="runs", Item={"experiment": {"S": experiment}, "run": {"S": run}})
    assert reports.newest_run(deployment) == "r2"
