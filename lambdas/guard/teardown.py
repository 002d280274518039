"""Takes a deployment down, one move a call: the state machine calls again until nothing is left to do.

First executions are stopped, so that nothing makes new resources, then endpoints are deleted, then stacks in the
reverse of the order in which they were made. The guard's own stack is the first of them; the state machine deletes it
last, when no function runs any more that would write logs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lambdas.common.runtime import error_code
from lambdas.guard.sight import Sight


class BlockedError(RuntimeError):
    """A stack cannot be deleted; the message names it and what CloudFormation says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What to do now. `done`: nothing is left but the guard itself."""

    stop: tuple[str, ...] = ()
    delete_endpoints: tuple[str, ...] = ()
    delete_stack: str | None = None
    done: bool = False


def next_moves(sight: Sight) -> Moves:
    """Return the next moves.

    Raises:
        BlockedError: the deletion of a stack has failed.
    """
    if sight.executions:
        return Moves(stop=sight.executions)
    if sight.endpoints:
        return Moves(delete_endpoints=tuple(e.name for e in sight.endpoints if e.status != "Deleting"))
    failed = next((stack for stack in sight.stacks if stack.status == "DELETE_FAILED"), None)
    if failed is not None:
        raise BlockedError(f"stack {failed.name} cannot be deleted: {failed.reason or 'see its events'}")
    if len(sight.stacks) <= 1:
        return Moves(done=True)
    newest = sight.stacks[-1]
    return Moves() if newest.status == "DELETE_IN_PROGRESS" else Moves(delete_stack=newest.name)


def make(moves: Moves, client: Callable[[str], Any], *, reason: str) -> None:
    """Make the moves. What is gone already is no error: `cdk destroy` may run at the same time."""
    for arn in moves.stop:
        _unless_gone(client("stepfunctions").stop_execution, executionArn=arn, error="Guard", cause=reason)
    for name in moves.delete_endpoints:
        _unless_gone(client("sagemaker").delete_endpoint, EndpointName=name)
    if moves.delete_stack is not None:
        client("cloudformation").delete_stack(StackName=moves.delete_stack)


def _unless_gone(call: Callable[..., Any], **asked: str) -> None:
    try:
        call(**asked)
    except ClientError as error:
        # SageMaker's ValidationException is for other mistakes too; of a deletion it says "Could not find ...".
        if error_code(error) != "ExecutionDoesNotExist" and "Could not find" not in str(error):
            raise
