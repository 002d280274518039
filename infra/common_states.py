"""States that occur in several machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

State = dict[str, Any]
States = dict[str, State]

#: Lambda functions run at most 15 minutes; the task waits a little longer, so that the function's own error is seen.
TASK_TIMEOUT_S = 930
#: Quotas are counted by the minute.
ROUND_WAIT_S = 60
#: `ResultSelector` that drops the metadata of an invocation; the function's answer is then at `<path>.payload`.
PAYLOAD = {"payload.$": "$.Payload"}

#: The request was not taken, or its answer was lost: steps may be repeated, they overwrite what they wrote.
LAMBDA_RETRY = {
    "ErrorEquals": [
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.TooManyRequestsException",
    ],
    "IntervalSeconds": 2,
    "MaxAttempts": 6,
    "BackoffRate": 2,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}
#: The function ran out of time or memory. What it finished is kept, so that a second call has less to do.
CUT_OFF_RETRY = {
    "ErrorEquals": ["States.Timeout", "Sandbox.Timedout", "Lambda.Unknown"],
    "IntervalSeconds": 5,
    "MaxAttempts": 2,
    "BackoffRate": 2,
    "JitterStrategy": "FULL",
}
#: The judge has more answers before it than one call has time for, or its model is overloaded. Every call gets on, and
#: pays for nothing twice.
UNFINISHED_RETRY = {
    "ErrorEquals": ["JudgingUnfinishedError"],
    "IntervalSeconds": 5,
    "MaxAttempts": 50,
    "BackoffRate": 1,
    "JitterStrategy": "FULL",
}


def invoke(
    function: str,
    payload: Mapping[str, Any],
    *,
    then: str | None,
    result: str | None,
    catch: list[State] | None = None,
) -> State:
    """Return a state that calls a function, given by its placeholder, with `experiment`, `run` and `payload`.

    The function's answer is put at `<result>.payload`, or dropped where `result` is None.
    """
    state: State = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {
            "FunctionName": f"${{{function}}}",
            "Payload": {"experiment.$": "$.experiment", "run.$": "$.run", **payload},
        },
        "TimeoutSeconds": TASK_TIMEOUT_S,
        "Retry": [LAMBDA_RETRY, CUT_OFF_RETRY],
        "ResultPath": result,
    }
    if result is not None:
        state["ResultSelector"] = PAYLOAD
    if catch:
        state["Catch"] = catch
    return _linked(state, then)


def batches(
    label: str,
    function: str,
    item_fields: tuple[str, ...],
    *,
    items_key: str,
    concurrency: int,
    then: str,
    extra: Mapping[str, str] | None = None,
    catch: list[State] | None = None,
) -> State:
    """Return a Distributed Map that calls `function` once for each item of a JSON file in the bucket.

    `item_fields` are taken from the item, `extra` from the state's input. The children return nothing, because
    their answers together must fit into 256 KiB; their work is in the bucket.
    """
    fields = {f"{name}.$": f"$$.Map.Item.Value.{name}" for name in item_fields}
    call = invoke(
        function, {f"{name}.$": f"$.{name}" for name in (*item_fields, *(extra or {}))}, then=None, result="$"
    )
    call["OutputPath"] = None
    state: State = {
        "Type": "Map",
        "Label": label,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket.$": "$.prepared.payload.bucket", "Key.$": items_key},
        },
        "ItemSelector": {
            "experiment.$": "$.experiment",
            "run.$": "$.run",
            **fields,
            **{f"{name}.$": path for name, path in (extra or {}).items()},
        },
        "MaxConcurrency": concurrency,
        "ItemProcessor": {
            # Standard, because an express child may only last 5 minutes.
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": f"{label}Batch",
            "States": {f"{label}Batch": call},
        },
        "ResultPath": None,
    }
    if catch:
        state["Catch"] = catch
    return _linked(state, then)


def answering(
    approach: str,
    *,
    concurrency: int,
    then: str,
    extra: Mapping[str, str] | None = None,
    catch: list[State] | None = None,
    given_up: State | None = None,
) -> States:
    """Return the answering step, the same for every approach; it begins at `StartRounds`.

    A round asks every batch that is listed. What then has no final answer (its time ran out, waiting for a quota) is
    listed again, as long as rounds help: `lambdas.common.rounds`. `given_up` is where questions are left in the end.
    """
    return {
        "StartRounds": {
            "Type": "Pass",
            "Result": {"count": 0, "left": -1},
            "ResultPath": "$.rounds",
            "Next": "AnswerAll",
        },
        "AnswerAll": batches(
            "Answer",
            "Answer",
            ("variant", "batch"),
            items_key="$.prepared.payload.items_key",
            concurrency=concurrency,
            then="SettleRound",
            extra=extra,
            catch=catch,
        ),
        "SettleRound": invoke(
            "Evaluate",
            {"approach": approach, "round.$": "$.rounds.count", "left_before.$": "$.rounds.left"},
            then="RoundSettled",
            result="$.settled",
            catch=catch,
        ),
        "RoundSettled": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.settled.payload.left", "NumericEquals": 0, "Next": then},
                {"Variable": "$.settled.payload.again", "BooleanEquals": True, "Next": "CountRound"},
            ],
            "Default": "AnswersLeft",
        },
        "CountRound": {
            "Type": "Pass",
            "Parameters": {
                "count.$": "States.MathAdd($.rounds.count, 1)",
                "left.$": "$.settled.payload.left",
            },
            "ResultPath": "$.rounds",
            "Next": "WaitForQuota",
        },
        "WaitForQuota": wait(ROUND_WAIT_S, then="AnswerAll"),
        "AnswersLeft": given_up or {"Type": "Fail", "Error": "AnswersLeft", "CausePath": "$.settled.payload.message"},
    }


def evaluate(approach: str, *, catch: list[State] | None = None) -> State:
    """Return the last step of an approach; its answer is the execution's output."""
    state = invoke("Evaluate", {"approach": approach}, then=None, result="$", catch=catch)
    state["OutputPath"] = "$.payload"
    state["Retry"] = [*state["Retry"], UNFINISHED_RETRY]
    return state


def wait(seconds: int, *, then: str) -> State:
    return {"Type": "Wait", "Seconds": seconds, "Next": then}


def count(path: str, *, then: str) -> State:
    """Return a state that adds 1 to the number at `<path>.count`."""
    return {
        "Type": "Pass",
        "Parameters": {"count.$": f"States.MathAdd({path}.count, 1)"},
        "ResultPath": path,
        "Next": then,
    }


def _linked(state: State, then: str | None) -> State:
    state.update({"Next": then} if then else {"End": True})
    return state
