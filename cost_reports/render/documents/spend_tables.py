"""The tables of a spend report. Names come from tags, services and AWS; renderers escape them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from contracts.units import UNITS, WIDE, convert, reading_unit, to_decimal
from cost_reports.compare.explain import EQUAL
from cost_reports.compare.split import Split, parts
from cost_reports.metering.charges import exact_sum
from cost_reports.render.document import Table, facts, table
from cost_reports.render.documents.spend_charts import name_of
from cost_reports.spend_report.report import BreakdownLine, SpendBreakdown, SpendLine, SpendReport, Tag
from cost_reports.spend_report.trend import periods
from cost_reports.text import NOT_AVAILABLE, number, percent, quantity, usd

T = TypeVar("T")
#: Lines of the comparison that a terminal shows.
FEW = 8


#: Where money stands: the name of an approach, and estimated, metered and billed USD with a split.
Row = tuple[str, Decimal | None, Decimal | None, Decimal | None, Split | None]


def approaches(report: SpendReport, *, split: bool = True) -> Table:
    """Return estimated | metered | billed, with the split of billed - estimated where what was billed is known."""
    rows: list[Row] = [
        (name_of(a.approach), a.estimated_usd, a.metered_usd, a.billed_usd, a.split) for a in report.approaches
    ]
    rows.append(("all", report.total_estimated_usd, report.total_metered_usd, report.total_billed_usd, report.split))
    cells: dict[str, Callable[[Row], str]] = {
        "=approach": lambda r: r[0],
        ">estimated": lambda r: usd(r[1]),
        ">metered": lambda r: usd(r[2]),
        ">billed": lambda r: usd(r[3]),
    }
    if report.split is None:
        views = {"estimated": rows[-1][1], "metered": rows[-1][2], "billed": rows[-1][3]}
        unknown = " and ".join(name for name, amount in views.items() if amount is None)
        state = f"{report.header.state}." if views["billed"] is None else "it is not known."
        title = f"Estimated, metered, billed; what was {unknown} is not known"
        return table(title, rows, cells, f"{NOT_AVAILABLE} is not zero: {state}")
    if not split:
        return table("Estimated, metered, billed", rows, cells, "Shared is what all approaches use together.")
    cells |= _split_cells("estimated", _split_of)
    return table(
        "Estimated, metered, billed, and why billed differs from estimated",
        rows,
        cells,
        "Billed - estimated = the sum of the columns to the right of billed, exactly. Shared is what all"
        " approaches use together.",
    )


def _split_of(row: Row) -> Split | None:
    return row[4]


def against_metered(report: SpendReport) -> Table:
    """Return the split of billed - metered."""
    rows: list[tuple[str, Decimal | None, Split | None]] = [
        (name_of(a.approach), _difference(a.billed_usd, a.metered_usd), a.against_metered) for a in report.approaches
    ]
    rows.append(("all", _difference(report.total_billed_usd, report.total_metered_usd), report.against_metered))
    return table(
        "Why billed differs from metered",
        rows,
        {
            "=approach": lambda r: r[0],
            ">billed\n- metered": lambda r: usd(r[1]),
            **_split_cells("metered", lambda r: r[2]),
        },
        "The first amount is the sum of those to its right, exactly.",
    )


def _difference(billed: Decimal | None, metered: Decimal | None) -> Decimal | None:
    return None if billed is None or metered is None else WIDE.subtract(billed, metered)


def _split_cells(side: str, split_of: Callable[[T], Split | None]) -> dict[str, Callable[[T], str]]:
    heads = (">price", ">volume", f">not\n{side}", ">no\napproach", ">credits,\ntax", ">not (yet)\nbilled")

    def cell(n: int) -> Callable[[T], str]:
        return lambda row: NOT_AVAILABLE if (split := split_of(row)) is None else usd(parts(split)[n])

    return {head: cell(n) for n, head in enumerate(heads)}


def lines(report: SpendReport, *, short: bool = False) -> Table:
    """Return billed against metered, line by line. `short`: the largest differences only."""
    different = sorted((x for x in report.lines if x.why != EQUAL), key=lambda x: -abs(x.difference_usd))
    cells: dict[str, Callable[[SpendLine], str]] = {
        "=approach": lambda x: name_of(x.approach),
        "usage": _usage,
        ">metered\nquantity": lambda x: amount(x.metered_quantity, x.unit),
        ">billed\nquantity": lambda x: amount(x.billed_quantity, x.unit),
        ">metered": lambda x: usd(x.metered_usd),
        ">billed": lambda x: usd(x.billed_usd),
        ">difference": lambda x: usd(x.difference_usd),
        "why": lambda x: x.why,
    }
    if short:
        return table(
            "Largest differences between billed and metered",
            different[:FEW],
            {head: cells[head] for head in ("=approach", "usage", ">metered", ">billed", "why")},
            f"{len(different) - FEW} more in the page." if len(different) > FEW else "",
        )
    note = f"{len(report.lines) - len(different)} of {len(report.lines)} lines are equal to the last digit."
    return table("Billed against metered, line by line", report.lines, cells, note)


def _usage(line: SpendLine) -> str:
    return " ".join(part for part in (line.service_code, line.usage_type) if part) or line.why.partition(":")[0]


def amount(value: Decimal | None, unit: str | None) -> str:
    """Return a quantity in the unit in which people read it: tokens instead of 1M tokens."""
    if value is None or unit is None or unit not in UNITS:
        return quantity(value, unit)
    plain = reading_unit(unit)
    return quantity(to_decimal(convert(value, unit, plain)), plain)


def unit_costs(report: SpendReport) -> Table | None:
    """Return the unit costs of each approach; None where no approach has any."""
    rows = [(name_of(a.approach), a.unit_costs) for a in report.approaches if a.unit_costs is not None]
    if not rows:
        return None
    return table(
        "Unit costs from billed money",
        rows,
        {
            "=approach": lambda r: r[0],
            ">answers": lambda r: number(r[1].answers),
            ">accepted": lambda r: number(r[1].accepted),
            ">tokens": lambda r: number(r[1].tokens),
            ">per 1,000\nanswers": lambda r: usd(r[1].per_1000_answers_usd),
            ">per 1M\ntokens": lambda r: usd(r[1].per_1m_tokens_usd),
            ">per\naccepted": lambda r: usd(r[1].per_accepted_usd),
        },
        "Billed usage of the approach in the window, one-time work (training, ingestion) included, over what it"
        " gave. Credits, refunds and tax are apart.",
    )


def breakdown(b: SpendBreakdown) -> Table:
    """Return the bill by one grouping."""
    cells: dict[str, Callable[[BreakdownLine], str]] = {
        b.by: lambda x: x.name,
        "=approach": lambda x: name_of(x.approach),
    }
    if any(x.quantity is not None for x in b.lines):
        cells[">quantity"] = lambda x: amount(x.quantity, x.unit)
    cells[">USD"] = lambda x: usd(x.usd)
    total = ("all", *[""] * (len(cells) - 2), usd(exact_sum(x.usd for x in b.lines)))
    note = "" if b.complete else "Amazon Bedrock only; other services have no models."
    return table(f"Billed by {b.by}", b.lines, cells, note, last=[total])


def movers(report: SpendReport) -> Table | None:
    """Return what changed most; None where nothing moved or no two periods are billed."""
    if not report.movers:
        return None
    before, now = periods(report.days)
    return table(
        f"What changed most: {_span(now)} against {_span(before)}",
        report.movers,
        {
            "service": lambda m: m.name,
            "=approach": lambda m: name_of(m.approach),
            ">before": lambda m: usd(m.before_usd),
            ">now": lambda m: usd(m.now_usd),
            ">change": lambda m: usd(WIDE.subtract(m.now_usd, m.before_usd)),
        },
        "Only days that are billed.",
    )


def _span(days: Sequence[str]) -> str:
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def restatements(report: SpendReport) -> Table | None:
    """Return what AWS has changed; None where nothing was billed differently before."""
    if not report.restatements:
        return None
    return table(
        f"Restated by AWS since the report of {report.header.previous_report or 'before'}",
        report.restatements,
        {
            "=day (UTC)": lambda r: r.day,
            "=approach": lambda r: name_of(r.approach),
            ">then": lambda r: usd(r.before_usd),
            ">now": lambda r: usd(r.now_usd),
        },
        f"{NOT_AVAILABLE}: the day had no such row.",
    )


def meters(report: SpendReport) -> Table | None:
    """Return the two meters of Bedrock side by side; None where there is no Bedrock money."""
    if not report.bedrock_meters:
        return None
    return table(
        "Amazon Bedrock by two independent tags: the same money twice, never to be added",
        report.bedrock_meters,
        {
            "=approach": lambda m: m.approach,
            ">by inference profile": lambda m: usd(m.by_profile_usd),
            ">by calling role": lambda m: usd(m.by_role_usd),
        },
        f"{NOT_AVAILABLE}: billing gave nothing by this tag.",
    )


def tags(report: SpendReport) -> Table | None:
    """Return the states of the tags; None where they were not read."""
    if not report.tags:
        return None
    cells: dict[str, Callable[[Tag], str]] = {
        "=tag": lambda t: t.key,
        "=state": lambda t: t.state,
        "what it means": lambda t: t.text,
    }
    return table("Cost-allocation tags", report.tags, cells)


def completeness(report: SpendReport) -> Table:
    """Return how many days are in which state, and what the account has without a tag."""
    states: dict[str, list[str]] = {}
    for day in report.days:
        states.setdefault(day.state, []).append(day.day)
    rows = [(f"days {state}", f"{len(days)} ({_span(days)})") for state, days in states.items()]
    if report.untagged is not None:
        u = report.untagged
        share = f"{usd(u.usd)} of {usd(u.account_usage_usd)} ({percent(u.share)})"
        rows.append(("untagged usage of the account", share))
    return facts(rows, "how much")


def sources(report: SpendReport) -> Table:
    """Return what the report is made of, and what it cost itself."""
    h = report.header
    source = "Cost Explorer" if h.source == "billed-ce" else "Data Exports"
    requests = f"{h.requests} paid Cost Explorer requests, {h.cached_requests} answered from the cache"
    return facts(
        (
            ("window (UTC)", f"{h.window_start} to {h.window_end} (exclusive)"),
            ("billed money", f"{source}, account {h.account or NOT_AVAILABLE}, {h.currency}"),
            ("runs", ", ".join(h.runs) or NOT_AVAILABLE),
            ("prices", f"AWS list prices as of {h.prices_as_of}"),
            ("previous report", h.previous_report or NOT_AVAILABLE),
            ("this report", f"{requests}: {usd(h.request_usd)}"),
        )
    )
