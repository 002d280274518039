"""Estimated against metered money of a run, by approach, split so that the parts add up to the difference exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from contracts.money import ChargeRow
from contracts.units import WIDE
from cost_reports.compare.reconcile import Line, reconcile
from cost_reports.metering.charges import exact_sum


@dataclass(frozen=True, slots=True, kw_only=True)
class Variance:
    """USD. metered - estimated = price + volume + unestimated + not metered + untagged + credits and tax, exactly.

    A null approach is usage that carries none.
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
    """One line for each approach, in the order of their names, then one for what carries none, if anything does.

    Source: `reconcile`, whose lines are summed up by approach.

    Raises:
        ReconcileError: the two sides cannot be compared; the message names the row.
    """
    found = reconcile(estimated, metered)
    lines: dict[str, list[Line]] = {}
    for line in found.lines:
        lines.setdefault(line.approach or "", []).append(line)
    result = [_of(approach or None, own) for approach, own in sorted(lines.items())]
    if found.untagged_usd or found.credits_and_tax_usd:
        zero = Decimal(0)
        result.append(
            Variance(
                approach=None,
                estimated_usd=zero,
                metered_usd=WIDE.add(found.untagged_usd, found.credits_and_tax_usd),
                price_usd=zero,
                volume_usd=zero,
                unestimated_usd=zero,
                not_metered_usd=zero,
                untagged_usd=found.untagged_usd,
                credits_and_tax_usd=found.credits_and_tax_usd,
            )
        )
    return tuple(result)


def _of(approach: str | None, lines: list[Line]) -> Variance:
    return Variance(
        approach=approach,
        estimated_usd=exact_sum(line.estimated_usd for line in lines),
        metered_usd=exact_sum(line.actual_usd for line in lines),
        price_usd=exact_sum(line.price_usd for line in lines),
        volume_usd=exact_sum(line.volume_usd for line in lines),
        unestimated_usd=exact_sum(line.unestimated_usd for line in lines),
        not_metered_usd=exact_sum(line.not_billed_usd for line in lines),
        untagged_usd=Decimal(0),
        credits_and_tax_usd=Decimal(0),
    )
