"""Estimates and decisions as CSV, apart from charges: a daily report needs neither."""

from __future__ import annotations

from dataclasses import fields

from cost_reports.decide.decision import Candidate, Decision
from cost_reports.estimate.estimate import Estimate, Item
from cost_reports.render.csv_file import marked, table

UNKNOWN = "unknown"


def estimate_lines(estimate: Estimate) -> str:
    """Every line of every option: USD and amount for one month, request, unit, awakening or refresh (`growth`).

    The USD of a line that has no public price are the word `unknown`, so that nobody takes an empty cell for 0.
    """
    names = [f.name for f in fields(Item)]
    return table(
        ["approach", "variant", "setup", *names],
        (
            [
                o.approach,
                o.variant,
                o.setup,
                *(getattr(item, name) for name in names[:-1]),
                UNKNOWN if item.usd is None else item.usd,
            ]
            for o in estimate.options
            for item in o.items
        ),
    )


def decision_lines(decision: Decision) -> str:
    """One line for each variant in its cheapest setup; money in USD over the horizon."""
    return marked([f.name for f in fields(Candidate)], decision.candidates, simulated=bool(decision.simulated))
