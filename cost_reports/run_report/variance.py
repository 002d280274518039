"""Estimated against metered money of a run, by approach, split so that the parts add up to the difference exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from contracts.money import ChargeRow
from contracts.units import WIDE
from cost_reports.compare.reconcile import ReconciledLine, reconcile
from cost_reports.compare.split import NOTHING, ZERO, Split, sum_of
from cost_reports.metering.charges import exact_sum


@dataclass(frozen=True, slots=True, kw_only=True)
class Variance:
    """USD. metered - estimated = price + volume + unestimated + not metered + untagged + credits and tax, exactly.

    The approach is None for usage that carries none.
    """

    approach: str | None
    estimated_usd: Decimal
    metered_usd: Decimal
    price_usd: Decimal
    volume_usd: Decimal
    unestimated_usd: Decimal
    not_metered_usd: Decimal
    untagged_usd: Decimal
    credits_and_tax_usd: Decimal


def variances(estimated: Iterable[ChargeRow], metered: Iterable[ChargeRow]) -> tuple[Variance, ...]:
    """Return a line for each approach, in the order of their names, then one for what carries none, if anything does.

    Source: `reconcile`, whose lines are summed up by approach.

    Raises:
        ReconcileError: the two sides cannot be compared; the message names the row.
    """
    whole = reconcile(estimated, metered)
    by_approach: dict[str, list[ReconciledLine]] = {}
    for line in whole.lines:
        by_approach.setdefault(line.approach or "", []).append(line)
    result = [
        _variance(
            approach or None,
            exact_sum(line.baseline_usd for line in lines),
            exact_sum(line.actual_usd for line in lines),
            sum_of(line.split for line in lines),
        )
        for approach, lines in sorted(by_approach.items())
    ]
    untagged, adjustments = whole.split.untagged_usd, whole.split.credits_and_tax_usd
    if untagged or adjustments:
        split = replace(NOTHING, untagged_usd=untagged, credits_and_tax_usd=adjustments)
        result.append(_variance(None, ZERO, WIDE.add(untagged, adjustments), split))
    return tuple(result)


def _variance(approach: str | None, estimated: Decimal, metered: Decimal, split: Split) -> Variance:
    return Variance(
        approach=approach,
        estimated_usd=estimated,
        metered_usd=metered,
        price_usd=split.price_usd,
        volume_usd=split.volume_usd,
        unestimated_usd=split.unestimated_usd,
        not_metered_usd=split.not_billed_usd,
        untagged_usd=split.untagged_usd,
        credits_and_tax_usd=split.credits_and_tax_usd,
    )
