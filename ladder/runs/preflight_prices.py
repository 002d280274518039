"""Checks before a run that all it will use has a price: without one, it would be paid for and not reported."""

from __future__ import annotations

from datetime import UTC, datetime

from contracts.experiment import Judge, Models
from contracts.money import UsageRow
from cost_reports.metering import meters
from cost_reports.metering.meters import UsageRowFactory
from cost_reports.prices import checks
from cost_reports.prices.catalogue import Catalogue
from ladder.errors import LadderError


def require_prices(models: Models, region: str, catalogue: Catalogue, *, judge: Judge | None = None) -> None:
    """Return if every model and instance of the experiment, its judge's too, has a price in `region`.

    Raises:
        LadderError: names what has no price.
    """
    missing = checks.missing(catalogue, _needed(models, region, judge))
    if missing:
        raise LadderError(
            f"the run could not be priced in {region}: {'; '.join(missing)}; choose another model, instance or "
            "region, or add the price (see `ladder prices check`)"
        )


def _needed(models: Models, region: str, judge: Judge | None) -> list[UsageRow]:
    """Return one unit of everything whose price depends on the experiment's choices."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    one = UsageRowFactory(experiment="-", run="-", approach="shared", variant=None, start=now, end=now, region=region)
    return [
        one.tokens(models.generator, "input", 1),
        one.tokens(models.generator, "output", 1),
        *(one.tokens(judge.model, name, 1) for name in ("input", "output") if judge is not None),
        one.tokens(models.embedding, "input", 1),
        one.row(meters.TRAINING, 1, variety=models.training_instance),
        one.row(meters.HOSTING, 1, variety=models.hosting_instance),
        one.row(meters.OCU["search"], 1),
        one.row(meters.TRANSITIONS, 1),
        one.row(meters.S3_REQUESTS[1], 1),
    ]
