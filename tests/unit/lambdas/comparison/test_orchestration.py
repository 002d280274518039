"""State transitions and stored bytes, from responses that botocore's own models check."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lambdas.comparison.orchestration import (
    Transitions,
    child_states,
    count_events,
    stored_byte_seconds,
    transitions,
)

ARN = "arn:aws:states:us-east-1:123456789012:execution:pipeline:x1"
MAP_RUN = "arn:aws:states:us-east-1:123456789012:mapRun:pipeline/{label}:0b1c"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def history(*kinds: str | tuple[str, int]) -> list[dict[str, Any]]:
    """Events numbered from 1; a pair names the predecessor, else it is the event before."""
    events = []
    for number, kind in enumerate(kinds, start=1):
        name, previous = kind if isinstance(kind, tuple) else (kind, number - 1)
        events.append({"id": number, "type": name, "previousEventId": previous, "timestamp": NOW})
    return events


TASK = ("TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited")


def test_states_entered_are_counted() -> None:
    assert count_events(history("ExecutionStarted", *TASK, "ChoiceStateEntered", "ChoiceStateExited", *TASK)) == 3


def test_every_retry_is_one_more_transition() -> None:
    events = history(
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskFailed",
        "TaskScheduled",
        "TaskFailed",
        "TaskScheduled",
    )
    assert count_events(events) == 3


def test_retries_of_parallel_branches_are_told_apart_by_their_predecessors() -> None:
    events = history(
        "ExecutionStarted",
        "ParallelStateEntered",
        ("TaskStateEntered", 2),
        ("TaskStateEntered", 2),
        ("TaskScheduled", 3),
        ("TaskScheduled", 4),
        ("TaskFailed", 5),
        ("TaskScheduled", 7),
    )
    assert count_events(events) == 4


def test_without_predecessors_an_attempt_belongs_to_the_state_entered_last() -> None:
    events = history("ExecutionStarted", *TASK, "TaskStateEntered", "TaskScheduled", "TaskFailed", "TaskScheduled")
    for event in events:
        del event["previousEventId"]
    assert count_events(events) == 3


def distributed(states: dict[str, Any], **more: Any) -> dict[str, Any]:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": more.pop("kind", "STANDARD")}
    return {"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, "States": states}, **more}


ANSWER = distributed({"Answer": {"Type": "Task"}}, Label="Answer")
INGEST = distributed({"Ingest": {"Type": "Task"}, "Note": {"Type": "Pass"}}, Label="Ingest")


def test_states_of_a_child_by_the_label_of_its_map() -> None:
    inline = {"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "States": {"Inner": ANSWER}}}
    parallel = {"Type": "Parallel", "Branches": [{"States": {"I": INGEST}}, {"States": {"P": {"Type": "Pass"}}}]}
    fast = distributed({"Answer": {"Type": "Task"}}, Label="Fast", kind="EXPRESS")
    found = child_states({"States": {"A": inline, "B": parallel, "C": fast}})
    assert found == {"Answer": 1, "Ingest": 2, "Fast": 0}


def test_maps_that_cannot_be_told_apart_are_an_error() -> None:
    unnamed = [{k: v for k, v in m.items() if k != "Label"} for m in (ANSWER, INGEST)]
    with pytest.raises(ValueError, match="label ''; give each its own"):
        child_states({"States": {"A": unnamed[0], "B": unnamed[1]}})


@pytest.fixture
def states() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("stepfunctions", region_name="us-east-1")
    with Stubber(client) as stub:
        yield client, stub
        stub.assert_no_pending_responses()


def test_pages_of_the_history_are_put_together(states: tuple[Any, Stubber]) -> None:
    client, stub = states
    asked = {"executionArn": ARN, "includeExecutionData": False, "maxResults": 1000}
    events = history("ExecutionStarted", *TASK, *TASK)
    stub.add_response("get_execution_history", {"events": events[:4], "nextToken": "more"}, asked)
    stub.add_response("get_execution_history", {"events": events[4:]}, {**asked, "nextToken": "more"})
    stub.add_response("list_map_runs", {"mapRuns": []}, {"executionArn": ARN})
    assert transitions(client, ARN) == Transitions(reported=2, children=0)


@pytest.mark.parametrize(("label", "expected"), [("Answer", 23), ("Ingest", 46)])
def test_children_of_map_runs_are_derived(states: tuple[Any, Stubber], label: str, expected: int) -> None:
    client, stub = states
    arn = MAP_RUN.format(label=label)
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:pipeline"
    counts = dict.fromkeys(("running", "timedOut", "aborted", "resultsWritten"), 0)
    counts |= {"pending": 2, "succeeded": 22, "failed": 1, "total": 25}
    run = {"executionArn": ARN, "mapRunArn": arn, "stateMachineArn": machine, "startDate": NOW}
    stub.add_response("get_execution_history", {"events": history("ExecutionStarted", "MapStateEntered")})
    stub.add_response("list_map_runs", {"mapRuns": [run]})
    stub.add_response(
        "describe_state_machine_for_execution",
        {
            "stateMachineArn": machine,
            "name": "pipeline",
            "definition": json.dumps({"States": {"A": ANSWER, "I": INGEST}}),
            "roleArn": "arn:aws:iam::123456789012:role/pipeline",
            "updateDate": NOW,
        },
    )
    stub.add_response(
        "describe_map_run",
        {
            "mapRunArn": arn,
            "executionArn": ARN,
            "status": "SUCCEEDED",
            "startDate": NOW,
            "maxConcurrency": 4,
            "toleratedFailurePercentage": 0.0,
            "toleratedFailureCount": 0,
            "itemCounts": counts,
            "executionCounts": counts,
        },
        {"mapRunArn": arn},
    )
    assert transitions(client, ARN) == Transitions(reported=1, children=expected)


def test_stored_bytes_count_from_their_writing() -> None:
    objects = [
        {"Size": 1000, "LastModified": NOW - timedelta(hours=1)},
        {"Size": 10, "LastModified": NOW - timedelta(seconds=0.5)},
        {"Size": 7, "LastModified": NOW + timedelta(seconds=3)},
    ]
    assert stored_byte_seconds(objects, NOW) == Decimal("3600005")
    assert stored_byte_seconds([], NOW) == 0
