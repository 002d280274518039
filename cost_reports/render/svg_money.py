"""Charts of money over time and side by side, as inline SVG text like those of `svg`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from cost_reports.render.svg import LEFT, WIDTH, css_class, picture

PLOT_LEFT, PLOT_RIGHT = 70, WIDTH - 10
TOP, BOTTOM = 46, 236
ROW = 18
#: Room for the amounts on the right of horizontal bars.
VALUES = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a stacked bar; its colour is that of `group`."""

    group: str
    value: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One bar of a day. `tick` stands below it ("" = none), `strip` is the class of the mark below the axis.

    `outline`: a hollow bar instead, of what is known otherwise.
    """

    label: str
    tick: str
    strip: str
    parts: tuple[Part, ...] = ()
    outline: float | None = None
    text: str = ""


def stacked(title: str, stacks: Sequence[Stack], *, legend: Sequence[tuple[str, str]]) -> str:
    """Stacked vertical bars from 0, one for each day. `legend`: (CSS class, text)."""
    if not stacks:
        return ""
    top = nice_top(max([sum(max(p.value, 0) for p in s.parts) for s in stacks] + [s.outline or 0 for s in stacks]))
    scale = (BOTTOM - TOP) / top
    step = (PLOT_RIGHT - PLOT_LEFT) / len(stacks)
    width = max(min(step * 0.72, 46), 1.5)
    parts = [*_legend(legend), *_money_axis(top, scale)]
    for n, stack in enumerate(stacks):
        x = PLOT_LEFT + step * n + (step - width) / 2
        parts.append(f"<g><title>{escape(stack.label)}: {escape(stack.text)}</title>")
        parts.append(
            f'<rect class="{stack.strip}" x="{PLOT_LEFT + step * n:.1f}" y="{BOTTOM + 2}" width="{step:.1f}"'
            ' height="5"/>'
        )
        y = float(BOTTOM)
        for part in stack.parts:
            height = max(part.value, 0) * scale
            y -= height
            parts.append(
                f'<rect class="{css_class(part.group)}" x="{x:.1f}" y="{y:.2f}" width="{width:.1f}"'
                f' height="{height:.2f}"><title>{escape(f"{stack.label}, {part.group}: {part.text}")}</title></rect>'
            )
        if stack.outline:
            height = stack.outline * scale
            parts.append(
                f'<rect class="hollow" x="{x:.1f}" y="{BOTTOM - height:.2f}" width="{width:.1f}"'
                f' height="{height:.2f}"/>'
            )
        parts.append("</g>")
        if stack.tick:
            middle = PLOT_LEFT + step * (n + 0.5)
            parts.append(f'<text class="a" text-anchor="middle" x="{middle:.1f}" y="{BOTTOM + 24}">{stack.tick}</text>')
    return picture(title, BOTTOM + 32, parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Bars that belong together: (CSS class, value, text) each, below one label."""

    label: str
    bars: tuple[tuple[str, float, str], ...]


def grouped(title: str, groups: Sequence[Group], *, legend: Sequence[tuple[str, str]]) -> str:
    """Horizontal bars in groups, from 0; an amount below 0 has no bar, its text tells it."""
    top = max((value for g in groups for _, value, _ in g.bars), default=0) or 1.0
    parts = _legend(legend)
    y = 34
    for group in groups:
        middle = y + ROW * len(group.bars) / 2 + 4
        parts.append(
            f'<text class="l" text-anchor="end" x="{LEFT - 10}" y="{middle:.1f}">{escape(short(group.label))}</text>'
        )
        for css, value, text in group.bars:
            length = max(value, 0) / top * (WIDTH - LEFT - VALUES)
            parts.append(
                f'<rect class="{css}" x="{LEFT}" y="{y + 2}" width="{max(length, 1):.1f}" height="{ROW - 4}">'
                f"<title>{escape(f'{group.label}: {text}')}</title></rect>"
            )
            parts.append(f'<text class="v" x="{LEFT + length + 7:.1f}" y="{y + ROW - 5}">{escape(text)}</text>')
            y += ROW
        y += 12
    return picture(title, y, parts)


def against(
    title: str,
    bars: Sequence[tuple[str, str, float, str]],
    *,
    interval: tuple[float, float] | None = None,
    line: tuple[float, str] | None = None,
) -> str:
    """Horizontal bars (label, CSS class, value, text) from 0; the `interval` belongs to the last one, `line` crosses
    all of them, with its text above.
    """
    ends = [value for _, _, value, _ in bars] + list(interval or ()) + ([line[0]] if line else [])
    scale = (WIDTH - LEFT - VALUES) / (max(ends, default=0) or 1.0)
    height = 34 + 30 * len(bars)
    parts = []
    for n, (label, css, value, text) in enumerate(bars):
        y = 30 + 30 * n
        end = max(value, 0) * scale
        last = interval is not None and n == len(bars) - 1
        parts.append(f'<text class="l" text-anchor="end" x="{LEFT - 10}" y="{y + 14}">{escape(short(label))}</text>')
        parts.append(
            f'<rect class="{css}" x="{LEFT}" y="{y}" width="{max(end, 1):.1f}" height="20">'
            f"<title>{escape(f'{label}: {text}')}</title></rect>"
        )
        if last and interval is not None:
            low, high = (LEFT + max(e, 0) * scale for e in interval)
            parts.append(f'<path class="whisker" d="M{low:.1f} {y + 10}H{high:.1f}M{low:.1f} {y + 5}v10"/>')
            parts.append(f'<path class="whisker" d="M{high:.1f} {y + 5}v10"/>')
            end = max(end, high - LEFT)
        if line is not None and end < line[0] * scale < end + 110:
            end = line[0] * scale
        parts.append(f'<text class="v" x="{LEFT + end + 8:.1f}" y="{y + 14}">{escape(text)}</text>')
    if line is not None:
        x = LEFT + line[0] * scale
        anchor = "end" if x > WIDTH - VALUES - 60 else "start"
        parts.append(f'<line class="gate" x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{height - 4}"/>')
        parts.append(f'<text class="a" text-anchor="{anchor}" x="{x:.1f}" y="14">{escape(line[1])}</text>')
    return picture(title, height, parts)


def nice_top(value: float) -> float:
    """The next value at or above `value` that four steps divide into short numbers; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((m * power for m in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8) if m * power >= value), 10 * power)


def short(text: str) -> str:
    """`text` as far as it fits beside a bar."""
    return text if len(text) <= 27 else text[:26] + "…"


def _legend(entries: Sequence[tuple[str, str]]) -> list[str]:
    parts, x = [], PLOT_LEFT
    for css, text in entries:
        parts.append(f'<rect class="{css}" x="{x}" y="8" width="11" height="11"/>')
        parts.append(f'<text class="a" x="{x + 16}" y="18">{escape(text)}</text>')
        x += 32 + round(6.1 * len(text))
    return parts


def _money_axis(top: float, scale: float) -> list[str]:
    parts = []
    for step in range(5):
        amount = top * step / 4
        y = BOTTOM - amount * scale
        parts.append(f'<line class="grid" x1="{PLOT_LEFT}" x2="{PLOT_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="a" text-anchor="end" x="{PLOT_LEFT - 8}" y="{y + 4:.1f}">{_dollars(amount)}</text>')
    return parts


def _dollars(amount: float) -> str:
    return (
        f"${amount:,.0f}" if amount >= 1000 else f"${amount:.3g}" if amount >= 0.001 or not amount else f"${amount:g}"
    )
