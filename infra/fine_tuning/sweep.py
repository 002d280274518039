"""The sweep after a fine-tuning execution that was stopped or ran out of time, and so had no clean-up of its own.

Its input is the event by which Step Functions tells of that execution. Names are worked out from it by the rule in
`contracts.job_names`, whose hash only this execution has: an execution that continues the run meanwhile keeps its
endpoint.
"""

from __future__ import annotations

from contracts.job_names import JSONATA
from infra import common_states
from infra.fine_tuning import states as sagemaker


def definition() -> common_states.State:
    """Return the definition. It has no placeholders, and fails (an alarm) when the endpoint may still run."""
    return {
        "Comment": "Deletes what a stopped fine-tuning execution has left.",
        "StartAt": "ReadEvent",
        "States": {
            "ReadEvent": {
                "Type": "Pass",
                "Parameters": {
                    "asked.$": "States.StringToJson($.detail.input)",
                    "execution.$": "$.detail.name",
                },
                "Next": "WorkOutName",
            },
            "WorkOutName": {
                "Type": "Pass",
                "QueryLanguage": "JSONata",
                "Output": {"name": JSONATA},
                "Next": "StopTrainingJob",
            },
            "StopTrainingJob": sagemaker.call(
                "stopTrainingJob",
                {"TrainingJobName.$": "$.name"},
                then="DeleteEndpoint",
                catch=sagemaker.passed("DeleteEndpoint"),
            ),
            **sagemaker.delete_endpoint("$.name", then="DeleteEndpointConfig", left="EndpointLeft"),
            "DeleteEndpointConfig": sagemaker.delete(
                "deleteEndpointConfig", "EndpointConfigName", "$.name", then="DeleteModel"
            ),
            "DeleteModel": sagemaker.delete("deleteModel", "ModelName", "$.name", then="AwaitEndpointEnd"),
            **sagemaker.delete_logs("$.name", then="Done"),
            "Done": {"Type": "Succeed"},
            "EndpointLeft": {
                "Type": "Fail",
                "Error": "EndpointLeft",
                "CausePath": "States.Format('endpoint {} may still run and be charged by the hour: delete it', $.name)",
            },
        },
    }
