"""From what billing, meters and estimates say to the spend report. Pure: the order of the records does not matter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from contracts.money import ChargeRow, Source
from contracts.times import parse_time
from cost_reports.compare.align import ComparableCharges, align
from cost_reports.compare.comparison import Comparison, compare, lines_of
from cost_reports.compare.cross_check import cross_check
from cost_reports.compare.split import NOTHING
from cost_reports.cost_explorer.answers import disagreements
from cost_reports.metering.charges import total
from cost_reports.prices.catalogue import CURRENCY, Catalogue
from cost_reports.spend_report.bill import Bill, SpendError, approach_order, bill_of, inside
from cost_reports.spend_report.breakdowns import bedrock_meters, breakdowns, missing_views, untagged
from cost_reports.spend_report.month import month_of
from cost_reports.spend_report.records import SpendRecords
from cost_reports.spend_report.report import KIND, SCHEMA, ApproachSpend, Header, SpendReport
from cost_reports.spend_report.state import State, headline, state_of
from cost_reports.spend_report.trend import anomalies, days, movers, trend
from cost_reports.spend_report.unit_costs import unit_costs
from cost_reports.text import quantity, usd


def build_spend(records: SpendRecords, catalogue: Catalogue) -> SpendReport:
    """Return the spend report of one experiment and window.

    Raises:
        SpendError: a row is of a wrong source, grouping or experiment; the message names it.
        ValueError: `as_of` is not a time in UTC.
    """
    today = parse_time(records.as_of).date()
    bill = bill_of(records)
    metered = _checked(records, records.metered, "metered")
    charges = align(bill, metered, _checked(records, records.estimated, "estimated"), catalogue)
    state = state_of(records, bill, charges.metered)
    against = compare(charges.metered, charges, bill) if state.known and charges.metered is not None else None
    expected = compare(charges.estimated, charges, bill) if state.known and charges.estimated is not None else None
    billed = total((*charges.usage, *charges.adjustments)) if state.known else None
    total_metered, total_estimated = _total(charges.metered), _total(charges.estimated)
    approaches, no_unit_costs = _approaches(records, bill, charges, state, against, expected)
    by_day = days(records.window, bill, today, charges.metered, charges.estimated, known=state.known)
    cells = trend(bill) if state.known else ()
    month = month_of(by_day, bill, today, records.billed.forecast, records.budget_usd)
    notes = (*records.notes, *_notes(bill, charges, state), *no_unit_costs)
    if state.known and records.exported is not None:
        notes += cross_check(bill, bill_of(replace(records, billed=records.exported)))
    if month is None and state.known:
        notes += ("No month to date: billing has not reached this month, or the window does not hold all of it.",)
    return SpendReport(
        schema=SCHEMA,
        kind=KIND,
        header=_header(records, state),
        headline=headline(
            records,
            state,
            bill.through,
            billed=billed,
            metered=total_metered,
            estimated=total_estimated,
            against_metered=against.split if against else None,
        ),
        total_estimated_usd=total_estimated,
        total_metered_usd=total_metered,
        total_billed_usd=billed,
        split=expected.split if expected else None,
        against_metered=against.split if against else None,
        rounding_usd=charges.rounding_usd,
        approaches=approaches,
        lines=lines_of(against, charges, bill, catalogue) if against else (),
        days=by_day,
        trend=cells,
        breakdowns=breakdowns(bill) if state.known else (),
        untagged=untagged(bill),
        bedrock_meters=bedrock_meters(bill) if state.known else (),
        month=month,
        movers=movers(by_day, bill) if state.known else (),
        anomalies=anomalies(cells, charges.metered),
        restatements=tuple(sorted(records.restatements, key=lambda r: (r.day, approach_order(r.approach), str(r)))),
        tags=tuple(sorted(records.tags, key=lambda t: (t.key, t.state, t.text))),
        failures=tuple(sorted((*records.billed.failures, *records.unread), key=lambda f: (f.request, f.code, f.text))),
        notes=tuple(dict.fromkeys(notes)),
    )


def charges_of(records: SpendRecords) -> list[ChargeRow]:
    """Return the rows that the report's totals are sums of, each amount once.

    These are estimated and metered charges, and of the bill the experiment's usage and adjustments up to the last day
    that billing has reached. Errors as in `build_spend`.
    """
    bill = bill_of(records)
    estimated = _checked(records, records.estimated, "estimated") or ()
    metered = _checked(records, records.metered, "metered") or ()
    return [*estimated, *metered, *bill.usage, *bill.adjustments]


def _checked(records: SpendRecords, rows: Sequence[ChargeRow] | None, source: Source) -> list[ChargeRow] | None:
    """Return the rows of the window, checked; None where they are not known."""
    if rows is None:
        return None
    for row in rows:
        name = f"{source} row of {row.day} {row.service_code} {row.usage_type}"
        if row.source != source:
            raise SpendError(f"{name} is {row.source}")
        if row.experiment != records.experiment:
            raise SpendError(f"{name} is of experiment {row.experiment!r}, not {records.experiment!r}")
    return inside(rows, records.window)


def _total(rows: Iterable[ChargeRow] | None) -> Decimal | None:
    return None if rows is None else total(rows)


def _of(rows: Iterable[ChargeRow] | None, approach: str | None) -> Decimal | None:
    return None if rows is None else total(r for r in rows if r.approach == approach)


def _approaches(
    records: SpendRecords,
    bill: Bill,
    charges: ComparableCharges,
    state: State,
    against: Comparison | None,
    expected: Comparison | None,
) -> tuple[tuple[ApproachSpend, ...], tuple[str, ...]]:
    """Return the approaches, and why some of them have no unit costs."""
    billed = (*charges.usage, *charges.adjustments) if state.known else None
    everything = (*(charges.estimated or ()), *(charges.metered or ()), *(billed or ()))
    names = {r.approach for r in everything} | set(records.outputs)
    result, notes = [], []
    for approach in sorted(names, key=approach_order):
        costs, reason = None, None
        if approach is not None and state.known and charges.metered is not None:
            costs, reason = unit_costs(approach, records.outputs.get(approach), bill, charges.metered)
        notes += [reason] if reason else []
        result.append(
            ApproachSpend(
                approach=approach,
                estimated_usd=_of(charges.estimated, approach),
                metered_usd=_of(charges.metered, approach),
                billed_usd=_of(billed, approach),
                split=expected.by_approach.get(approach, NOTHING) if expected else None,
                against_metered=against.by_approach.get(approach, NOTHING) if against else None,
                unit_costs=costs,
            )
        )
    return tuple(result), tuple(notes)


def _notes(bill: Bill, charges: ComparableCharges, state: State) -> list[str]:
    notes = list(missing_views(bill)) if state.known else []
    unknown = [name for name, side in (("metered", charges.metered), ("estimated", charges.estimated)) if side is None]
    if unknown:
        notes.append(
            f"What was {' and '.join(unknown)} is not known here, which is not zero: nothing is compared with it."
        )
    if state.known and bill.base not in ("usage-type", "whole"):
        notes.append(
            f"The bill was read by {bill.base} only: no line tells a different price from a different quantity, and all"
            " of a difference is called price."
        )
    notes += _disagreement(bill)
    if bill.ahead_usd:
        notes.append(
            f"Billing already shows {usd(bill.ahead_usd)} of days after {bill.through or 'the start'}, which are not"
            " whole; it is in no total."
        )
    if bill.untagged_adjustments_usd:
        notes.append(
            f"Credits, refunds and tax of {usd(bill.untagged_adjustments_usd)} in this account carry no tag; they"
            " belong to no experiment and are in no total."
        )
    for kind, ours, theirs in charges.odd_units:
        notes.append(f"{kind} is counted in {ours!r} here and in {theirs!r} on the bill: only its money is compared.")
    if charges.rounding_usd:
        notes.append(
            "Metered charges are compared at the precision of the bill, which adds"
            f" {quantity(charges.rounding_usd, 'USD')} to them."
        )
    return notes


def _disagreement(bill: Bill) -> list[str]:
    """Return a sentence where groupings that hold the same usage of the experiment do not agree."""
    differing = [d for d in disagreements(bill.rows) if d.experiment == bill.experiment and bill.base != "whole"]
    if not differing:
        return []
    first = differing[0]
    return [
        f"Groupings of the bill disagree on {len(differing)} days and approaches, first on {first.day}"
        f" ({first.approach}): {usd(first.usd)} by {first.grouping}, {usd(first.other_usd)} by {first.other_grouping}."
        f" Billing may have been refreshed while it was read; the totals are those by {bill.base}."
    ]


def _header(records: SpendRecords, state: State) -> Header:
    billed = records.billed
    return Header(
        experiment=records.experiment,
        description=records.description,
        account=billed.account,
        window_start=records.window.start.isoformat(),
        window_end=records.window.end.isoformat(),
        as_of=records.as_of,
        source=billed.source,
        state=state.state,
        state_text=state.text,
        currency=CURRENCY,
        simulated=tuple(records.simulated),
        requests=billed.requests,
        cached_requests=billed.cached_requests,
        request_usd=billed.request_usd,
        prices_as_of=records.prices_as_of,
        runs=tuple(sorted(records.runs)),
        previous_report=records.previous_report,
    )
