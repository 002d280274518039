"""What the run's own orchestration used: state transitions of its executions, bytes of its objects.

AWS charges standard workflows by state entered and once more for every retry, in the children of a Distributed Map
too. Parent histories report both; the children are many and short, so theirs are derived: child executions of the map
run times the states of the map's item processor. Express children are charged by time instead and counted as none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

SCHEDULED = ("TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled")


@dataclass(frozen=True, slots=True)
class Transitions:
    """State transitions of one execution: `reported` by its history, `children` of its map runs derived."""

    reported: int
    children: int


def transitions(states: Any, execution_arn: str) -> Transitions:
    """Count one execution. `states` is a boto3 Step Functions client.

    The execution that calls this is still running: what it enters later is not in the count.
    """
    reported = count_events(_events(states, execution_arn))
    maps = list(_map_runs(states, execution_arn))
    if not maps:
        return Transitions(reported, 0)
    definition = json.loads(states.describe_state_machine_for_execution(executionArn=execution_arn)["definition"])
    by_label = child_states(definition)
    children = 0
    for arn in maps:
        run = states.describe_map_run(mapRunArn=arn)
        counts = run["executionCounts"]
        children += (counts["total"] - counts["pending"]) * _states_of_child(arn, by_label)
    return Transitions(reported, children)


def count_events(events: Iterable[Mapping[str, Any]]) -> int:
    """Count states entered, and attempts of a task beyond its first.

    Where events name their predecessor, an attempt belongs to the state that the chain of predecessors leads to, else
    to the state entered last.
    """
    entered, attempts = 0, 0
    owner: dict[int, int] = {}
    tried: set[int] = set()
    latest = 0
    for event in events:
        number, kind = event["id"], event["type"]
        if kind.endswith("StateEntered"):
            entered += 1
            latest = owner[number] = number
            continue
        owner[number] = owner.get(event.get("previousEventId") or 0, latest)
        if kind in SCHEDULED:
            attempts += 1
            tried.add(owner[number])
    return entered + attempts - len(tried)


def child_states(definition: Mapping[str, Any]) -> dict[str, int]:
    """Return label of a Distributed Map ("" without one) -> states that one child enters, 0 for express children.

    Counts all states of the item processor: right for a chain, too many where a Choice leaves some out.

    Raises:
        ValueError: two maps without a label have different numbers of states: their runs cannot be told apart.
    """
    found: dict[str, int] = {}
    for state in _all_states(definition):
        processor = state.get("ItemProcessor", {})
        config = processor.get("ProcessorConfig", {})
        if state.get("Type") != "Map" or config.get("Mode") != "DISTRIBUTED":
            continue
        label = state.get("Label", "")
        size = 0 if config.get("ExecutionType") == "EXPRESS" else sum(1 for _ in _all_states(processor))
        if found.setdefault(label, size) != size:
            raise ValueError(f"two Distributed Maps have the label {label!r}; give each its own")
    return found


def stored_byte_seconds(objects: Iterable[Mapping[str, Any]], now: datetime) -> Decimal:
    """Return size x time since writing, summed over objects as ListObjectsV2 lists them.

    An overwritten object counts from its last writing; noncurrent versions do not count (the bucket keeps none).
    """
    return sum((entry["Size"] * _age(entry["LastModified"], now) for entry in objects), Decimal(0))


def _age(written: datetime, now: datetime) -> Decimal:
    return max(Decimal(0), Decimal(str((now - written).total_seconds())))


def _states_of_child(map_run_arn: str, by_label: Mapping[str, int]) -> int:
    """Return the states that one child of a map run enters. Its ARN ends in `:mapRun:machine/label:id`."""
    label = map_run_arn.split(":")[6].partition("/")[2]
    if label in by_label:
        return by_label[label]
    # Step Functions makes a label up where the definition has none.
    if "" in by_label:
        return by_label[""]
    raise ValueError(f"map run {map_run_arn}: its state machine has no Distributed Map with label {label!r}")


def _all_states(machine: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the states of a machine or item processor: with inline maps and branches, without other maps' children."""
    for state in machine.get("States", {}).values():
        yield state
        for branch in state.get("Branches", ()):
            yield from _all_states(branch)
        inner = state.get("ItemProcessor", {})
        if inner.get("ProcessorConfig", {}).get("Mode") != "DISTRIBUTED":
            yield from _all_states(inner)


def _events(states: Any, execution_arn: str) -> Iterator[dict[str, Any]]:
    pages = states.get_paginator("get_execution_history").paginate(
        executionArn=execution_arn, includeExecutionData=False, PaginationConfig={"PageSize": 1000}
    )
    for page in pages:
        yield from page["events"]


def _map_runs(states: Any, execution_arn: str) -> Iterator[str]:
    for page in states.get_paginator("list_map_runs").paginate(executionArn=execution_arn):
        for run in page["mapRuns"]:
            yield run["mapRunArn"]
