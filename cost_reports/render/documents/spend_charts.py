"""The charts of a spend report, each with the table that says the same."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from cost_reports.render import svg_money
from cost_reports.render.document import Chart, Table, columns, table
from cost_reports.render.svg_marks import css_class
from cost_reports.render.svg_money import Group, Stack, StackPart
from cost_reports.spend_report.report import Day, Month, SpendReport
from cost_reports.text import NOT_AVAILABLE, usd

NO_APPROACH = "(no approach)"
STRIPS = {
    "final": "s-final",
    "estimated": "s-estimated",
    "not yet billed": "s-late",
    "not tagged then": "s-late",
    "unknown": "s-late",
}
#: More days than these get a tick on the first of a month and every seventh day only.
ALL_TICKS = 14
#: So many days that are not billed yet are listed even where nothing was metered on them.
FEW = 7


def name_of(approach: str | None) -> str:
    return approach or NO_APPROACH


def three_views(report: SpendReport, views: Table) -> Chart:
    """Return estimated, metered and billed money of each approach; `views` says the same."""
    groups = []
    for a in report.approaches:
        css = css_class(a.approach or "")
        amounts = [
            ("faint ", a.estimated_usd, "estimated"),
            ("half ", a.metered_usd, "metered"),
            ("", a.billed_usd, "billed"),
        ]
        bars = [(shade + css, float(amount or 0), f"{usd(amount)} {what}") for shade, amount, what in amounts]
        groups.append(Group(label=name_of(a.approach), bars=tuple(bars)))
    title = "Estimated, metered and billed USD by approach"
    legend = [("faint c0", "estimated"), ("half c0", "metered"), ("c0", "billed")]
    return Chart(title=title, svg=svg_money.grouped(title, groups, legend=legend), table=views)


def by_day(report: SpendReport) -> Chart:
    """Return billed usage by day, stacked by approach; days that billing has not reached show what was metered."""
    many = len(report.days) > ALL_TICKS
    stacks = []
    for day in report.days:
        cells = [c for c in report.trend if c.day == day.day]
        parts = tuple(StackPart(group=name_of(c.approach), value=float(c.usd), text=usd(c.usd)) for c in cells)
        moment = date.fromisoformat(day.day)
        shown = not many or moment.day in (1, 8, 15, 22)
        stacks.append(
            Stack(
                label=day.day,
                tick=f"{moment:%b} {moment.day}" if shown else "",
                strip=STRIPS[day.state],
                parts=parts,
                outline=float(day.metered_usd or 0) if day.billed_usd is None else None,
                text=f"{day.state}; billed {usd(day.billed_usd)}, metered {usd(day.metered_usd)}",
            )
        )
    title = "Billed usage by day (UTC)"
    present = dict.fromkeys(name_of(c.approach) for c in report.trend)
    legend = [
        (css_class(name), name)
        for name in sorted(present, key=lambda n: [name_of(a.approach) for a in report.approaches].index(n))
    ]
    legend += [("s-final", "final"), ("s-estimated", "may be restated"), ("s-late", "not billed (yet)")]
    legend += [("hollow", "metered, not billed")]
    return Chart(title=title, svg=svg_money.stacked(title, stacks, legend=legend), table=_days(report.days))


def _days(days: tuple[Day, ...]) -> Table:
    """Return the days on which something happened or is open."""
    late = [d for d in days if d.state == "not yet billed"]
    open_days = late if len(late) <= FEW else []
    shown = [d for d in days if d.billed_usd or d.metered_usd or d.estimated_usd or d in open_days]
    return table(
        "Days with money, and days that are not billed yet",
        shown,
        {
            "=day (UTC)": lambda d: d.day,
            "=state": lambda d: d.state,
            ">billed": lambda d: usd(d.billed_usd),
            ">metered": lambda d: usd(d.metered_usd),
            ">estimated": lambda d: usd(d.estimated_usd),
        },
        "Billed with credits, refunds and tax; the picture shows usage only. An estimate stands on the first day of"
        " its run.",
        detail=True,
    )


def month(m: Month) -> Chart:
    """Return the month to date, the forecast of its end, and the budget."""
    bars = [("month to date", "c1", float(m.to_date_usd), usd(m.to_date_usd))]
    interval = None
    if m.forecast_usd is not None:
        bars.append(("forecast of month's end", "half c1", float(m.forecast_usd), usd(m.forecast_usd)))
        interval = (float(m.forecast_low_usd or 0), float(m.forecast_high_usd or 0))
    limit = None if m.budget_usd is None else (float(m.budget_usd), f"budget {usd(m.budget_usd)}")
    title = f"{m.period} against forecast and budget"
    return Chart(title=title, svg=svg_money.against(title, bars, interval=interval, limit=limit), table=month_table(m))


def month_table(m: Month) -> Table:
    interval = NOT_AVAILABLE
    if m.forecast_usd is not None:
        interval = f"{usd(m.forecast_low_usd)} to {usd(m.forecast_high_usd)} ({m.interval_percent} %)"
    return Table(
        title=f"Month {m.period} (UTC)",
        columns=columns("=", ">USD"),
        rows=(
            ("to date", usd(m.to_date_usd)),
            ("forecast of its end", usd(m.forecast_usd)),
            ("interval", interval),
            ("budget", usd(m.budget_usd)),
            ("forecast, of the budget", _share(m.forecast_usd, m.budget_usd)),
        ),
        note=f"Forecast: {m.method}.",
    )


def _share(part: Decimal | None, whole: Decimal | None) -> str:
    return NOT_AVAILABLE if part is None or not whole else f"{part / whole * 100:.0f} %"
