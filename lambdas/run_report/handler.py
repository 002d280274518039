"""Lambda entry point of the run report: what the approaches of a run cost and how good their answers are."""

from __future__ import annotations

from typing import Any

from lambdas.common import settings
from lambdas.common.metering import Meter
from lambdas.common.runtime import LambdaContext, Log, client
from lambdas.common.settings import RunSettings
from lambdas.common.step import field
from lambdas.common.store import Results


def report(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Write the report of a run: `{"experiment", "run", "errors": {approach: text}}`.

    Returns:
        `{"report_key", "html_key", "csv_key", "headline", "not_measured": [text, ...]}`.
    """
    from lambdas.run_report import logic  # estimates and decisions: loaded by the first report, not by the import

    deployed = settings.read(RunSettings)
    experiment, run = event.get("experiment", deployed.experiment), field(event, "run", str)
    results = Results(deployed.bucket, client("s3"))
    log = Log(experiment=experiment, run=run, approach="shared", request_id=context.aws_request_id)
    with Meter(experiment=experiment, run=run, approach="shared", region=deployed.region, context=context) as meter:
        meter.watch(results.s3)
        written = logic.write_report(
            results,
            meter,
            experiment=experiment,
            run=run,
            region=deployed.region,
            errors=event.get("errors") or {},
        )
    log.info("reported", **written)
    return written
