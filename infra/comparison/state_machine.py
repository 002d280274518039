"""The comparison: the approaches one after the other, then what they used, how they compare, and the report.

The run table says of every run what became of it.

One after the other, so that no approach slows another down and its latencies are its own. An approach that fails does
not keep the others from running; the execution fails at the end, and names it. Where a model refuses its probe no
other approach starts: the experiment or the account must be changed first, and training would be paid for in vain.
"""

from __future__ import annotations

from contracts.experiment import APPROACHES
from contracts.run import NOT_MEASURED
from infra import common_states
from lambdas.common.probe import ProbeError

#: The class of the error as Lambda names it.
PROBE_ERROR = ProbeError.__name__
NOT_RUN = "it was not started, because a model refused its probe before"
TABLE_RETRY = {
    "ErrorEquals": ["States.ALL"],
    "IntervalSeconds": 1,
    "MaxAttempts": 4,
    "BackoffRate": 2,
    "JitterStrategy": "FULL",
}


def placeholder(approach: str) -> str:
    """Return what the placeholders of an approach begin with: `fine-tuning` -> `FineTuning`."""
    return "".join(word.capitalize() for word in approach.split("-"))


def definition() -> common_states.State:
    """Return the definition. Its input is `{"experiment", "run"}`.

    Functions: Summarise, Report; placeholders: `RunTable`, `<Approach>Machine` (ARN) and `<Approach>Executions` (ARN of
    its executions without the name).
    """
    errors = {f"{approach}.$": f"{_outcome(approach)}.error" for approach in APPROACHES}
    return {
        "Comment": "Runs every approach of a run, then compares and reports.",
        "StartAt": "RecordStart",
        "States": {
            "RecordStart": _record("RUNNING", time="started", then="NoteOutcomes"),
            "NoteOutcomes": {
                "Type": "Pass",
                "Result": {placeholder(approach): {"execution": None, "error": NOT_RUN} for approach in APPROACHES},
                "ResultPath": "$.runs",
                "Next": f"Run{placeholder(APPROACHES[0])}",
            },
            **_run_approaches(),
            "Summarise": common_states.invoke(
                "Summarise",
                {
                    "executions": {
                        **{f"{approach}.$": f"{_outcome(approach)}.execution" for approach in APPROACHES},
                        "shared.$": "$$.Execution.Id",
                    },
                    "errors": errors,
                },
                then="Report",
                result="$.summary",
                catch=_caught("SummariseBroke"),
            ),
            "Report": common_states.invoke(
                "Report", {"errors": errors}, then="AllWell", result="$.report", catch=_caught("ReportBroke")
            ),
            "SummariseBroke": _note_step("Summarise"),
            "ReportBroke": _note_step("Report"),
            "RecordBroken": _record("FAILED", time="ended", then="Broken"),
            "Broken": {
                "Type": "Fail",
                "Error": "StepFailed",
                "CausePath": "States.Format('{} failed: {}', $.step, States.JsonToString($.failure))",
            },
            "AllWell": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.refused", "IsPresent": True, "Next": "RecordRefused"},
                    {"Variable": "$.summary.payload.failed[0]", "IsPresent": True, "Next": "RecordFailure"},
                    {"Variable": "$.report.payload.not_measured[0]", "IsPresent": True, "Next": "RecordGaps"},
                ],
                "Default": "RecordSuccess",
            },
            "RecordSuccess": _record("SUCCEEDED", time="ended", then="Done"),
            "RecordFailure": _record("FAILED", time="ended", then="Failed"),
            "Failed": {
                "Type": "Fail",
                "Error": "ApproachesFailed",
                "CausePath": "States.Format('{} did not finish; the report shows the others', "
                "States.JsonToString($.summary.payload.failed))",
            },
            "RecordRefused": _record("FAILED", time="ended", then="Refused"),
            "Refused": {"Type": "Fail", "Error": PROBE_ERROR, "CausePath": "$.refused.Cause"},
            "RecordGaps": _record("FAILED", time="ended", then="NotMeasured"),
            # The report is written, but it has no verdict on these.
            "NotMeasured": {
                "Type": "Fail",
                "Error": NOT_MEASURED,
                "CausePath": "States.JsonToString($.report.payload.not_measured)",
            },
            "Done": {"Type": "Pass", "InputPath": "$.report.payload", "End": True},
        },
    }


