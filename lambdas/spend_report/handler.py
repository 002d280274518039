"""Lambda entry point of the reports: of one run, or of what AWS billed for the experiment. Files in the bucket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.common import settings
from lambdas.common.metering import Meter
from lambdas.common.runtime import LambdaContext, Log, client
from lambdas.common.settings import RunSettings, SpendSettings
from lambdas.common.store import Results

#: Kept of the invocation's time for the request that is under way when the time for the bill is up (45 s at most),
#: for reading the runs, and for writing what is there.
MARGIN_S = 180.0


def report(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """`{"experiment", "run", "errors": {approach: text}}` -> the report of that run. Without `run`, as the schedule
    calls it: the spend report of the day, or of the days that `since` and `until` name (YYYY-MM-DD, end exclusive);
    `fresh` true asks AWS again for what it answered in the last hours; `as_of` is the time of a simulated bill.

    Returns:
        `{"report_key", "html_key", "csv_key", "headline"}`.
    """
    own = settings.read(RunSettings)
    experiment = event.get("experiment", own.experiment)
    results = Results(own.bucket, client("s3"))
    if event.get("run"):
        return _of_run(results, own, experiment, str(event["run"]), event.get("errors") or {}, context)
    return _of_spend(results, experiment, event, context)


def _of_run(
    results: Results,
    own: RunSettings,
    experiment: str,
    run: str,
    errors: dict[str, str | None],
    context: LambdaContext,
) -> dict[str, str]:
    # Each report loads its own modules only: estimates and decisions here, the ledger and the comparison there.
    from lambdas.run_report import logic

    log = Log(experiment=experiment, run=run, approach="shared", request_id=context.aws_request_id)
    with Meter(experiment=experiment, run=run, approach="shared", region=own.region, context=context) as meter:
        meter.watch(results.s3)
        written = logic.write_report(results, meter, experiment=experiment, run=run, region=own.region, errors=errors)
    log.info("reported", **written)
    return written


def _of_spend(results: Results, experiment: str, event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    from lambdas.spend_report import logic, notify, request

    own = settings.read(SpendSettings)
    real = datetime.now(UTC)
    now = request.time_asked(event, real)
    window = request.window_asked(event, now.date())
    written = logic.write_spend(
        results,
        client("ce"),
        experiment=experiment,
        account=own.report_topic_arn.split(":")[4],  # the topic is the function's own account's
        now=now,
        window=window,
        budget_usd=request.budget(own.monthly_budget_usd),
        deadline_s=max(1.0, context.get_remaining_time_in_millis() / 1000 - MARGIN_S),
        fresh=event.get("fresh") is True,
        notes=request.notes_on_time(now, real),
    )
    # Days that somebody asked for are no news to those who subscribed to the daily report.
    sent = window is None and notify.announce(
        results, client("sns"), own.report_topic_arn, prefix=written.prefix, report=written.report
    )
    log = Log(experiment=experiment, run="", approach="shared", request_id=context.aws_request_id)
    log.info("reported", sent=sent, requests=written.report.header.requests, **written.keys)
    return written.keys
