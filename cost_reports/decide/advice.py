"""The advice in plain words: the golden rule applied, why, and what is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cost_reports.decide.curve import Curve
from cost_reports.decide.decision import Candidate, Quality
from cost_reports.decide.uncertainty import Chance
from cost_reports.estimate.gaps import unpriced
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.plan import Option

Pairs = Sequence[tuple[Option, Curve]]
SURE = 0.9
"""The probability at which a higher approach is preferred to a lower one that passes."""


def advice(
    candidates: Sequence[Candidate],
    passing: Pairs,
    likely: Sequence[Chance],
    measured: Mapping[tuple[str, str], Quality],
) -> tuple[str, list[str], tuple[Option, Curve] | None]:
    """Headline, reasons, and the chosen option with its curve; null where nothing can be recommended.

    `passing` are the options whose measured quality passes or may pass, `likely` how they did in random trials. What
    only may pass is taken where nothing of the lowest approach passes clearly, and never in place of a lower approach.
    """
    if not measured:
        cheapest = min((c for c in candidates), key=lambda c: c.total_usd)
        return (
            "No recommendation: no quality was measured.",
            [
                f"By cost alone {cheapest.name} is the cheapest at this volume. Whether its answers are good enough is"
                " not known: run the experiment and give its report.json.",
            ],
            None,
        )
    if not passing:
        tried = "; ".join(f"{a} ({v}): {q.reason}" for (a, v), q in measured.items())
        return "No approach passes the gate.", [f"Measured: {tried}."], None
    approaches = list(dict.fromkeys(o.approach for o, _ in passing))
    by_name = {f"{c.approach} / {c.variant} / {c.setup}": c for c in candidates}
    clear = [(o, c) for o, c in passing if measured[o.approach, o.variant].outcome == "pass"]
    of_lowest = [[p for p in pairs if p[0].approach == approaches[0]] for pairs in (clear, passing)]
    lowest = min(of_lowest[0] or of_lowest[1], key=lambda p: by_name[p[0].name].total_usd)
    reasons = [
        f"Golden rule: the lowest approach that passes the gate is {lowest[0].approach}; its cheapest passing variant"
        f" is {lowest[0].variant} ({lowest[0].setup})."
    ]
    if measured[lowest[0].approach, lowest[0].variant].outcome == "uncertain":
        reasons.append("Its 95 % interval reaches below the gate: ask more test questions before relying on it.")
    for (approach, variant), q in measured.items():
        if q.outcome == "fail":
            reasons.append(f"{approach} ({variant}) does not pass: {q.reason}.")
    higher = [(o, c) for o, c in clear if o.approach != lowest[0].approach]
    chance = {c.name: c for c in likely}
    sure = {o.name: chance[o.name].cheaper_than[lowest[0].name] for o, _ in higher}
    surely = [(o, c) for o, c in higher if sure[o.name] >= SURE]
    if surely:
        option, curve = max(surely, key=lambda p: chance[p[0].name].cheapest_per_accepted)
        reasons.append(
            f"{option.approach} ({option.variant}, {option.setup}) is cheaper for each accepted answer with a"
            f" probability of {sure[option.name]:.0%}, which outweighs the golden rule."
        )
        return f"Use {option.approach} ({option.variant}, {option.setup}).", reasons, (option, curve)
    if higher:
        probability = max(sure.values())
        reasons.append(
            f"No higher approach is cheaper for each accepted answer with a probability of {SURE:.0%} or more"
            f" (the highest is {probability:.0%})."
        )
    return f"Use {lowest[0].approach} ({lowest[0].variant}, {lowest[0].setup}).", reasons, lowest


def unknowns(measured: Mapping[tuple[str, str], Quality], best: Pairs, inputs: EstimateInputs) -> list[str]:
    """What the decision does not know, one sentence each."""
    found = []
    workload = inputs.workload
    if not inputs.measured:
        found.append("Tokens of a request are counted from the experiment's files, not measured.")
    silent = [f"{o.approach} ({o.variant})" for o, _ in best if (o.approach, o.variant) not in measured]
    if silent:
        found.append(f"Quality was not measured for {', '.join(silent)}; they cannot be recommended.")
    if workload.answer_value() is None:
        found.append("The experiment states no value of an accepted answer, so there is no return on investment.")
    if workload.hourly_wage_usd is None:
        found.append("The experiment states no wage, so the hours of building an approach cost nothing here.")
    found += [f"Not compared: {text}." for text in unpriced(inputs)]
    return found
