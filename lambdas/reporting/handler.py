"""Lambda entry point of the report: metered money and measured quality of one run, as files in the bucket."""

from __future__ import annotations

from typing import Any

from lambdas.common import settings
from lambdas.common.metering import Meter
from lambdas.common.runtime import LambdaContext, Log, client
from lambdas.common.settings import RunSettings
from lambdas.common.store import Results
from lambdas.reporting import logic


def report(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """`{"experiment", "run", "errors": {approach: text}}`, all optional -> `{"report_key", "html_key", "csv_key",
    "headline"}`. Without `run` (the scheduled form) the newest run of the experiment is reported; while there is none,
    only a headline comes back, since a deployment that nobody has used yet is no error.
    """
    own = settings.read(RunSettings)
    experiment = event.get("experiment", own.experiment)
    results = Results(own.bucket, client("s3"))
    run = event.get("run") or logic.newest_run(results, experiment)
    if run is None:
        return {"headline": f"Experiment {experiment} has no run to report on yet."}
    log = Log(experiment=experiment, run=run, approach="shared", request_id=context.aws_request_id)
    with Meter(experiment=experiment, run=run, approach="shared", region=own.region, context=context) as meter:
        meter.watch(results.s3)
        written = logic.write_report(
            results, meter, experiment=experiment, run=run, region=own.region, errors=event.get("errors") or {}
        )
    log.info("reported", **written)
    return written
