"""Lambda entry point of the spend report: what AWS billed for the experiment, every day or when it is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.common import settings
from lambdas.common.runtime import LambdaContext, Log, client
from lambdas.common.settings import RunSettings, SpendSettings
from lambdas.common.store import Results

#: Kept of the invocation's time for the request that is under way when the time for the bill is up (45 s at most),
#: for reading the runs, and for writing what is there.
MARGIN_S = 180.0


def report(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """Write the spend report of the day, as the schedule asks with an empty event.

    `since` and `until` (YYYY-MM-DD, end exclusive) request other days; `fresh` true asks AWS again for what it answered
    in the last hours; `as_of` is the time of a simulated bill.

    Returns:
        `{"report_key", "html_key", "csv_key", "headline"}`.
    """
    # Charges and comparisons: loaded by the first report, not by the import.
    from lambdas.spend_report import logic, notify, request

    deployed, spend = settings.read(RunSettings), settings.read(SpendSettings)
    experiment = event.get("experiment", deployed.experiment)
    results = Results(deployed.bucket, client("s3"))
    clock = datetime.now(UTC)
    now = request.requested_time(event, clock)
    window = request.requested_window(event, now.date())
    written = logic.write_spend(
        results,
        client("ce"),
        experiment=experiment,
        account=spend.report_topic_arn.split(":")[4],  # the topic is in the function's own account
        now=now,
        window=window,
        budget_usd=request.budget(spend.monthly_budget_usd),
        deadline_s=max(1.0, context.get_remaining_time_in_millis() / 1000 - MARGIN_S),
        fresh=event.get("fresh") is True,
        notes=request.notes_on_time(now, clock),
    )
    # Requested days are not news to those who subscribed to the daily report.
    sent = window is None and notify.announce(
        results, client("sns"), spend.report_topic_arn, prefix=written.prefix, report=written.report
    )
    log = Log(experiment=experiment, run="", approach="shared", request_id=context.aws_request_id)
    log.info("reported", sent=sent, requests=written.report.header.requests, **written.keys)
    return written.keys
