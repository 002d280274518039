"""Calls of the SageMaker API, and the way in which an endpoint is deleted for certain."""

from __future__ import annotations

from infra import common_states

#: What SageMaker says of an endpoint that does not exist; it has no error code of its own for it.
NOT_FOUND = "*ould not find endpoint*"

_SERVICE_RETRY = {
    "ErrorEquals": ["SageMaker.SageMakerException", "SageMaker.SdkClientException", "SageMaker.ThrottlingException"],
    "IntervalSeconds": 2,
    "MaxAttempts": 5,
    "BackoffRate": 2,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}
#: 10 minutes for a deleted endpoint to be gone.
_GONE_POLL_S, _GONE_POLLS = 30, 20

#: A delete that is refused, for instance because the endpoint is still being made, may be taken later.
_DELETE_RETRY = {
    "ErrorEquals": ["States.ALL"],
    "IntervalSeconds": 20,
    "MaxAttempts": 5,
    "BackoffRate": 1.5,
    "JitterStrategy": "FULL",
}
#: Configuration and model cost nothing, so that little effort is made to delete one.
_LIGHT_RETRY = {**_SERVICE_RETRY, "MaxAttempts": 2}
_LOGS_RETRY = {
    **_LIGHT_RETRY,
    "ErrorEquals": [
        f"CloudWatchLogs.{error}"
        for error in (
            "OperationAbortedException",
            "SdkClientException",
            "ServiceUnavailableException",
            "ThrottlingException",
        )
    ],
}


def call(
    action: str, parameters: common_states.State, *, then: str, catch: list[common_states.State]
) -> common_states.State:
    """A call of the SageMaker API whose answer is dropped."""
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::aws-sdk:sagemaker:{action}",
        "Parameters": parameters,
        "TimeoutSeconds": 120,
        "Retry": [_SERVICE_RETRY],
        "Catch": catch,
        "ResultPath": None,
        "Next": then,
    }


def delete(action: str, parameter: str, path: str, *, then: str) -> common_states.State:
    """Return a state that deletes what costs nothing; `then` comes next, whether it existed or not."""
    state = call(action, {f"{parameter}.$": path}, then=then, catch=passed(then))
    return {**state, "Retry": [_LIGHT_RETRY]}


def delete_endpoint(path: str, *, then: str, left: str) -> common_states.States:
    """Return states that delete the endpoint whose name is at `path`.

    `then` comes next if it is gone or going, `left` if it may still run. A refused deletion counts as a deletion only
    where the endpoint is known not to exist.
    """
    return {
        "DeleteEndpoint": {
            **call("deleteEndpoint", {"EndpointName.$": path}, then=then, catch=passed("ProbeEndpoint")),
            "Retry": [_DELETE_RETRY],
        },
        "ProbeEndpoint": {
            **call(
                "describeEndpoint", {"EndpointName.$": path}, then="EndpointLeaving", catch=passed("EndpointUnknown")
            ),
            "Retry": [],
            "ResultPath": "$.probed",
        },
        "EndpointLeaving": {
            "Type": "Choice",
            "Choices": [status("$.probed.EndpointStatus", "Deleting", then)],
            "Default": left,
        },
        "EndpointUnknown": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.clean_up.Cause", "StringMatches": NOT_FOUND, "Next": then}],
            "Default": left,
        },
    }


def delete_logs(path: str, *, then: str) -> common_states.States:
    """Return states that delete the log group that SageMaker made for the endpoint whose name is at `path`.

    They wait until the endpoint is gone: before, it writes on, and its group would come back. `then` comes next in any
    case.
    """
    return {
        "AwaitEndpointEnd": {"Type": "Pass", "Result": {"count": 0}, "ResultPath": "$.going", "Next": "FindEndpoint"},
        "FindEndpoint": {
            **call(
                "describeEndpoint", {"EndpointName.$": path}, then="CountGoingPoll", catch=passed("DeleteEndpointLogs")
            ),
            "Retry": [],
        },
        "CountGoingPoll": common_states.count("$.going", then="EndpointGoing"),
        "EndpointGoing": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.going.count", "NumericGreaterThanEquals": _GONE_POLLS, "Next": "DeleteEndpointLogs"}
            ],
            "Default": "WaitForEndpointEnd",
        },
        "WaitForEndpointEnd": common_states.wait(_GONE_POLL_S, then="FindEndpoint"),
        "DeleteEndpointLogs": {
            **call(
                "deleteLogGroup",
                {"LogGroupName.$": f"States.Format('/aws/sagemaker/Endpoints/{{}}', {path})"},
                then=then,
                catch=passed(then),
            ),
            "Resource": "arn:aws:states:::aws-sdk:cloudwatchlogs:deleteLogGroup",
            "Retry": [_LOGS_RETRY],
        },
    }


def status(variable: str, value: str, then: str) -> common_states.State:
    return {"Variable": variable, "StringEquals": value, "Next": then}


def passed(then: str) -> list[common_states.State]:
    """Return catchers that go on whatever happens, for a step of the clean-up."""
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.clean_up", "Next": then}]
