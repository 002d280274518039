"""Charts of money over time and side by side, as inline SVG text like those of `svg`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from cost_reports.render.svg_marks import LEFT, WIDTH, css_class, label, line, picture, rect, text

PLOT_LEFT, PLOT_RIGHT = 70, WIDTH - 10
TOP, BOTTOM = 46, 236
ROW = 18
#: Room for the amounts on the right of horizontal bars.
VALUES = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPart:
    """One part of a stacked bar; its colour is that of `group`."""

    group: str
    value: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One bar of a day. `tick` stands below it (empty: nothing), `strip` is the class of the mark below the axis.

    `outline`: a hollow bar instead, of what is known otherwise.
    """

    label: str
    tick: str
    strip: str
    parts: tuple[StackPart, ...] = ()
    outline: float | None = None
    text: str = ""


def stacked(title: str, stacks: Sequence[Stack], *, legend: Sequence[tuple[str, str]]) -> str:
    """Return stacked vertical bars from 0, one for each day. `legend`: (CSS class, text)."""
    if not stacks:
        return ""
    top = nice_top(max([sum(max(p.value, 0) for p in s.parts) for s in stacks] + [s.outline or 0 for s in stacks]))
    scale = (BOTTOM - TOP) / top
    step = (PLOT_RIGHT - PLOT_LEFT) / len(stacks)
    width = max(min(step * 0.72, 46), 1.5)
    drawn = [*_legend(legend), *_money_axis(top, scale)]
    for n, stack in enumerate(stacks):
        begin = PLOT_LEFT + step * n
        drawn.append(f"<g><title>{escape(stack.label)}: {escape(stack.text)}</title>")
        drawn.append(rect(stack.strip, begin, BOTTOM + 2, step, 5))
        x, y = begin + (step - width) / 2, float(BOTTOM)
        for part in stack.parts:
            height = max(part.value, 0) * scale
            y -= height
            drawn.append(_bar(css_class(part.group), x, y, width, height, f"{stack.label}, {part.group}: {part.text}"))
        if stack.outline:
            height = stack.outline * scale
            drawn.append(_bar("hollow", x, BOTTOM - height, width, height))
        drawn.append("</g>")
        if stack.tick:
            drawn.append(text("a", PLOT_LEFT + step * (n + 0.5), BOTTOM + 24, stack.tick, "middle"))
    return picture(title, BOTTOM + 32, drawn)


def _bar(css: str, x: float, y: float, width: float, height: float, title: str = "") -> str:
    """Return a bar whose height is drawn to hundredths, because many small parts stand on one another."""
    head = f'<rect class="{css}" x="{x:.1f}" y="{y:.2f}" width="{width:.1f}" height="{height:.2f}"'
    return f"{head}><title>{escape(title)}</title></rect>" if title else f"{head}/>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Bars that belong together: (CSS class, value, text) each, below one label."""

    label: str
    bars: tuple[tuple[str, float, str], ...]


def grouped(title: str, groups: Sequence[Group], *, legend: Sequence[tuple[str, str]]) -> str:
    """Return horizontal bars in groups, from 0; an amount below 0 has no bar, its text tells it."""
    top = max((value for g in groups for _, value, _ in g.bars), default=0) or 1.0
    drawn = _legend(legend)
    y = 34
    for group in groups:
        drawn.append(label(group.label, y + ROW * len(group.bars) / 2 + 4))
        for css, value, words in group.bars:
            length = max(value, 0) / top * (WIDTH - LEFT - VALUES)
            drawn.append(rect(css, LEFT, y + 2, max(length, 1.0), ROW - 4, f"{group.label}: {words}"))
            drawn.append(text("v", LEFT + length + 7, y + ROW - 5, words))
            y += ROW
        y += 12
    return picture(title, y, drawn)


def against(
    title: str,
    bars: Sequence[tuple[str, str, float, str]],
    *,
    interval: tuple[float, float] | None = None,
    limit: tuple[float, str] | None = None,
) -> str:
    """Return horizontal bars (label, CSS class, value, text) from 0.

    The `interval` belongs to the last one. The line of the `limit` crosses all of them, with its text above.
    """
    ends = [value for _, _, value, _ in bars] + list(interval or ()) + ([limit[0]] if limit else [])
    scale = (WIDTH - LEFT - VALUES) / (max(ends, default=0) or 1.0)
    height = 34 + 30 * len(bars)
    drawn = []
    for n, (name, css, value, words) in enumerate(bars):
        y = 30 + 30 * n
        end = max(value, 0) * scale
        drawn.append(label(name, y + 14))
        drawn.append(rect(css, LEFT, y, max(end, 1.0), 20, f"{name}: {words}"))
        if interval is not None and n == len(bars) - 1:
            low, high = (LEFT + max(e, 0) * scale for e in interval)
            drawn.append(f'<path class="whisker" d="M{low:.1f} {y + 10}H{high:.1f}M{low:.1f} {y + 5}v10"/>')
            drawn.append(f'<path class="whisker" d="M{high:.1f} {y + 5}v10"/>')
            end = max(end, high - LEFT)
        if limit is not None and end < limit[0] * scale < end + 110:
            end = limit[0] * scale
        drawn.append(text("v", LEFT + end + 8, y + 14, words))
    if limit is not None:
        x = LEFT + limit[0] * scale
        drawn.append(line("gate", x, x, 20, height - 4))
        drawn.append(text("a", x, 14, limit[1], "end" if x > WIDTH - VALUES - 60 else "start"))
    return picture(title, height, drawn)


def nice_top(value: float) -> float:
    """Return the next value at or above `value` that four steps divide into short numbers; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((m * power for m in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8) if m * power >= value), 10 * power)


def _legend(entries: Sequence[tuple[str, str]]) -> list[str]:
    drawn, x = [], PLOT_LEFT
    for css, words in entries:
        drawn += [rect(css, x, 8, 11, 11), text("a", x + 16, 18, words)]
        x += 32 + round(6.1 * len(words))
    return drawn


def _money_axis(top: float, scale: float) -> list[str]:
    drawn = []
    for step in range(5):
        amount = top * step / 4
        y = BOTTOM - amount * scale
        drawn += [line("grid", PLOT_LEFT, PLOT_RIGHT, y, y), text("a", PLOT_LEFT - 8, y + 4, _dollars(amount), "end")]
    return drawn


def _dollars(amount: float) -> str:
    if amount >= 1000:
        return f"${amount:,.0f}"
    return f"${amount:.3g}" if amount >= 0.001 or not amount else f"${amount:g}"
