"""What a run is expected to cost on AWS, in parts that sum to the whole: the figure of the run's report, before it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from contracts.experiment import APPROACHES, VARIANTS
from contracts.money import ChargeRow
from contracts.run import Manifest
from cost_reports.estimate.expected_usage import estimated_charges, run_usage
from cost_reports.metering.charges import total
from cost_reports.prices.catalogue import Catalogue
from cost_reports.prices.checks import missing, unpublished
from ladder.experiment.folder import LoadedExperiment
from lambdas.run_report import outlook


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPart:
    """The expected charges of one approach for one service, in USD."""

    approach: str
    service: str
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCost:
    """The expected cost of a run. `total_usd` is None where something has no price, or cannot be estimated: `why`.

    `lacking` are rates that AWS does not publish; they are in no sum.
    """

    region: str
    prices_as_of: str
    total_usd: Decimal | None
    parts: tuple[CostPart, ...] = ()
    lacking: tuple[str, ...] = ()
    why: str = ""


def cost_of(loaded: LoadedExperiment, manifest: Manifest, catalogue: Catalogue, region: str) -> RunCost:
    """Return what the run is expected to cost in a region, by approach and service.

    Raises:
        PriceError: no price is for the region.
    """
    catalogue.need_region(region)
    variants = [(approach, variant) for approach in APPROACHES for variant in VARIANTS[approach]]
    task = outlook.task_of(loaded.experiment, loaded.documents, loaded.train, loaded.test)
    try:
        inputs = outlook.inputs_of(loaded.experiment, outlook.of_run(task, manifest), catalogue, region=region)
        rows = run_usage(inputs, len(manifest.test_question_ids), variants)
        if lacking := missing(catalogue, rows):
            raise ValueError("; ".join(lacking))
        charges = estimated_charges(catalogue, rows)
    except ValueError as error:
        return RunCost(region=region, prices_as_of=catalogue.as_of, total_usd=None, why=str(error))
    sums: dict[tuple[str, str], list[ChargeRow]] = defaultdict(list)
    for charge in charges:
        sums[charge.approach or "shared", charge.service].append(charge)
    return RunCost(
        region=region,
        prices_as_of=catalogue.as_of,
        total_usd=total(charges),
        parts=tuple(
            CostPart(approach=approach, service=service, usd=total(rows_of_part))
            for (approach, service), rows_of_part in sums.items()
        ),
        lacking=tuple(dict.fromkeys(rate.name for rate in unpublished(catalogue, rows))),
    )
