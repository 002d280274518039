"""Charts as inline SVG text: no script, no external resource, colours by CSS class so that dark mode can change them.

Every text is escaped here. Each chart has a title for screen readers and a title on each mark for pointers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

#: Approach -> CSS class of its colour (Okabe-Ito, told apart by colour-blind readers too).
CLASSES = {"prompting": "c1", "rag": "c2", "fine-tuning": "c3", "pre-training": "c4"}
WIDTH = 860
LEFT = 190


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One row or point. `low` and `high` are the ends of an interval; `text` is shown beside the mark."""

    label: str
    value: float
    text: str
    group: str = ""
    low: float | None = None
    high: float | None = None
    x: float | None = None


def css_class(group: str) -> str:
    """The colour class of an approach; grey for anything else."""
    return CLASSES.get(group, "c0")


def intervals(title: str, marks: Sequence[Mark], *, top: float, threshold: float | None = None) -> str:
    """A dot with its interval for each mark, from 0 to `top`; a dashed line at `threshold`."""
    height = 30 + 26 * len(marks)
    scale = (WIDTH - LEFT - 120) / top
    parts = [_axis(height, top, scale)]
    if threshold is not None:
        x = LEFT + threshold * scale
        parts.append(f'<line class="gate" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="{height - 22}"/>')
    for i, mark in enumerate(marks):
        y = 20 + 26 * i
        parts.append(_label(mark.label, y))
        if mark.low is not None and mark.high is not None:
            x1, x2 = LEFT + mark.low * scale, LEFT + mark.high * scale
            parts.append(f'<line class="bar-{css_class(mark.group)}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y}" y2="{y}"/>')
        x = LEFT + mark.value * scale
        parts.append(f'<circle class="{css_class(mark.group)}" cx="{x:.1f}" cy="{y}" r="5">{_title(mark)}</circle>')
        parts.append(f'<text class="v" x="{WIDTH - 112}" y="{y + 4}">{escape(mark.text)}</text>')
    return picture(title, height, parts)


def bars(title: str, marks: Sequence[Mark], *, logarithmic: bool = False) -> str:
    """A bar for each mark (0 or more), from 0 or, if logarithmic, from a tenth of the smallest that is above 0."""
    height = 14 + 26 * len(marks)
    lengths = (_log_lengths if logarithmic else _lengths)([m.value for m in marks])
    parts = []
    for i, (mark, length) in enumerate(zip(marks, lengths, strict=True)):
        y = 8 + 26 * i
        width = max(length * (WIDTH - LEFT - 130), 1)
        parts.append(_label(mark.label, y + 10))
        parts.append(
            f'<rect class="{css_class(mark.group)}" x="{LEFT}" y="{y}" width="{width:.1f}" height="18">'
            f"{_title(mark)}</rect>"
        )
        parts.append(f'<text class="v" x="{LEFT + width + 6:.1f}" y="{y + 14}">{escape(mark.text)}</text>')
    return picture(title, height, parts)


def tornado(title: str, marks: Sequence[Mark], *, middle: float) -> str:
    """A bar from `low` to `high` of each mark, around a line at `middle`."""
    height = 14 + 26 * len(marks)
    ends = [middle, *(e for m in marks for e in (m.low, m.high) if e is not None)]
    low, scale = min(ends), (WIDTH - LEFT - 180) / ((max(ends) - min(ends)) or 1.0)
    x0 = LEFT + (middle - low) * scale
    parts = []
    for i, mark in enumerate(marks):
        if mark.low is None or mark.high is None:
            continue
        y = 8 + 26 * i
        left, right = (LEFT + (e - low) * scale for e in sorted((mark.low, mark.high)))
        parts.append(_label(mark.label, y + 10))
        parts.append(
            f'<rect class="{css_class(mark.group)}" x="{left:.1f}" y="{y}" width="{max(right - left, 1):.1f}"'
            f' height="18">{_title(mark)}</rect>'
        )
        parts.append(f'<text class="v" x="{right + 6:.1f}" y="{y + 14}">{escape(mark.text)}</text>')
    parts.append(f'<line class="gate" x1="{x0:.1f}" x2="{x0:.1f}" y1="0" y2="{height}"/>')
    return picture(title, height, parts)


