"""Destroys an experiment in the order in which nothing is left behind: executions, their sweep, stacks, job logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from contracts.job_names import CONCERNS, job_pattern, stack_name
from ladder.account import consent
from ladder.errors import LadderError
from ladder.leftovers.containers import TRAINING_LOGS, training_streams
from ladder.leftovers.listing import Clients
from ladder.stacks.app import App
from ladder.stacks.executions import POLL_S, Executions
from lambdas.common.runtime import error_code

#: The embedded AWS stops an execution in milliseconds.
EMBEDDED_POLL_S = 0.5


def destroy(app: App, *, yes: bool, say: Callable[[str], None]) -> None:
    """Destroy all stacks; what they hold is gone. Running executions are stopped first.

    Raises:
        LadderError: it was not confirmed, an endpoint may be left, or a stack cannot be deleted; the message names the
            resource that blocks it.
    """
    consent(app.place, f"destroy experiment {app.experiment} with all its runs", yes=yes)
    clients = Clients(app.session, app.place.region)
    poll_s = EMBEDDED_POLL_S if app.place.embedded else POLL_S
    executions = Executions(clients, app.experiment, say=say, poll_s=poll_s)
    executions.await_sweeps(executions.stop())
    code = app.run("destroy", "--all", "--force")
    if blocked := list(blockers(clients, app.experiment)):
        raise LadderError("; ".join(blocked) + "; remove what blocks it, then run `make destroy` again")
    if code == 0 and (left := list(_standing(clients, app.experiment))):
        names = ", ".join(str(stack["StackName"]) for stack in left)
        raise LadderError(
            f"stacks are still deployed: {names}; `cdk` did not see them with these settings, destroy with the -c "
            "settings of the deployment"
        )
    if code != 0:
        raise LadderError(f"`cdk destroy` failed with exit code {code}; what it says is above")
    count = delete_job_logs(clients, app.experiment)
    if count:
        say(f"deleted {count} log streams of training jobs in {TRAINING_LOGS}")
    say("next: ladder leftovers")


def blockers(clients: Clients, experiment: str) -> Iterator[str]:
    """Yield, for each stack whose deletion failed, the resources that block it and why."""
    for stack in _standing(clients, experiment):
        if stack["StackStatus"] != "DELETE_FAILED":
            continue
        name = stack["StackName"]
        resources = clients.pages("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=name)
        reasons = [
            f"{r['ResourceType']} {r.get('PhysicalResourceId') or r['LogicalResourceId']} "
            f"({' '.join(r.get('ResourceStatusReason', 'no reason was given').split())})"
            for r in resources
            if r["ResourceStatus"] == "DELETE_FAILED"
        ]
        because = ", ".join(reasons) or stack.get("StackStatusReason", "no reason was given")
        yield f"stack {name} is DELETE_FAILED: {because}"


def _standing(clients: Clients, experiment: str) -> Iterator[dict[str, Any]]:
    """Yield the descriptions of the experiment's stacks that are there."""
    for concern in CONCERNS:
        try:
            name = stack_name(experiment, concern)
            yield from clients.call("cloudformation", "describe_stacks", StackName=name)["Stacks"]
        except ClientError as error:
            if error_code(error) != "ValidationError":
                raise


def delete_job_logs(clients: Clients, experiment: str) -> int:
    """Delete the log streams of the experiment's training jobs, and return how many they were.

    SageMaker keeps the logs of all jobs of an account in one group that never forgets. Until the experiment is
    destroyed they are needed: they say why a training failed.
    """
    jobs = job_pattern(experiment)
    own = [item.name for item in training_streams(clients) if jobs.fullmatch(item.name.partition("/")[0])]
    for name in own:
        clients.call("logs", "delete_log_stream", logGroupName=TRAINING_LOGS, logStreamName=name)
    return len(own)
