"""The marks of a chart as SVG text. Every text is escaped here; colours are CSS classes, for dark mode to change."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

#: Approach -> CSS class of its colour (Okabe-Ito, told apart by colour-blind readers too).
CLASSES = {"prompting": "c1", "rag": "c2", "fine-tuning": "c3", "pre-training": "c4"}
WIDTH = 860
LEFT = 190
#: Characters that fit beside a bar.
LABEL = 27


def css_class(group: str) -> str:
    """Return the colour class of an approach; grey for anything else."""
    return CLASSES.get(group, "c0")


def number(value: float) -> str:
    """Return a whole number as it is, another one with one decimal."""
    return str(value) if isinstance(value, int) else f"{value:.1f}"


def line(css: str, x1: float, x2: float, y1: float, y2: float) -> str:
    """Return a straight line."""
    ends = f'x1="{number(x1)}" x2="{number(x2)}" y1="{number(y1)}" y2="{number(y2)}"'
    return f'<line class="{css}" {ends}/>'


def text(css: str, x: float, y: float, words: str, anchor: str = "") -> str:
    """Return a text; `anchor` is the side on which `x` lies, the start if it is empty."""
    side = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{css}"{side} x="{number(x)}" y="{number(y)}">{escape(words)}</text>'


def rect(css: str, x: float, y: float, width: float, height: float, title: str = "") -> str:
    """Return a rectangle; pointers show its title."""
    head = f'<rect class="{css}" x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f"{head}><title>{escape(title)}</title></rect>" if title else f"{head}/>"


def circle(css: str, x: float, y: float, radius: int, title: str) -> str:
    """Return a dot; pointers show its title."""
    place = f'cx="{number(x)}" cy="{number(y)}" r="{radius}"'
    return f'<circle class="{css}" {place}><title>{escape(title)}</title></circle>'


def polyline(css: str, points: Sequence[tuple[float, float]], title: str) -> str:
    """Return a line through points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{css}" points="{path}"><title>{escape(title)}</title></polyline>'


def label(words: str, y: float) -> str:
    """Return the name of a bar on its left, as far as it fits."""
    short = words if len(words) <= LABEL else words[: LABEL - 1] + "…"
    return text("l", LEFT - 10, y, short, "end")


def picture(title: str, height: int, marks: Sequence[str]) -> str:
    """Return the marks as one SVG with a title for screen readers."""
    name = escape(title)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{name}</title>{''.join(marks)}</svg>"
    )
