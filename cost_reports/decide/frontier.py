"""Cost against quality: which options another one makes pointless, and what a point of quality costs."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise


def dominance(points: Mapping[str, tuple[Fraction, Fraction]]) -> dict[str, str]:
    """Return which of (cost, quality) points are dominated, and by which other.

    Strictly: another costs no more and is no worse (and differs). By extension: a mix of two others costs less for the
    same quality, that is, the point lies above the lower convex hull of the frontier.
    """
    dominated: dict[str, str] = {}
    for name, (cost, quality) in points.items():
        for other, (c, q) in points.items():
            better = c <= cost and q >= quality and (c, q) != (cost, quality)
            same_but_first = (c, q) == (cost, quality) and other < name
            if better or same_but_first:
                dominated[name] = other
                break
    hull: list[str] = []
    for name in sorted((n for n in points if n not in dominated), key=lambda n: points[n]):
        while len(hull) >= 2:
            (c0, q0), (c1, q1), (c2, q2) = points[hull[-2]], points[hull[-1]], points[name]
            if (c1 - c0) * (q2 - q1) < (c2 - c1) * (q1 - q0):
                break
            dominated[hull[-1]] = f"a mix of {hull[-2]} and {name}"
            hull.pop()
        hull.append(name)
    return dominated


def point_costs(points: Mapping[str, tuple[Fraction, Fraction]]) -> dict[str, Fraction]:
    """Return USD of one more percentage point of quality along the frontier: the step from the next cheaper (ICER)."""
    order = sorted(points, key=lambda n: points[n])
    costs = {}
    for before, name in pairwise(order):
        more = points[name][1] - points[before][1]
        if more > 0:
            costs[name] = (points[name][0] - points[before][0]) / (more * 100)
    return costs
