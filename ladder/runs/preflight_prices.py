"""Asks before a run whether all that it will use has a price: later, it would be paid for but not reported."""

from __future__ import annotations

from datetime import UTC, datetime

from contracts.experiment import Models
from contracts.money import UsageRow
from cost_reports.metering import meters
from cost_reports.metering.meters import MeterContext
from cost_reports.prices import checks
from cost_reports.prices.catalogue import Catalogue
from ladder.errors import LadderError


def require_prices(models: Models, region: str, catalogue: Catalogue) -> None:
    """Returns if every model and instance of the experiment has a price in `region`.

    Raises:
        LadderError: names what has none.
    """
    missing = checks.missing(catalogue, _needed(models, region))
    if missing:
        raise LadderError(
            f"the run could not be priced in {region}: {'; '.join(missing)}; choose another model, instance or "
            "region, or add the price (see `ladder prices check`)"
        )


def _needed(models: Models, region: str) -> list[UsageRow]:
    """One unit of everything whose price depends on the experiment's choices."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    ctx = MeterContext(experiment="-", run="-", approach="shared", variant=None, start=now, end=now, region=region)
    return [
        meters.bedrock_tokens(ctx, models.generator, "input", 1),
        meters.bedrock_tokens(ctx, models.generator, "output", 1),
        meters.embedding_tokens(ctx, models.embedding, 1),
        meters.training_seconds(ctx, models.training_instance, 1),
        meters.endpoint_seconds(ctx, models.hosting_instance, 1),
        meters.ocu_seconds(ctx, "search", 1),
        meters.state_transitions(ctx, 1),
        meters.s3_requests(ctx, 1, 1),
    ]
