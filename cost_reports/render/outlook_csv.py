"""Estimates and decisions as CSV, apart from charges: a daily report needs neither."""

from __future__ import annotations

from dataclasses import fields

from cost_reports.decide.decision import Candidate, Decision
from cost_reports.estimate.estimate import Estimate, Item
from cost_reports.render.csv_file import marked, table

UNKNOWN = "unknown"


def estimate_lines(estimate: Estimate) -> str:
    """Return every line of every option: USD and amount for one month, request, unit, awakening or refresh (`growth`).

    Without a public price the USD of a line are the word `unknown`: an empty cell could be taken for 0.
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
    """Return a line for each variant in its cheapest setup; money in USD over the horizon."""
    return marked([f.name for f in fields(Candidate)], decision.candidates, simulated=bool(decision.simulated))
