"""The quality gate: which variants are good enough, and why. Standard library only; the report uses it too.

A gate is refused when it could not tell right from wrong: without a metric of correctness, word overlap and form
would decide, and they rank invented answers in house style above right ones (see `overlap`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.experiment import GateRule
from contracts.run import QualityRow
from lambdas.evaluation.metrics import CORRECTNESS, METRICS

Outcome = Literal["pass", "fail", "uncertain"]
ALL = "all"


class GateRefusedError(ValueError):
    """The gate cannot decide anything; the message says why and what to add."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVerdict:
    """One rule on one variant. `straddles`: the 95 % interval holds the minimum, so the data do not settle it."""

    metric: str
    split: str
    minimum: float
    value: float | None
    low: float | None
    high: float | None
    n: int
    met: bool
    straddles: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`pass`: every rule is met by its whole interval. `uncertain`: every value meets its minimum, but an interval
    reaches below. `fail`: a value is below its minimum, or was not measured.
    """

    approach: str
    variant: str
    outcome: Outcome
    reason: str
    rules: tuple[RuleVerdict, ...]

    @property
    def accepted(self) -> bool:
        """The measured values meet the gate; `uncertain` is accepted with that caveat."""
        return self.outcome != "fail"


def check(rules: Sequence[GateRule]) -> None:
    """Refuse a gate that cannot tell right answers from wrong ones.

    Raises:
        GateRefusedError: an unknown metric, one where lower is better, a minimum that nothing can miss or reach, or
            no metric of correctness.
    """
    for rule in rules:
        metric = METRICS.get(rule.metric)
        if metric is None:
            raise GateRefusedError(f"gate: metric {rule.metric!r} is unknown; known are {', '.join(METRICS)}")
        if metric.use_instead is not None:
            raise GateRefusedError(
                f"gate: {rule.metric} is better when lower, but a rule sets a minimum; use {metric.use_instead}"
            )
        top = 100.0 if rule.metric == "bleu" else 1.0
        if not 0 < rule.minimum <= top:
            raise GateRefusedError(
                f"gate: the minimum of {rule.metric} must be above 0 and at most {top:g}, not {rule.minimum:g}"
            )
    # On unanswerable questions alone, a system that refuses everything is always right.
    if not any(rule.metric in CORRECTNESS and rule.split != "unanswerable" for rule in rules):
        named = ", ".join(rule.metric for rule in rules) or "nothing"
        raise GateRefusedError(
            f"gate: {named} cannot tell a right answer from a wrong one in the right form; "
            f"add a rule on {' or '.join(CORRECTNESS)} over answerable questions"
        )


def decide(rules: Sequence[GateRule], rows: Iterable[QualityRow]) -> list[Verdict]:
    """Return a verdict for every variant in `rows`, in their order.

    Raises:
        GateRefusedError: see `check`.
    """
    check(rules)
    by_variant: dict[tuple[str, str], dict[tuple[str, str], QualityRow]] = {}
    for row in rows:
        by_variant.setdefault((row.approach, row.variant), {})[(row.metric, row.split)] = row
    return [
        _verdict(approach, variant, [_apply(rule, found.get((rule.metric, rule.split or ALL))) for rule in rules])
        for (approach, variant), found in by_variant.items()
    ]


def _apply(rule: GateRule, row: QualityRow | None) -> RuleVerdict:
    split = rule.split or ALL
    name = rule.metric if split == ALL else f"{rule.metric} on {split}"
    if row is None:
        return RuleVerdict(
            metric=rule.metric,
            split=split,
            minimum=rule.minimum,
            value=None,
            low=None,
            high=None,
            n=0,
            met=False,
            straddles=False,
            reason=f"{name} was not measured",
        )
    met = row.value >= rule.minimum
    straddles = row.low < rule.minimum <= row.high
    interval = f"95 % {_short(row.low)} to {_short(row.high)}, n={row.n}"
    relation = "reaches" if met else "is below"
    doubt = "; the interval holds the minimum" if straddles else ""
    return RuleVerdict(
        metric=rule.metric,
        split=split,
        minimum=rule.minimum,
        value=row.value,
        low=row.low,
        high=row.high,
        n=row.n,
        met=met,
        straddles=straddles,
        reason=f"{name} {_short(row.value)} {relation} {_short(rule.minimum)} ({interval}{doubt})",
    )


def _verdict(approach: str, variant: str, rules: list[RuleVerdict]) -> Verdict:
    missed = [rule for rule in rules if not rule.met]
    doubtful = [rule for rule in rules if rule.straddles]
    outcome: Outcome = "fail" if missed else "uncertain" if doubtful else "pass"
    decisive = missed or doubtful or rules
    reason = "; ".join(rule.reason for rule in decisive)
    return Verdict(approach=approach, variant=variant, outcome=outcome, reason=reason, rules=tuple(rules))


def _short(value: float) -> str:
    return f"{value:.3g}"
