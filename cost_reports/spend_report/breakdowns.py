"""The billed money by one grouping at a time, the untagged share, and the two Bedrock meters. Never add two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction

from contracts.money import ChargeRow, Cut
from contracts.units import UNITS, convert, to_decimal
from cost_reports.compare.reconcile import USAGE_CATEGORIES
from cost_reports.metering.charges import exact_sum, total
from cost_reports.spend_report.bill import Bill, approach_order
from cost_reports.spend_report.report import BedrockMeters, BreakdownLine, SpendBreakdown, Untagged

PERCENT = Decimal("0.0001")
NO_MODEL = "(no model)"
Name = Callable[[ChargeRow], str]
#: Name of the breakdown -> the grouping that it is read from, and what names its lines.
_BY: dict[str, tuple[Cut, Name]] = {
    "service": ("service", lambda r: r.service),
    "usage type": ("usage-type", lambda r: r.usage_type or "(no usage type)"),
    "model": ("model", lambda r: r.model or NO_MODEL),
    "record type": ("record-type", lambda r: r.charge_category),
}


def breakdowns(bill: Bill) -> tuple[SpendBreakdown, ...]:
    """Return a breakdown for each grouping that was read; a missing one is not the same as zero."""
    if bill.base is None:
        return ()
    result = []
    for by, (grouping, name) in _BY.items():
        rows = bill.grouped_by(grouping)
        if rows is None:
            continue
        if by != "record type":
            rows = [r for r in rows if r.charge_category in USAGE_CATEGORIES]
        if by == "model":
            # An export has rows of every service; Cost Explorer's grouping holds those of Amazon Bedrock only.
            rows = [r for r in rows if bill.base != "whole" or r.model is not None]
        lines = _lines(rows, name, quantities=by == "usage type")
        result.append(SpendBreakdown(by=by, complete=by != "model", lines=lines))
    return tuple(result)


def _lines(rows: Sequence[ChargeRow], name: Name, *, quantities: bool) -> tuple[BreakdownLine, ...]:
    groups: dict[tuple[str, str | None], list[ChargeRow]] = {}
    for row in rows:
        groups.setdefault((name(row), row.approach), []).append(row)
    lines = []
    for (label, approach), group in groups.items():
        quantity, unit = _quantity(group) if quantities else (None, None)
        lines.append(BreakdownLine(name=label, approach=approach, quantity=quantity, unit=unit, usd=total(group)))
    return tuple(sorted(lines, key=lambda x: (-x.usd, x.name, approach_order(x.approach))))


def _quantity(rows: Sequence[ChargeRow]) -> tuple[Decimal | None, str | None]:
    """Return the sum of the quantities in one unit; None where a row has none, or where the units do not fit."""
    units = {r.unit for r in rows}
    if None in units or any(r.quantity is None for r in rows):
        return None, None
    unit = min(u for u in units if u is not None)
    if len(units) > 1 and len({UNITS[u].dimension if u in UNITS else u for u in units if u is not None}) > 1:
        return None, None
    if len(units) == 1:
        return exact_sum(r.quantity for r in rows if r.quantity is not None), unit
    amounts = (convert(r.quantity, r.unit, unit, r.day) for r in rows if r.quantity is not None and r.unit is not None)
    return to_decimal(sum(amounts, Fraction(0))), unit


def missing_views(bill: Bill) -> tuple[str, ...]:
    """Return a sentence for each breakdown that is not there."""
    return tuple(
        f"There is no breakdown by {by}: "
        + (
            "billing was not read by it. That is not zero."
            if grouping in bill.refused
            else "billing shows nothing by it."
        )
        for by, (grouping, _) in _BY.items()
        if grouping in bill.missing and bill.base is not None
    )


def untagged(bill: Bill) -> Untagged | None:
    """Return the share of the account's usage that names no experiment; None where no usage was read.

    On usage only: credits are often untagged, and with them the share could be below 0 or above 100 %.
    """
    if bill.base is None or bill.through is None:
        return None
    account = total(bill.account_usage)
    loose = total(r for r in bill.account_usage if r.experiment is None)
    share = to_decimal(Fraction(loose) / Fraction(account) * 100, PERCENT) if account > 0 else None
    return Untagged(usd=loose, account_usage_usd=account, share=share)


def bedrock_meters(bill: Bill) -> tuple[BedrockMeters, ...]:
    """Return the same Bedrock money by the tag of the inference profile and by that of the calling role, side by side.

    None: this meter gave nothing at all (the role's tag is not active, or an export does not tell).
    """
    by_tag: list[list[ChargeRow] | None] = [bill.grouped_by("model"), bill.grouped_by("role")]
    meters = [None if rows is None else [r for r in rows if r.model is not None] for rows in by_tag]
    names = {r.approach for rows in meters if rows is not None for r in rows if r.approach is not None}
    return tuple(
        BedrockMeters(approach=approach, by_profile_usd=_of(meters[0], approach), by_role_usd=_of(meters[1], approach))
        for approach in sorted(names, key=approach_order)
    )


def _of(rows: Sequence[ChargeRow] | None, approach: str) -> Decimal | None:
    return None if rows is None else total(r for r in rows if r.approach == approach)
