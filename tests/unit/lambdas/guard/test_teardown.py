"""One move a call: executions, endpoints, stacks in reverse; the guard's own stack last."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.guard.sight import Endpoint, Sight, Stack
from lambdas.guard.teardown import BlockedError, Moves, make, next_moves

MADE = datetime(2026, 12, 1, 8, tzinfo=UTC)


def stacks(**statuses: str) -> tuple[Stack, ...]:
    return tuple(
        Stack(
            name=name,
            status=status,
            created=MADE + timedelta(minutes=minute),
            changed=MADE,
            outputs={},
            reason="bucket not empty" if status == "DELETE_FAILED" else "",
        )
        for minute, (name, status) in enumerate(statuses.items())
    )


def seen(*, executions: tuple[str, ...] = (), endpoint: str | None = None, **statuses: str) -> Sight:
    endpoints = () if endpoint is None else (Endpoint(name="e", status=endpoint, created=MADE),)
    return Sight(stacks=stacks(**statuses), executions=executions, endpoints=endpoints)


@pytest.mark.parametrize(
    ("sight", "moves"),
    [
        (seen(executions=("x", "y"), endpoint="InService", guard="CREATE_COMPLETE"), Moves(stop=("x", "y"))),
        (seen(endpoint="InService", guard="CREATE_COMPLETE"), Moves(delete_endpoints=("e",))),
        (seen(endpoint="Deleting", guard="CREATE_COMPLETE"), Moves()),
        (seen(guard="CREATE_COMPLETE", rag="UPDATE_COMPLETE"), Moves(delete_stack="rag")),
        (seen(guard="CREATE_COMPLETE", rag="ROLLBACK_COMPLETE"), Moves(delete_stack="rag")),
        (seen(guard="CREATE_COMPLETE", rag="DELETE_IN_PROGRESS"), Moves()),
        (seen(guard="CREATE_COMPLETE"), Moves(done=True)),
        (seen(guard="DELETE_IN_PROGRESS"), Moves(done=True)),
        (seen(), Moves(done=True)),
    ],
)
def test_the_next_move(sight: Sight, moves: Moves) -> None:
    assert next_moves(sight) == moves


def test_a_stack_that_cannot_be_deleted_is_named_with_its_reason() -> None:
    with pytest.raises(BlockedError, match="stack rag cannot be deleted: bucket not empty"):
        next_moves(seen(guard="CREATE_COMPLETE", rag="DELETE_FAILED"))


def test_a_deployment_is_gone_after_as_many_calls_as_it_has_parts() -> None:
    left = {"guard": "CREATE_COMPLETE", "foundation": "CREATE_COMPLETE", "rag": "CREATE_COMPLETE"}
    order = []
    for _ in range(10):
        moves = next_moves(seen(**left))
        if moves.delete_stack:
            order.append(moves.delete_stack)
            del left[moves.delete_stack]
        if moves.done:
            break
    assert order == ["rag", "foundation"]
    assert set(left) == {"guard"}


class Calls:
    """A client of any service that writes down what it is asked."""

    def __init__(self) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, _service: str) -> Calls:
        return self

    def __getattr__(self, operation: str) -> Any:
        return lambda **asked: self.made.append((operation, asked))


def test_moves_are_made_at_the_services() -> None:
    calls = Calls()
    make(Moves(stop=("x",), delete_endpoints=("e",), delete_stack="s"), calls, reason="expired")
    assert calls.made == [
        ("stop_execution", {"executionArn": "x", "error": "Guard", "cause": "expired"}),
        ("delete_endpoint", {"EndpointName": "e"}),
        ("delete_stack", {"StackName": "s"}),
    ]


@pytest.mark.parametrize(
    ("code", "message", "raised"),
    [
        ("ExecutionDoesNotExist", "Execution Does Not Exist: 'x'", False),
        ("ValidationException", 'Could not find endpoint "e".', False),
        ("ValidationException", "Cannot update in-progress endpoint", True),
        ("AccessDeniedException", "no", True),
    ],
)
def test_what_is_gone_already_is_no_error(code: str, message: str, raised: bool) -> None:
    def refuse(**_: str) -> None:
        raise ClientError({"Error": {"Code": code, "Message": message}}, "Delete")

    service = SimpleNamespace(delete_endpoint=refuse, stop_execution=refuse)
    with pytest.raises(ClientError) if raised else nullcontext():
        make(Moves(delete_endpoints=("e",)), lambda _: service, reason="r")