def lines(
    title: str,
    series: Sequence[tuple[str, str, Sequence[tuple[float, float]]]],
    *,
    x_name: str,
    y_name: str,
    crossings: Sequence[tuple[float, float, str]] = (),
) -> str:
    """A line for each (label, group, points above 0), both axes logarithmic; a ring at each (x, y, text) crossing."""
    points = [(x, y) for _, _, line in series for x, y in line if x > 0 and y > 0]
    if not points:
        return ""
    height, bottom, plot = 340, 290, 660
    x_low, x_high = _powers([x for x, _ in points])
    y_low, y_high = _powers([y for _, y in points])

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - x_low) / (x_high - x_low)
        up = (math.log10(y) - y_low) / (y_high - y_low)
        return 80 + plot * across, bottom - (bottom - 20) * up

    parts = []
    for power in range(x_low, x_high + 1):
        x, _ = at(10.0**power, 10.0**y_low)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{bottom}"/>')
        parts.append(f'<text class="a" text-anchor="middle" x="{x:.1f}" y="{bottom + 16}">{_power(power)}</text>')
    for power in range(y_low, y_high + 1):
        _, y = at(10.0**x_low, 10.0**power)
        parts.append(f'<line class="grid" x1="80" x2="{80 + plot}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="a" text-anchor="end" x="72" y="{y + 4:.1f}">${_power(power)}</text>')
    ends: list[float] = []
    for label, group, line in series:
        pairs = [at(x, y) for x, y in line if x > 0 and y > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)
        parts.append(
            f'<polyline class="line-{css_class(group)}" points="{path}"><title>{escape(label)}</title></polyline>'
        )
        y = pairs[-1][1]
        while any(abs(y - other) < 13 for other in ends):
            y -= 13
        ends.append(y)
        parts.append(f'<text class="v" x="{pairs[-1][0] + 8:.1f}" y="{y + 4:.1f}">{escape(label)}</text>')
    for n, (x, y, text) in enumerate((x, y, t) for x, y, t in crossings if x > 0 and y > 0):
        across, up = at(x, y)
        parts.append(
            f'<circle class="mark" cx="{across:.1f}" cy="{up:.1f}" r="5"><title>{escape(text)}</title></circle>'
        )
        # Crossings may lie close together: their texts take turns below the ring.
        below = up + 20 + 13 * (n % 3)
        parts.append(f'<text class="v" text-anchor="middle" x="{across:.1f}" y="{below:.1f}">{escape(text)}</text>')
    parts.append(f'<text class="a" x="80" y="12">{escape(y_name)}</text>')
    parts.append(f'<text class="a" text-anchor="end" x="{80 + plot}" y="{height - 8}">{escape(x_name)}</text>')
    return picture(title, height, parts)


def scatter(
    title: str,
    marks: Sequence[Mark],
    *,
    x_name: str,
    y_name: str,
    y_top: float,
    frontier: Sequence[tuple[float, float]] = (),
) -> str:
    """Points of `x` (positive, on a logarithmic axis) against `value`; labels stand beside their points.

    `frontier` are the (x, value) points that a dashed line joins.
    """
    height, bottom, plot = 330, 290, 660
    xs = [m.x for m in marks if m.x is not None and m.x > 0]
    if not xs:
        return ""
    low, high = _powers(xs)
    parts = []
    for power in range(low, high + 1):
        x = 60 + plot * (power - low) / (high - low)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{bottom}"/>')
        parts.append(f'<text class="a" text-anchor="middle" x="{x:.1f}" y="{bottom + 16}">${_power(power)}</text>')
    for step in range(5):
        y = bottom - (bottom - 20) * step / 4
        parts.append(f'<line class="grid" x1="60" x2="{60 + plot}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="a" text-anchor="end" x="52" y="{y + 4:.1f}">{y_top * step / 4:.0f}</text>')
    if len(joined := [(x, y) for x, y in frontier if x > 0]) > 1:
        path = " ".join(
            f"{60 + plot * (math.log10(x) - low) / (high - low):.1f},{bottom - (bottom - 20) * y / y_top:.1f}"
            for x, y in joined
        )
        parts.append(f'<polyline class="frontier" points="{path}"><title>efficient frontier</title></polyline>')
    taken: list[tuple[float, float]] = []
    for mark in sorted(marks, key=lambda m: m.value):
        if mark.x is None or mark.x <= 0:
            continue
        x = 60 + plot * (math.log10(mark.x) - low) / (high - low)
        y = bottom - (bottom - 20) * mark.value / y_top
        parts.append(f'<circle class="{css_class(mark.group)}" cx="{x:.1f}" cy="{y:.1f}" r="6">{_title(mark)}</circle>')
        side = min(y, bottom - 8)
        while any(abs(side - ty) < 13 and abs(x - tx) < 170 for tx, ty in taken):
            side -= 13
        taken.append((x, side))
        parts.append(f'<text class="v" x="{x + 10:.1f}" y="{side + 4:.1f}">{escape(mark.label)}</text>')
    parts.append(f'<text class="a" x="60" y="12">{escape(y_name)}</text>')
    parts.append(f'<text class="a" text-anchor="end" x="{60 + plot}" y="{height - 6}">{escape(x_name)}</text>')
    return picture(title, height, parts)


def picture(title: str, height: int, parts: Sequence[str]) -> str:
    """The parts as one SVG with a title for screen readers."""
    name = escape(title)
    body = "".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{name}</title>{body}</svg>"
    )


def _lengths(values: Sequence[float]) -> list[float]:
    top = max(values, default=0.0) or 1.0
    return [v / top for v in values]


def _log_lengths(values: Sequence[float]) -> list[float]:
    above = [v for v in values if v > 0]
    if not above:
        return [0.0 for _ in values]
    low, high = math.log10(min(above)) - 1, math.log10(max(above))
    return [(math.log10(v) - low) / (high - low) if v > 0 else 0.0 for v in values]


def _powers(values: Sequence[float]) -> tuple[int, int]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _axis(height: int, top: float, scale: float) -> str:
    parts = []
    for step in range(5):
        x = LEFT + top * step / 4 * scale
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="{height - 22}"/>')
        parts.append(f'<text class="a" text-anchor="middle" x="{x:.1f}" y="{height - 6}">{top * step / 4:g}</text>')
    return "".join(parts)


def _label(text: str, y: float) -> str:
    short = text if len(text) <= 27 else text[:26] + "…"
    return f'<text class="l" text-anchor="end" x="{LEFT - 10}" y="{y + 4:.1f}">{escape(short)}</text>'


def _title(mark: Mark) -> str:
    return f"<title>{escape(mark.label)}: {escape(mark.text)}</title>"


def _power(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:.{-power}f}"
