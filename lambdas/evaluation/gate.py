"""The quality gate: which variants are good enough, and why. Standard library only; the report uses it too.

A rule asks for a minimum, or for not being worse than another variant on the same questions, or for both. What a judge
says counts only where the judge agrees with people: below that its rules decide nothing, and alone they pass nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.experiment import GateRule, Judge, TaskKind
from contracts.run import PairedRow, QualityRow
from lambdas.evaluation.gate_checks import is_correctness, rule_problems
from lambdas.evaluation.metrics import KAPPA, METRICS

Outcome = Literal["pass", "fail", "uncertain"]
ALL = "all"
#: (a, b, metric) -> the paired difference a - b.
Differences = Mapping[tuple[str, str, str], PairedRow]


class GateRefusedError(ValueError):
    """The gate cannot decide anything; the message says why and what to add."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVerdict:
    """One demand on one variant.

    `straddles`: the 95 % interval holds the limit, so the data do not settle it. `decisive` is False for a judge that
    does not agree with people.
    """

    rule: GateRule
    met: bool
    straddles: bool
    reason: str
    decisive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`pass`: every rule is met by its whole interval. `uncertain`: every value meets its limit, but an interval
    reaches below. `fail`: a value is below its limit or was not measured, or nothing decisive says what is right.
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


def check(rules: Sequence[GateRule], task: TaskKind) -> None:
    """Refuse a gate that cannot tell right answers from wrong ones.

    Raises:
        GateRefusedError: with the first thing that is wrong (`gate_checks.rule_problems`).
    """
    for problem in rule_problems(rules, task):
        raise GateRefusedError(f"gate: {problem.what}; {problem.todo}")


def decide(
    rules: Sequence[GateRule],
    rows: Iterable[QualityRow],
    *,
    task: TaskKind,
    paired: Iterable[PairedRow] = (),
    judge: Judge | None = None,
) -> list[Verdict]:
    """Return a verdict for every variant in `rows`, in their order.

    Raises:
        GateRefusedError: see `check`.
    """
    check(rules, task)
    differences = {(row.a, row.b, row.metric): row for row in paired}
    by_variant: dict[tuple[str, str], dict[tuple[str, str], QualityRow]] = {}
    for row in rows:
        by_variant.setdefault((row.approach, row.variant), {})[(row.metric, row.split)] = row
    return [
        _verdict(
            approach, variant, [v for rule in rules for v in _apply(rule, variant, found, differences, judge)], task
        )
        for (approach, variant), found in by_variant.items()
    ]


def judge_doubt(kappa: QualityRow | None, judge: Judge | None) -> str:
    """Return why the judge's verdicts decide nothing; empty where they count."""
    if kappa is None or judge is None:
        return "the judge's agreement with people was not measured"
    if kappa.value < judge.minimum_agreement:
        return f"kappa {kappa.value:.2f} below {judge.minimum_agreement:.2f}"
    return ""


def _apply(
    rule: GateRule,
    variant: str,
    found: Mapping[tuple[str, str], QualityRow],
    differences: Differences,
    judge: Judge | None,
) -> list[RuleVerdict]:
    """Return a verdict for each demand of the rule."""
    row = found.get((rule.metric, rule.split or ALL))
    if METRICS[rule.metric].judged and row is not None and (doubt := judge_doubt(found.get((KAPPA, ALL)), judge)):
        reason = f"{rule.metric} {_short(row.value)} is not decisive: {doubt}"
        return [RuleVerdict(rule=rule, met=False, straddles=False, decisive=False, reason=reason)]
    verdicts = []
    if rule.minimum is not None:
        verdicts.append(_above(rule, rule.minimum, row))
    if rule.not_worse_than is not None and rule.margin is not None:
        verdicts.append(_not_worse(rule, rule.not_worse_than, rule.margin, variant, differences))
    return verdicts


def _above(rule: GateRule, minimum: float, row: QualityRow | None) -> RuleVerdict:
    name = rule.metric if rule.split in (None, ALL) else f"{rule.metric} on {rule.split}"
    if row is None:
        return RuleVerdict(rule=rule, met=False, straddles=False, reason=f"{name} was not measured")
    met = row.value >= minimum
    straddles = row.low < minimum <= row.high
    relation = "reaches" if met else "is below"
    notes = [f"95 % {_short(row.low)} to {_short(row.high)}, n={row.n}"]
    notes += [f"{row.left_out} not measurable"] if row.left_out else []
    notes += ["the interval holds the minimum"] if straddles else []
    notes += [METRICS[rule.metric].caveat] if METRICS[rule.metric].caveat else []
    reason = f"{name} {_short(row.value)} {relation} {_short(minimum)} ({'; '.join(notes)})"
    return RuleVerdict(rule=rule, met=met, straddles=straddles, reason=reason)


def _not_worse(rule: GateRule, other: str, margin: float, variant: str, differences: Differences) -> RuleVerdict:
    """Return whether the variant is non-inferior: the whole interval of its difference lies above -margin."""
    if variant == other:
        reason = f"{rule.metric} of {other} is what the others are compared with"
        return RuleVerdict(rule=rule, met=True, straddles=False, reason=reason)
    row, sign = differences.get((variant, other, rule.metric)), 1
    if row is None:
        row, sign = differences.get((other, variant, rule.metric)), -1
    if row is None:
        reason = f"{rule.metric} was not compared with {other}"
        return RuleVerdict(rule=rule, met=False, straddles=False, reason=reason)
    difference = sign * row.difference
    low, high = sorted((sign * row.low, sign * row.high))
    met = difference > -margin
    straddles = low <= -margin < high
    finding = "is" if met and not straddles else "may not be" if met else "is not"
    notes = f"difference {difference:+.3g}, 95 % {low:+.3g} to {high:+.3g}, n={row.n}"
    reason = f"{rule.metric} {finding} within {_short(margin)} of {other} ({notes})"
    return RuleVerdict(rule=rule, met=met, straddles=straddles, reason=reason)


def _verdict(approach: str, variant: str, rules: list[RuleVerdict], task: TaskKind) -> Verdict:
    decisive = [rule for rule in rules if rule.decisive]
    missed = [rule for rule in decisive if not rule.met]
    doubtful = [rule for rule in decisive if rule.straddles]
    told_right = any(is_correctness(rule.rule, task) for rule in decisive)
    outcome: Outcome = "fail" if missed or not told_right else "uncertain" if doubtful else "pass"
    shown = [*(missed or doubtful or decisive), *(rule for rule in rules if not rule.decisive)]
    reason = "; ".join(rule.reason for rule in shown)
    return Verdict(approach=approach, variant=variant, outcome=outcome, reason=reason, rules=tuple(rules))


def _short(value: float) -> str:
    return f"{value:.3g}"
