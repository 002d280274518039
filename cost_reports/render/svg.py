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
    return _svg(title, height, parts)


def bars(title: str, marks: Sequence[Mark]) -> str:
    """A bar from 0 for each mark; negative values go to the left of 0."""
    height = 14 + 26 * len(marks)
    low = min([0.0, *(m.value for m in marks)])
    high = max([0.0, *(m.value for m in marks)])
    scale = (WIDTH - LEFT - 130) / ((high - low) or 1.0)
    zero = LEFT - low * scale
    parts = []
    for i, mark in enumerate(marks):
        y = 8 + 26 * i
        x = zero + min(0.0, mark.value) * scale
        width = abs(mark.value) * scale
        parts.append(_label(mark.label, y + 10))
        parts.append(
            f'<rect class="{css_class(mark.group)}" x="{x:.1f}" y="{y}" width="{max(width, 1):.1f}" height="18">'
            f"{_title(mark)}</rect>"
        )
        parts.append(f'<text class="v" x="{max(x + width, zero) + 6:.1f}" y="{y + 14}">{escape(mark.text)}</text>')
    return _svg(title, height, parts)


def scatter(title: str, marks: Sequence[Mark], *, x_name: str, y_name: str, y_top: float) -> str:
    """Points of `x` (positive, on a logarithmic axis) against `value`; labels stand beside their points."""
    height, bottom, plot = 330, 290, 660
    xs = [m.x for m in marks if m.x is not None and m.x > 0]
    if not xs:
        return ""
    low, high = math.floor(math.log10(min(xs))), math.ceil(math.log10(max(xs)))
    high = max(high, low + 1)
    parts = []
    for power in range(low, high + 1):
        x = 60 + plot * (power - low) / (high - low)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{bottom}"/>')
        parts.append(f'<text class="a" text-anchor="middle" x="{x:.1f}" y="{bottom + 16}">${_power(power)}</text>')
    for step in range(5):
        y = bottom - (bottom - 20) * step / 4
        parts.append(f'<line class="grid" x1="60" x2="{60 + plot}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="a" text-anchor="end" x="52" y="{y + 4:.1f}">{y_top * step / 4:.0f}</text>')
    taken: list[tuple[float, float]] = []
    for mark in sorted(marks, key=lambda m: -m.value):
        if mark.x is None or mark.x <= 0:
            continue
        x = 60 + plot * (math.log10(mark.x) - low) / (high - low)
        y = bottom - (bottom - 20) * mark.value / y_top
        parts.append(f'<circle class="{css_class(mark.group)}" cx="{x:.1f}" cy="{y:.1f}" r="6">{_title(mark)}</circle>')
        side = y
        while any(abs(side - ty) < 13 and abs(x - tx) < 170 for tx, ty in taken):
            side += 13
        taken.append((x, side))
        parts.append(f'<text class="v" x="{x + 10:.1f}" y="{side + 4:.1f}">{escape(mark.label)}</text>')
    parts.append(f'<text class="a" x="60" y="12">{escape(y_name)}</text>')
    parts.append(f'<text class="a" text-anchor="end" x="{60 + plot}" y="{height - 6}">{escape(x_name)}</text>')
    return _svg(title, height, parts)


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    name = escape(title)
    body = "".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{name}</title>{body}</svg>"
    )


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
