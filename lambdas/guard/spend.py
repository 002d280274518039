"""What the experiment has used this month, by its own meters: the bill knows about a day later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from contracts.keys import SHARED
from contracts.money import UsageRow
from cost_reports.metering import meters
from cost_reports.metering.charges import charge_rows
from cost_reports.metering.meters import UsageRowFactory
from cost_reports.prices.catalogue import Catalogue
from lambdas.common import run_data
from lambdas.common.store import Results
from lambdas.guard.sight import Endpoint
from lambdas.spend_report.runs_of_window import metered_since


def of_month(results: Results, experiment: str, catalogue: Catalogue, now: datetime) -> Decimal:
    """Return USD of the usage that runs wrote down since the month began (UTC)."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = [
        row
        for run in sorted(metered_since(results, experiment, first.date()))
        for _, row in run_data.read_usage(results, results.manifest(experiment, run))
        if datetime.fromisoformat(row.end) > first
    ]
    return _sum(catalogue, rows)


def of_endpoints(
    endpoints: Iterable[Endpoint], client: Callable[[str], Any], catalogue: Catalogue, *, region: str, now: datetime
) -> Decimal:
    """Return USD of endpoints that run, from their creation to `now`: a run writes them down when they are deleted."""
    sagemaker = client("sagemaker")
    rows = []
    for endpoint in endpoints:
        config = sagemaker.describe_endpoint(EndpointName=endpoint.name)["EndpointConfigName"]
        variants = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
        seconds = max(0, int((now - endpoint.created).total_seconds()))
        factory = UsageRowFactory(
            experiment=SHARED,
            run="",
            approach="fine-tuning",
            variant=None,
            start=endpoint.created.astimezone(UTC).isoformat(),
            end=now.astimezone(UTC).isoformat(),
            region=region,
        )
        rows += [
            factory.row(meters.HOSTING, seconds * int(v.get("InitialInstanceCount", 1)), variety=str(v["InstanceType"]))
            for v in variants
        ]
    return _sum(catalogue, rows)


def _sum(catalogue: Catalogue, rows: list[UsageRow]) -> Decimal:
    return sum((charge.amount_usd for charge in charge_rows(catalogue, rows) if charge.amount_usd), Decimal(0))
