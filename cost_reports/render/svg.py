"""Charts as inline SVG text: no script, no external resource.

Each chart has a title for screen readers and a title on each mark for pointers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cost_reports.render.svg_marks import LEFT, WIDTH, circle, css_class, label, line, picture, polyline, rect, text

#: Edges of the charts with two axes.
TOP, BOTTOM, PLOT = 20, 290, 660


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

    @property
    def title(self) -> str:
        """Return what pointers show."""
        return f"{self.label}: {self.text}"


def intervals(title: str, marks: Sequence[Mark], *, top: float) -> str:
    """Return a dot with its interval for each mark, from 0 to `top`."""
    height = 30 + 26 * len(marks)
    scale = (WIDTH - LEFT - 120) / top
    drawn = []
    for step in range(5):
        x = LEFT + top * step / 4 * scale
        drawn.append(line("grid", x, x, 6, height - 22))
        drawn.append(text("a", x, height - 6, f"{top * step / 4:g}", "middle"))
    for i, mark in enumerate(marks):
        y, css = 20 + 26 * i, css_class(mark.group)
        drawn.append(label(mark.label, y + 4.0))
        if mark.low is not None and mark.high is not None:
            drawn.append(line(f"bar-{css}", LEFT + mark.low * scale, LEFT + mark.high * scale, y, y))
        drawn.append(circle(css, LEFT + mark.value * scale, y, 5, mark.title))
        drawn.append(text("v", WIDTH - 112, y + 4, mark.text))
    return picture(title, height, drawn)


def bars(title: str, marks: Sequence[Mark], *, logarithmic: bool = False) -> str:
    """Return a bar for each mark (0 or more), from 0 or, if logarithmic, from a tenth of the smallest above 0."""
    lengths = (_log_lengths if logarithmic else _lengths)([m.value for m in marks])
    spans = [(LEFT, LEFT + max(length * (WIDTH - LEFT - 130), 1.0)) for length in lengths]
    return picture(title, 14 + 26 * len(marks), _bars(marks, spans))


def tornado(title: str, marks: Sequence[Mark], *, middle: float) -> str:
    """Return a bar from `low` to `high` of each mark, around a line at `middle`."""
    height = 14 + 26 * len(marks)
    ends = [middle, *(e for m in marks for e in (m.low, m.high) if e is not None)]
    low, scale = min(ends), (WIDTH - LEFT - 180) / ((max(ends) - min(ends)) or 1.0)
    spans = [sorted(LEFT + (e - low) * scale for e in (m.low or 0.0, m.high or 0.0)) for m in marks]
    x = LEFT + (middle - low) * scale
    return picture(title, height, [*_bars(marks, spans), line("gate", x, x, 0, height)])


def _bars(marks: Sequence[Mark], spans: Sequence[Sequence[float]]) -> list[str]:
    drawn = []
    for i, (mark, (left, right)) in enumerate(zip(marks, spans, strict=True)):
        y = 8 + 26 * i
        drawn.append(label(mark.label, y + 14.0))
        drawn.append(rect(css_class(mark.group), left, y, max(right - left, 1.0), 18, mark.title))
        drawn.append(text("v", right + 6, y + 14, mark.text))
    return drawn


def lines(
    title: str,
    series: Sequence[tuple[str, str, Sequence[tuple[float, float]]]],
    *,
    x_name: str,
    y_name: str,
    crossings: Sequence[tuple[float, float, str]] = (),
) -> str:
    """Return a line for each (label, group, points above 0), both axes logarithmic; a ring at each (x, y, text)."""
    points = [(x, y) for _, _, line in series for x, y in line if x > 0 and y > 0]
    if not points:
        return ""
    left, height = 80, 340
    across = _LogAxis([x for x, _ in points], left, left + PLOT)
    up = _LogAxis([y for _, y in points], BOTTOM, TOP)
    drawn = _columns(across)
    for power in range(up.low, up.high + 1):
        y = up.at(10.0**power)
        drawn += [line("grid", left, left + PLOT, y, y), text("a", left - 8, y + 4, f"${_power(power)}", "end")]
    ends: list[float] = []
    for name, group, values in series:
        path = [(across.at(x), up.at(y)) for x, y in values if x > 0 and y > 0]
        drawn.append(polyline(f"line-{css_class(group)}", path, name))
        x, y = path[-1]
        while any(abs(y - other) < 13 for other in ends):
            y -= 13
        ends.append(y)
        drawn.append(text("v", x + 8, y + 4, name))
    for n, (x, y, words) in enumerate((across.at(x), up.at(y), w) for x, y, w in crossings if x > 0 and y > 0):
        # Crossings may lie close together: their texts take turns below the ring.
        drawn += [circle("mark", x, y, 5, words), text("v", x, y + 20 + 13 * (n % 3), words, "middle")]
    drawn += [text("a", left, 12, y_name), text("a", left + PLOT, height - 8, x_name, "end")]
    return picture(title, height, drawn)


def scatter(
    title: str,
    marks: Sequence[Mark],
    *,
    x_name: str,
    y_name: str,
    y_top: float,
    frontier: Sequence[tuple[float, float]] = (),
) -> str:
    """Return points of `x` (positive, on a logarithmic axis) against `value`; labels stand beside their points.

    `frontier` are the (x, value) points that a dashed line joins.
    """
    placed = [(mark.x, mark) for mark in marks if mark.x is not None and mark.x > 0]
    if not placed:
        return ""
    left, height = 60, 330
    across = _LogAxis([x for x, _ in placed], left, left + PLOT)
    drawn = _columns(across, "$")

    def up(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * value / y_top

    for step in range(5):
        y = up(y_top * step / 4)
        drawn += [line("grid", left, left + PLOT, y, y), text("a", left - 8, y + 4, f"{y_top * step / 4:.0f}", "end")]
    if len(joined := [(across.at(x), up(y)) for x, y in frontier if x > 0]) > 1:
        drawn.append(polyline("frontier", joined, "efficient frontier"))
    taken: list[tuple[float, float]] = []
    for value, mark in sorted(placed, key=lambda p: p[1].value):
        x, y = across.at(value), up(mark.value)
        drawn.append(circle(css_class(mark.group), x, y, 6, mark.title))
        side = min(y, BOTTOM - 8.0)
        while any(abs(side - ty) < 13 and abs(x - tx) < 170 for tx, ty in taken):
            side -= 13
        taken.append((x, side))
        drawn.append(text("v", x + 10, side + 4, mark.label))
    drawn += [text("a", left, 12, y_name), text("a", left + PLOT, height - 6, x_name, "end")]
    return picture(title, height, drawn)


class _LogAxis:
    """A logarithmic axis over whole powers of ten, from `start` to `end` on the picture."""

    def __init__(self, values: Sequence[float], start: int, end: int) -> None:
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self._start, self._length = start, end - start

    def at(self, value: float) -> float:
        """Return where a value lies."""
        return self._start + self._length * ((math.log10(value) - self.low) / (self.high - self.low))


def _columns(axis: _LogAxis, sign: str = "") -> list[str]:
    drawn = []
    for power in range(axis.low, axis.high + 1):
        x = axis.at(10.0**power)
        drawn.append(line("grid", x, x, TOP, BOTTOM))
        drawn.append(text("a", x, BOTTOM + 16, f"{sign}{_power(power)}", "middle"))
    return drawn


def _lengths(values: Sequence[float]) -> list[float]:
    top = max(values, default=0.0) or 1.0
    return [v / top for v in values]


def _log_lengths(values: Sequence[float]) -> list[float]:
    above = [v for v in values if v > 0]
    if not above:
        return [0.0 for _ in values]
    low, high = math.log10(min(above)) - 1, math.log10(max(above))
    return [(math.log10(v) - low) / (high - low) if v > 0 else 0.0 for v in values]


def _power(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:.{-power}f}"
