"""Lambda entry point that rolls billing exports up to days. It needs the layer with DuckDB."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.common import settings
from lambdas.common.runtime import LambdaContext, Log, client
from lambdas.common.settings import ExportSettings, RunSettings
from lambdas.common.store import Results
from lambdas.export_sync import logic


def sync(_event: object, context: LambdaContext) -> dict[str, Any]:
    """Roll up the months that were delivered or changed. The event says nothing.

    Returns:
        `{"format", "changed", "unchanged", "rows", "through", "notes"}`: months are `YYYY-MM`, `rows` counts the
        charges in the ledger, `through` is the last day with usage.
    """
    own, delivered = settings.read(RunSettings), settings.read(ExportSettings)
    s3 = client("s3")
    done = logic.sync(
        logic.Exports(s3, delivered.bucket, delivered.prefix),
        Results(own.bucket, s3),
        experiment=own.experiment,
        now=datetime.now(UTC),
    )
    answer = {
        "format": done.format,
        "changed": list(done.changed),
        "unchanged": list(done.unchanged),
        "rows": done.rows,
        "through": None if done.through is None else done.through.isoformat(),
        "notes": list(done.notes),
    }
    Log(experiment=own.experiment, run="", approach="shared", request_id=context.aws_request_id).info(
        "synced", **answer
    )
    return answer
