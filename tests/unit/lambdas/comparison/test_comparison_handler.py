"""The comparison step on a mocked bucket and a stubbed Step Functions client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from contracts import keys
from contracts.money import UsageRow
from contracts.run import PairedRow, ScoreRow
from lambdas.common.step import EventError
from lambdas.common.store import Results
from lambdas.comparison import orchestration
from lambdas.comparison.handler import summarise
from tests.unit.lambdas.evaluation.bucket_run import QUESTIONS, Context, make_run

ARN = "arn:aws:states:us-east-1:123456789012:execution:{}:r1"
EVENT = {
    "experiment": "handbook",
    "run": "r1",
    "executions": {"prompting": ARN.format("prompting"), "rag": ARN.format("rag"), "fine-tuning": None},
    "errors": {"fine-tuning": "CapacityError: no ml.g5.xlarge"},
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Results, Stubber]]:
    with mock_aws():
        states = boto3.client("stepfunctions", region_name="us-east-1")
        with Stubber(states) as stub:
            yield make_run(monkeypatch, stepfunctions=states), stub


def write_scores(results: Results, approach: Any, variant: str, exact: list[float]) -> None:
    rows = [
        ScoreRow(
            experiment="handbook",
            run="r1",
            approach=approach,
            variant=variant,
            question_id=q.id,
            split=q.tags[0],
            scores={"exact": value},
        )
        for q, value in zip(QUESTIONS, exact, strict=True)
    ]
    results.write(keys.scores("handbook", "r1", approach), rows)


def add_history(stub: Stubber, states: int) -> None:
    events = [
        {"id": i, "previousEventId": i - 1, "type": "PassStateEntered", "timestamp": datetime.now(UTC)}
        for i in range(1, states + 1)
    ]
    stub.add_response("get_execution_history", {"events": events})
    stub.add_response("list_map_runs", {"mapRuns": []})


def test_pairs_and_usage_of_the_approaches_that_ran(run: tuple[Results, Stubber]) -> None:
    results, stub = run
    write_scores(results, "prompting", "few-shot", [0, 0, 0, 1])
    write_scores(results, "rag", "rag+few-shot", [1, 1, 0, 1])
    add_history(stub, 5)
    add_history(stub, 9)
    done = summarise(EVENT, Context())
    assert done["failed"] == ["fine-tuning"]
    (row,) = results.read(done["paired_key"], PairedRow)
    assert (row.a, row.b, row.metric, row.difference, row.n) == ("rag+few-shot", "few-shot", "exact", 0.5, 4)
    counted = {}
    for approach, name in (("prompting", "orchestration-r1"), ("rag", "orchestration-r1"), ("rag", "storage")):
        (row_used,) = results.read(keys.usage("handbook", "r1", approach, name), UsageRow)
        assert row_used.approach == approach
        assert row_used.start == "2026-11-23T00:00:00.000Z"
        counted[approach, row_used.usage_type] = (row_used.amount, row_used.basis)
    assert counted["prompting", "USE1-StateTransition"] == (Decimal(5), "reported")
    assert counted["rag", "USE1-StateTransition"] == (Decimal(9), "reported")
    assert counted["rag", "TimedStorage-ByteHrs"][1] == "derived"
    assert not results.list_keys(f"{keys.approach_prefix('handbook', 'r1', 'fine-tuning')}usage/")
    own = results.read(keys.usage("handbook", "r1", keys.SHARED, "summarise"), UsageRow)
    assert "GB-second" in {u.unit for u in own}
    stub.assert_no_pending_responses()


def test_a_second_attempt_keeps_the_transitions_of_the_first(run: tuple[Results, Stubber]) -> None:
    results, stub = run
    for name, states in (("r1", 5), ("r1-2", 3)):
        add_history(stub, states)
        summarise({**EVENT, "executions": {"rag": ARN.format("rag")[:-2] + name}}, Context())
    amounts = {}
    for name in ("r1", "r1-2"):
        (found,) = results.read(keys.usage("handbook", "r1", "rag", f"orchestration-{name}"), UsageRow)
        amounts[name] = found.amount
    assert amounts == {"r1": 5, "r1-2": 3}
    own = results.read(keys.usage("handbook", "r1", keys.SHARED, "summarise"), UsageRow)
    assert [u.unit for u in own].count("GB-second") == 2  # both calls were billed


def test_the_manifest_and_the_input_are_stored_for_all(run: tuple[Results, Stubber]) -> None:
    results, _ = run
    later = datetime.fromisoformat("2026-11-23T01:00:00+00:00")
    entries = {
        "experiment=handbook/run=r1/": ["manifest.json", "environment.json", "approach=rag/answers/part-0.jsonl"],
        results.manifest("handbook", "r1").input_prefix: ["documents.jsonl"],
    }
    listed = {p: [{"Key": p + n, "Size": 7, "LastModified": later} for n in names] for p, names in entries.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Results, "objects", lambda self, prefix: listed[prefix])
        patch.setattr(
            orchestration, "stored_byte_seconds", lambda objects, now: Decimal(sum(o["Size"] for o in objects))
        )
        summarise({**EVENT, "executions": {}}, Context())
    for approach, expected in (("rag", 7), (keys.SHARED, 21)):
        (row,) = results.read(keys.usage("handbook", "r1", approach, "storage"), UsageRow)
        assert (row.approach, row.amount) == (approach, expected)


def test_a_run_in_which_everything_failed_still_has_a_comparison(run: tuple[Results, Stubber]) -> None:
    results, _ = run
    errors = dict.fromkeys(("prompting", "rag", "fine-tuning"), "failed")
    event = {**EVENT, "executions": dict.fromkeys(errors), "errors": errors}
    done = summarise(event, Context())
    assert done["failed"] == ["prompting", "rag", "fine-tuning"]
    assert results.read(done["paired_key"], PairedRow) == []


def test_an_approach_with_scores_and_an_error_is_compared_and_named(run: tuple[Results, Stubber]) -> None:
    results, _ = run
    write_scores(results, "prompting", "few-shot", [0, 0, 0, 1])
    write_scores(results, "fine-tuning", "lora", [1, 1, 0, 1])
    done = summarise({**EVENT, "executions": {}}, Context())
    assert done["failed"] == ["rag", "fine-tuning"]
    assert [(r.a, r.b) for r in results.read(done["paired_key"], PairedRow)] == [("lora", "few-shot")]


def test_a_missing_field_is_named(run: tuple[Results, Stubber]) -> None:
    with pytest.raises(EventError, match="'executions' is missing"):
        summarise({"experiment": "handbook", "run": "r1", "errors": {}}, Context())
