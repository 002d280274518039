"""End: delete what is charged by the hour in every outcome, record what it cost, and fail if something failed."""

from __future__ import annotations

from infra import common_states
from infra.fine_tuning import outcomes
from infra.fine_tuning import states as sagemaker


def clean_up() -> common_states.States:
    """Every way on from `CreateTrainingJob` leads through here. Configuration and model cost nothing: that one of them
    is not there, or is refused, changes nothing."""
    left = (
        "States.Format('endpoint {} may still run and be charged by the hour: delete it', "
        "$.prepared.payload.names.endpoint)"
    )
    return {
        "EndpointAsked": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.made.endpoint.started", "IsNull": True, "Next": "DeleteEndpointConfig"},
            ],
            "Default": "DeleteEndpoint",
        },
        **sagemaker.delete_endpoint("$.prepared.payload.names.endpoint", then="NoteEndpointEnd", left="EndpointLeft"),
        "EndpointLeft": outcomes.unless_failed("AddEndpointLeft", "NoteEndpointLeft"),
        # The first failure stays the cause, and is told what came on top of it.
        "AddEndpointLeft": {
            "Type": "Pass",
            "Parameters": {"Cause.$": left},
            "ResultPath": "$.failure.EndpointLeft",
            "Next": "NoteEndpointEnd",
        },
        "NoteEndpointLeft": {**outcomes.failure("EndpointLeft", left), "Next": "NoteEndpointEnd"},
        "NoteEndpointEnd": outcomes.note_time("$.made.endpoint.deleted", then="DeleteEndpointConfig"),
        "DeleteEndpointConfig": sagemaker.delete(
            "deleteEndpointConfig",
            "EndpointConfigName",
            "$.prepared.payload.names.endpoint_config",
            then="DeleteModel",
        ),
        "DeleteModel": sagemaker.delete(
            "deleteModel", "ModelName", "$.prepared.payload.names.model", then="TrainingBilled"
        ),
    }


def end(hosting_instance: str) -> common_states.States:
    """Return the states that record the usage, wait for the endpoint to be gone, and tell the outcome."""
    return {
        # A job that was stopped before its instance started has no billed time, hence no usage.
        "TrainingBilled": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.made.training.BillableTimeInSeconds", "IsPresent": True, "Next": "RecordUsage"}
            ],
            "Default": "DropTraining",
        },
        "DropTraining": {"Type": "Pass", "Result": None, "ResultPath": "$.made.training", "Next": "RecordUsage"},
        "RecordUsage": common_states.invoke(
            "RecordUsage",
            {
                "training.$": "$.made.training",
                "endpoint_started.$": "$.made.endpoint.started",
                "endpoint_deleted.$": "$.made.endpoint.deleted",
                "hosting_instance": hosting_instance,
            },
            then="AwaitEndpointEnd",
            result=None,
            catch=sagemaker.passed("UsageLeft"),
        ),
        "UsageLeft": outcomes.unless_failed("AwaitEndpointEnd", "NoteUsageLeft"),
        "NoteUsageLeft": {
            "Type": "Pass",
            "InputPath": "$.clean_up",
            "ResultPath": "$.failure",
            "Next": "AwaitEndpointEnd",
        },
        # Last, because it may take minutes: what was used is written down by then.
        **sagemaker.delete_logs("$.prepared.payload.names.endpoint", then="Outcome"),
        "Outcome": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.failure", "IsPresent": True, "Next": "Failed"}],
            "Default": "Evaluate",
        },
        "Failed": {
            "Type": "Fail",
            "ErrorPath": "$.failure.Error",
            "CausePath": "States.JsonToString($.failure)",
        },
        "Evaluate": common_states.evaluate("fine-tuning"),
    }
