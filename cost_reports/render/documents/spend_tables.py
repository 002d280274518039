"""The tables of a spend report. Names come from tags, services and AWS; renderers escape them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from contracts.units import UNITS, WIDE, convert, reading_unit, to_decimal
from cost_reports.compare.explain import EQUAL
from cost_reports.compare.split import Split, parts
from cost_reports.metering.charges import exact_sum
from cost_reports.render.document import Table, columns
from cost_reports.render.documents.spend_charts import name_of
from cost_reports.spend_report.report import SpendBreakdown, SpendLine, SpendReport
from cost_reports.spend_report.trend import periods
from cost_reports.text import NOT_AVAILABLE, number, percent, quantity, usd

#: Lines of the comparison that a terminal shows.
FEW = 8


def approaches(report: SpendReport) -> Table:
    """Estimated | metered | billed, with the split of billed - estimated where anything is known to be billed."""
    rows = [(name_of(a.approach), a.estimated_usd, a.metered_usd, a.billed_usd, a.split) for a in report.approaches]
    rows.append(("all", report.total_estimated_usd, report.total_metered_usd, report.total_billed_usd, report.split))
    if report.split is None:
        views = {"estimated": rows[-1][1], "metered": rows[-1][2], "billed": rows[-1][3]}
        unknown = " and ".join(name for name, amount in views.items() if amount is None)
        return Table(
            title=f"Estimated, metered, billed; what was {unknown} is not known",
            columns=columns("=approach", ">estimated", ">metered", ">billed"),
            rows=tuple((name, usd(e), usd(m), usd(b)) for name, e, m, b, _ in rows),
            note=f"{NOT_AVAILABLE} is not zero: "
            + (f"{report.header.state}." if views["billed"] is None else "it is not known."),
        )
    return Table(
        title="Estimated, metered, billed, and why billed differs from estimated",
        columns=columns("=approach", ">estimated", ">metered", ">billed", ">price", ">volume", *_rest("estimated")),
        rows=tuple((name, usd(e), usd(m), usd(b), *_split(s)) for name, e, m, b, s in rows),
        note="Billed - estimated = the sum of the columns to the right of billed, exactly. Shared is what all"
        " approaches use together.",
    )


def against_metered(report: SpendReport) -> Table:
    """The split of billed - metered."""
    rows: list[tuple[str, Decimal | None, Split | None]] = [
        (name_of(a.approach), _difference(a.billed_usd, a.metered_usd), a.against_metered) for a in report.approaches
    ]
    rows.append(("all", _difference(report.total_billed_usd, report.total_metered_usd), report.against_metered))
    return Table(
        title="Why billed differs from metered",
        columns=columns("=approach", ">billed\n- metered", ">price", ">volume", *_rest("metered")),
        rows=tuple((name, usd(d), *_split(s)) for name, d, s in rows),
        note="The first amount is the sum of those to its right, exactly.",
    )


def _difference(billed: Decimal | None, metered: Decimal | None) -> Decimal | None:
    return None if billed is None or metered is None else WIDE.subtract(billed, metered)


def _rest(side: str) -> tuple[str, ...]:
    return (f">not\n{side}", ">no\napproach", ">credits,\ntax", ">not (yet)\nbilled")


def _split(s: Split | None) -> tuple[str, ...]:
    return (NOT_AVAILABLE,) * 6 if s is None else tuple(map(usd, parts(s)))


def lines(report: SpendReport, *, short: bool = False) -> Table:
    """Billed against metered, line by line. `short`: the largest differences only."""
    different = sorted((x for x in report.lines if x.why != EQUAL), key=lambda x: -abs(x.difference_usd))
    if short:
        return Table(
            title="Largest differences between billed and metered",
            columns=columns("=approach", "usage", ">metered", ">billed", "why"),
            rows=tuple(
                (name_of(x.approach), _usage(x), usd(x.metered_usd), usd(x.billed_usd), x.why) for x in different[:FEW]
            ),
            note=f"{len(different) - FEW} more in the page." if len(different) > FEW else "",
        )
    return Table(
        title="Billed against metered, line by line",
        columns=columns(
            "=approach",
            "usage",
            ">metered\nquantity",
            ">billed\nquantity",
            ">metered",
            ">billed",
            ">difference",
            "why",
        ),
        rows=tuple(
            (
                name_of(x.approach),
                _usage(x),
                amount(x.metered_quantity, x.unit),
                amount(x.billed_quantity, x.unit),
                usd(x.metered_usd),
                usd(x.billed_usd),
                usd(x.difference_usd),
                x.why,
            )
            for x in report.lines
        ),
        note=f"{len(report.lines) - len(different)} of {len(report.lines)} lines are equal to the last digit.",
    )


def _usage(line: SpendLine) -> str:
    return " ".join(part for part in (line.service_code, line.usage_type) if part) or line.why.partition(":")[0]


def amount(value: Decimal | None, unit: str | None) -> str:
    """A quantity in the unit in which people read it: tokens instead of 1M tokens."""
    if value is None or unit is None or unit not in UNITS:
        return quantity(value, unit)
    plain = reading_unit(unit)
    return quantity(to_decimal(convert(value, unit, plain)), plain)


def unit_costs(report: SpendReport) -> Table | None:
    """Null where no approach has any."""
    rows = [(a.approach, a.unit_costs) for a in report.approaches if a.unit_costs is not None]
    if not rows:
        return None
    return Table(
        title="Unit costs from billed money",
        columns=columns(
            "=approach", ">answers", ">accepted", ">tokens", ">per 1,000\nanswers", ">per 1M\ntokens", ">per\naccepted"
        ),
        rows=tuple(
            (
                name_of(name),
                number(u.answers),
                number(u.accepted),
                number(u.tokens),
                usd(u.per_1000_answers_usd),
                usd(u.per_1m_tokens_usd),
                usd(u.per_accepted_usd),
            )
            for name, u in rows
        ),
        note="Billed usage of the approach in the window, one-time work (training, ingestion) included, over what it"
        " gave. Credits, refunds and tax are apart.",
    )


def breakdown(b: SpendBreakdown) -> Table:
    """One cut of the bill."""
    with_quantity = any(x.quantity is not None for x in b.lines)
    heads = (f"{b.by}", "=approach", *((">quantity",) if with_quantity else ()), ">USD")
    total = exact_sum(x.usd for x in b.lines)
    rows = [
        (x.name, name_of(x.approach), *((amount(x.quantity, x.unit),) if with_quantity else ()), usd(x.usd))
        for x in b.lines
    ]
    rows.append(("all", "", *(("",) if with_quantity else ()), usd(total)))
    return Table(
        title=f"Billed by {b.by}",
        columns=columns(*heads),
        rows=tuple(rows),
        note="" if b.complete else "Amazon Bedrock only; other services have no models.",
    )


def movers(report: SpendReport) -> Table | None:
    """Null where nothing moved or no two periods are billed."""
    if not report.movers:
        return None
    before, now = periods(report.days)
    return Table(
        title=f"What changed most: {_span(now)} against {_span(before)}",
        columns=columns("service", "=approach", ">before", ">now", ">change"),
        rows=tuple(
            (
                m.name,
                name_of(m.approach),
                usd(m.before_usd),
                usd(m.now_usd),
                usd(WIDE.subtract(m.now_usd, m.before_usd)),
            )
            for m in report.movers
        ),
        note="Only days that are billed.",
    )


def _span(days: Sequence[str]) -> str:
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def restatements(report: SpendReport) -> Table | None:
    """Null where nothing was billed differently before."""
    if not report.restatements:
        return None
    return Table(
        title=f"Restated by AWS since the report of {report.header.previous_report or 'before'}",
        columns=columns("=day (UTC)", "=approach", ">then", ">now"),
        rows=tuple((r.day, name_of(r.approach), usd(r.before_usd), usd(r.now_usd)) for r in report.restatements),
        note=f"{NOT_AVAILABLE}: the day had no such row.",
    )


def meters(report: SpendReport) -> Table | None:
    """Null where there is no Bedrock money."""
    if not report.bedrock_meters:
        return None
    return Table(
        title="Amazon Bedrock by two independent tags: the same money twice, never to be added",
        columns=columns("=approach", ">by inference profile", ">by calling role"),
        rows=tuple((m.approach, usd(m.by_profile_usd), usd(m.by_role_usd)) for m in report.bedrock_meters),
        note=f"{NOT_AVAILABLE}: billing gave nothing by this tag.",
    )


def tags(report: SpendReport) -> Table | None:
    """Null where the states were not read."""
    if not report.tags:
        return None
    return Table(
        title="Cost-allocation tags",
        columns=columns("=tag", "=state", "what it means"),
        rows=tuple((t.key, t.state, t.text) for t in report.tags),
    )


def completeness(report: SpendReport) -> Table:
    """How many days are in which state, and what the account has without a tag."""
    states: dict[str, list[str]] = {}
    for day in report.days:
        states.setdefault(day.state, []).append(day.day)
    rows = [(f"days {state}", f"{len(days)} ({_span(days)})") for state, days in states.items()]
    if report.untagged is not None:
        u = report.untagged
        rows.append(
            ("untagged usage of the account", f"{usd(u.usd)} of {usd(u.account_usage_usd)} ({percent(u.share)})")
        )
    return Table(title="", columns=columns("what", "how much"), rows=tuple(rows))


def facts(report: SpendReport) -> Table:
    """What the report is made of, and what it cost itself."""
    h = report.header
    source = "Cost Explorer" if h.source == "billed-ce" else "Data Exports"
    rows = (
        ("window (UTC)", f"{h.window_start} to {h.window_end} (exclusive)"),
        ("billed money", f"{source}, account {h.account or NOT_AVAILABLE}, {h.currency}"),
        ("runs", ", ".join(h.runs) or NOT_AVAILABLE),
        ("prices", f"AWS list prices as of {h.prices_as_of}"),
        ("previous report", h.previous_report or NOT_AVAILABLE),
        (
            "this report",
            f"{h.requests} paid Cost Explorer requests, {h.cached_requests} answered from the cache:"
            f" {usd(h.request_usd)}",
        ),
    )
    return Table(title="", columns=columns("what", "value"), rows=rows)
