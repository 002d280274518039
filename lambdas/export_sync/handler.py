"""Lambda entry point that rolls billing exports up to days. It needs the layer with DuckDB."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.common import settings
from lambdas.common.runtime import LambdaContext, Log, client
from lambdas.common.settings import ExportSettings, RunSettings
from lambdas.common.store import Results


def sync(_event: object, context: LambdaContext) -> dict[str, Any]:
    """Roll up the months that were delivered or changed. Nothing is read from the event.

    Returns:
        `{"format", "changed", "unchanged", "rows", "through", "notes"}`: months are `YYYY-MM`, `rows` counts the
        charges of these months, `through` is the last day with usage.
    """
    from lambdas.export_sync import logic  # formats and charges: loaded by the first call, not by the import

    deployed, delivered = settings.read(RunSettings), settings.read(ExportSettings)
    s3 = client("s3")
    synced = logic.sync(
        logic.Exports(s3, delivered.bucket, delivered.prefix),
        Results(deployed.bucket, s3),
        experiment=deployed.experiment,
        now=datetime.now(UTC),
    )
    answer = {
        "format": synced.format,
        "changed": list(synced.changed),
        "unchanged": list(synced.unchanged),
        "rows": synced.rows,
        "through": None if synced.through is None else synced.through.isoformat(),
        "notes": list(synced.notes),
    }
    Log(experiment=deployed.experiment, run="", approach="shared", request_id=context.aws_request_id).info(
        "synced", **answer
    )
    return answer