def _outcome(approach: str) -> str:
    """Return the path of an approach's `{"execution": ARN or null, "error": text or null}`."""
    return f"$.runs.{placeholder(approach)}"


def _run_approaches() -> common_states.States:
    """Return the states that run the approaches one after the other, each to its end, and then `Summarise`."""
    following = [f"Run{placeholder(approach)}" for approach in APPROACHES[1:]] + ["Summarise"]
    states: common_states.States = {}
    for approach, then in zip(APPROACHES, following, strict=True):
        states |= _one_approach(approach, then=then)
    # Of what failed in the approaches that ran, this is what the execution fails with.
    states["NoteRefused"] = {"Type": "Pass", "InputPath": "$.failure", "ResultPath": "$.refused", "Next": "Summarise"}
    return states


def _caught(then: str) -> list[common_states.State]:
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": then}]


def _note_step(name: str) -> common_states.State:
    """Return a state that notes the step that failed, for the execution's own error."""
    return {"Type": "Pass", "Result": name, "ResultPath": "$.step", "Next": "RecordBroken"}


def _record(status: str, *, time: str, then: str) -> common_states.State:
    """Return a state that writes the run's status, the time of the change, and the run's latest execution."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::dynamodb:updateItem",
        "Parameters": {
            "TableName": "${RunTable}",
            "Key": {"experiment": {"S.$": "$.experiment"}, "run": {"S.$": "$.run"}},
            "UpdateExpression": "SET #status = :status, #time = :time, #execution = :execution",
            "ExpressionAttributeNames": {"#status": "status", "#time": time, "#execution": "execution"},
            "ExpressionAttributeValues": {
                ":status": {"S": status},
                ":time": {"S.$": "$$.State.EnteredTime"},
                ":execution": {"S.$": "$$.Execution.Id"},
            },
        },
        "ResultPath": None,
        "Retry": [TABLE_RETRY],
        "Next": then,
    }


def _one_approach(approach: str, *, then: str) -> common_states.States:
    """Return the states that run one approach and note its outcome; `then` comes next unless a probe was refused."""
    name = placeholder(approach)
    execution = f"States.Format('${{{name}Executions}}:{{}}', $$.Execution.Name)"
    error = "States.JsonToString($.failure)"

    def note(outcome: common_states.State, *, then: str) -> common_states.State:
        return {"Type": "Pass", "Parameters": outcome, "ResultPath": _outcome(approach), "Next": then}

    return {
        f"Run{name}": {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Parameters": {
                "StateMachineArn": f"${{{name}Machine}}",
                "Name.$": "$$.Execution.Name",
                "Input": {
                    "experiment.$": "$.experiment",
                    "run.$": "$.run",
                    "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                },
            },
            "ResultPath": None,
            "Catch": _caught(f"Find{name}"),
            "Next": f"{name}Finished",
        },
        f"{name}Finished": note({"execution.$": execution, "error": None}, then=then),
        # Whether it failed or was never started decides whether there is a history to count.
        f"Find{name}": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution",
            "Parameters": {"ExecutionArn.$": execution},
            "ResultPath": None,
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.unknown", "Next": f"{name}NotStarted"}],
            "Next": f"{name}Failed",
        },
        f"{name}NotStarted": note({"execution": None, "error.$": error}, then=then),
        f"{name}Failed": note({"execution.$": execution, "error.$": error}, then=f"Why{name}"),
        f"Why{name}": {
            "Type": "Choice",
            "Choices": [
                {
                    "And": [
                        {"Variable": "$.failure.Cause", "IsPresent": True},
                        {"Variable": "$.failure.Cause", "StringMatches": f"*{PROBE_ERROR}*"},
                    ],
                    "Next": "NoteRefused",
                }
            ],
            "Default": then,
        },
    }
