"""The teardown: the same call again and again, until nothing is left to do."""

from __future__ import annotations

from infra import common_states

#: Deleting a stack takes minutes; a call that finds it still under way costs next to nothing.
WAIT_S = 30


def definition() -> common_states.State:
    """Return the definition. Its input is `{"reason"}`; function: TearDown; value: GuardStack."""
    call = common_states.invoke("TearDown", {}, then="Finished", result="$.moved")
    call["Parameters"]["Payload"] = {"reason.$": "$.reason"}
    return {
        "Comment": "Stops, deletes, and waits: one move a call.",
        "StartAt": "Move",
        "States": {
            "Move": call,
            "Finished": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.moved.payload.done", "BooleanEquals": True, "Next": "DryRun"}],
                "Default": "Wait",
            },
            "Wait": common_states.wait(WAIT_S, then="Move"),
            "DryRun": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.moved.payload.dry_run", "BooleanEquals": True, "Next": "Done"}],
                "Default": "DeleteGuard",
            },
            "DeleteGuard": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:cloudformation:deleteStack",
                "Parameters": {"StackName": "${GuardStack}"},
                "Next": "Done",
            },
            "Done": {"Type": "Succeed"},
        },
    }
