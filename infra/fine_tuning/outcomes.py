"""How a phase of fine-tuning remembers a failure until the clean-up is done."""

from __future__ import annotations

from infra import common_states


def caught(then: str) -> list[common_states.State]:
    """Remember the error; the execution will fail with it after the clean-up."""
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": then}]


def unless_failed(failed: str, then: str) -> common_states.State:
    """`failed` comes next where a failure is remembered already."""
    return {
        "Type": "Choice",
        "Choices": [{"Variable": "$.failure", "IsPresent": True, "Next": failed}],
        "Default": then,
    }


def failure(error: str, cause: str) -> common_states.State:
    """An outcome of SageMaker's that is no error of a call."""
    return {
        "Type": "Pass",
        "Parameters": {"Error": error, "Cause.$": cause},
        "ResultPath": "$.failure",
        "Next": "EndpointAsked",
    }


def note_time(path: str, *, then: str) -> common_states.State:
    return {"Type": "Pass", "InputPath": "$$.State.EnteredTime", "ResultPath": path, "Next": then}
