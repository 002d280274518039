"""Lambda entry points of the guard: `watch` looks every few minutes, `tear_down` is called until nothing is left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.keys import SHARED
from lambdas.common import settings
from lambdas.common.runtime import LambdaContext, Log, client, error_code
from lambdas.common.settings import GuardSettings, WatchSettings
from lambdas.common.store import Results
from lambdas.guard import sight, teardown
from lambdas.guard import watch as watching


def watch(_event: object, context: LambdaContext) -> dict[str, Any]:
    """Look once: start the teardown of what has expired, stop what spends too much, warn of old endpoints.

    Returns:
        `{"expires", "expired", "overspent", "spent_usd", "warnings"}`. With a dry run nothing else happens.
    """
    own, limits = settings.read(GuardSettings), settings.read(WatchSettings)
    now = datetime.now(UTC)
    seen = _look(own)
    spent = _spent(own, seen, now) if int(limits.spend_limit_usd) else Decimal(0)
    verdict = watching.judge(
        seen,
        watching.Limits(
            lifetime=timedelta(hours=limits.lifetime_hours),
            endpoint_age=timedelta(hours=limits.endpoint_hours),
            spend_usd=Decimal(limits.spend_limit_usd),
            every=timedelta(minutes=limits.every_minutes),
        ),
        extended_to=str(client("ssm").get_parameter(Name=limits.expiry_parameter)["Parameter"]["Value"]),
        spent_usd=spent,
        now=now,
    )
    answer = {
        "expires": verdict.expires.isoformat(timespec="seconds"),
        "expired": verdict.expired,
        "overspent": verdict.overspent,
        "spent_usd": str(spent),
        "warnings": list(verdict.warnings),
    }
    _log(own, context).info("watched", dry_run=own.dry_run, **answer)
    if own.dry_run == "on":
        return answer
    for warning in verdict.warnings:
        client("sns").publish(TopicArn=limits.topic_arn, Subject=f"{own.experiment}: guard", Message=warning)
    if verdict.expired:
        _start(own.experiment, limits, verdict.expires)
    elif verdict.overspent:
        teardown.make(
            teardown.Moves(stop=seen.executions, delete_endpoints=tuple(e.name for e in seen.endpoints)),
            client,
            reason=f"${spent:.2f} was used this month, the limit is ${limits.spend_limit_usd}",
        )
    return answer


def tear_down(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Make the next moves of the teardown; return `{"done": whether no further call is needed, "dry_run"}`.

    Raises:
        BlockedError: a stack cannot be deleted.
    """
    own = settings.read(GuardSettings)
    seen = _look(own)
    moves = teardown.next_moves(seen)
    _log(own, context).info(
        "tearing down",
        dry_run=own.dry_run,
        stop=list(moves.stop),
        delete_endpoints=list(moves.delete_endpoints),
        delete_stack=moves.delete_stack,
        stacks={stack.name: stack.status for stack in seen.stacks},
    )
    if own.dry_run == "on":
        return {"done": True, "dry_run": True}
    teardown.make(moves, client, reason=str(event.get("reason", "teardown")))
    return {"done": moves.done, "dry_run": False}


def _look(own: GuardSettings) -> sight.Sight:
    return sight.look(client, project=own.project, experiment=own.experiment)


def _spent(own: GuardSettings, seen: sight.Sight, now: datetime) -> Decimal:
    from cost_reports.prices.catalogue import Catalogue  # prices: loaded only where there is a limit to hold
    from lambdas.guard import spend

    catalogue = Catalogue.load()
    buckets = seen.output(sight.BUCKET_OUTPUT)
    metered = (spend.of_month(Results(b, client("s3")), own.experiment, catalogue, now) for b in buckets)
    return sum(metered, spend.of_endpoints(seen.endpoints, client, catalogue, region=own.region, now=now))


def _start(experiment: str, limits: WatchSettings, expires: datetime) -> None:
    """Start the teardown, once for an expiry: the name of an execution cannot be used twice."""
    name = f"expired-{expires:%Y%m%d-%H%M%S}"
    reason = json.dumps({"reason": f"expired at {expires:%Y-%m-%dT%H:%MZ}"})
    try:
        client("stepfunctions").start_execution(stateMachineArn=limits.teardown_arn, name=name, input=reason)
    except Exception as error:
        if error_code(error) != "ExecutionAlreadyExists":
            raise
    else:
        client("sns").publish(
            TopicArn=limits.topic_arn,
            Subject=f"{experiment}: guard",
            Message=f"Experiment {experiment} expired at {expires:%Y-%m-%d %H:%M} UTC and is being torn down.",
        )


def _log(own: GuardSettings, context: LambdaContext) -> Log:
    return Log(experiment=own.experiment, run="", approach=SHARED, request_id=context.aws_request_id)
