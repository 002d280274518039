"""Checks of the price table by its use: what is missing, what is old, what does not fit the rest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from contracts.aws_names import EC2, SAGEMAKER
from contracts.money import PriceRow, UsageRow
from cost_reports.metering.meters import HOSTING, TRAINING
from cost_reports.prices.catalogue import Catalogue, PriceError, Unpublished, name_of


def missing(catalogue: Catalogue, rows: Iterable[UsageRow]) -> list[str]:
    """Return what `rows` need and the catalogue does not know, one message each; see `unpublished` for the rest."""
    messages = set()
    for row in rows:
        if catalogue.unpublished_for(row) is not None:
            continue
        try:
            catalogue.tiers_for(row)
        except PriceError as error:
            messages.add(str(error))
    return sorted(messages)


def unpublished(catalogue: Catalogue, rows: Iterable[UsageRow]) -> list[Unpublished]:
    """Return the rates that `rows` need and that are not published, in the order of the rows, each once."""
    return list(dict.fromkeys(rate for row in rows if (rate := catalogue.unpublished_for(row)) is not None))


def stale(catalogue: Catalogue, rows: Iterable[UsageRow], today: date, days: int) -> list[PriceRow]:
    """Return the prices of `rows` whose `as_of` is more than `days` days before `today` or is not a date, oldest first.

    A month (`2026-10`) or a year counts from its first day: an imprecise date never looks young.
    """
    used = {id(tier): tier for row in rows for tier in catalogue.tiers_for(row)}
    old = [(age_days(tier, today), tier) for tier in used.values()]
    late = [(age, tier) for age, tier in old if age is None or age > days]
    return [t for _, t in sorted(late, key=lambda a: (-(a[0] if a[0] is not None else 10**6), name_of(a[1])))]


def odd_ratios(catalogue: Catalogue, day: str) -> list[str]:
    """Find SageMaker prices that do not stand to EC2's as they do everywhere else in the list: a check of the table.

    SageMaker / EC2 = 1.40 for .xlarge, 1.25 for larger g instances, 1.15 for p4 and p5, within 0.5 %; hosting costs as
    much as training.
    """
    odd = []
    for row in catalogue.prices:
        prefix, _, size = row.usage_type.partition(f"-{HOSTING.stem}ml.")
        if row.service_code != SAGEMAKER or not size:
            continue
        trained = catalogue.candidates(SAGEMAKER, f"{prefix}-{TRAINING.stem}ml.{size}", "", day)
        if trained and trained[0].usd != row.usd:
            odd.append(f"{name_of(row)} costs {row.usd:f}, training on it {trained[0].usd:f}")
        machine = catalogue.candidates(EC2, f"BoxUsage:{size}", "", day)
        expected = Decimal("1.15" if size.startswith("p") else "1.40" if size.endswith(".xlarge") else "1.25")
        if machine and abs(row.usd / machine[0].usd / expected - 1) > Decimal("0.005"):
            odd.append(f"{name_of(row)} is {row.usd / machine[0].usd:.3f} times the EC2 price, expected {expected}")
    return odd


def age_days(row: PriceRow, today: date) -> int | None:
    """Return days since the price's `as_of`; None where it is not a date. A range counts from its start."""
    parts = row.as_of.split("-")
    if not all(p.isdigit() for p in parts) or len(parts[0]) != 4:
        return None
    month = int(parts[1]) if len(parts) > 1 and len(parts[1]) == 2 else 1
    day = int(parts[2]) if len(parts) > 2 else 1
    try:
        return (today - date(int(parts[0]), month, day)).days
    except ValueError:
        return None
