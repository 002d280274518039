"""The golden rule on a measured run: the lowest approach that passes the gate, in its cheapest passing variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from cost_reports.run_report.report import Recommendation, VariantResult
from cost_reports.text import usd

RULE = "Golden rule: the lowest approach on the ladder that passes the gate, in its cheapest passing variant."


def recommend(ladder: Sequence[VariantResult], *, accepted_metric: str, failed: Mapping[str, str]) -> Recommendation:
    """Which variant to use, from measured quality and metered money; `ladder` is in rising order of approaches.

    Controls are never recommended. An `uncertain` verdict is taken, with a caveat, only where nothing of the same
    approach passes clearly. A higher approach that is cheaper for each accepted answer is named with the number of
    answers after which its one-time cost has paid for itself.
    """
    usable = [r for r in ladder if not r.control]
    caveats = [f"{approach} did not finish: {error}" for approach, error in failed.items()]
    if not any(r.gate.outcome != "not measured" for r in usable):
        return Recommendation(
            approach=None,
            variant=None,
            headline="No recommendation: no quality was measured.",
            reasons=(RULE,),
            caveats=tuple(caveats),
        )
    for approach in dict.fromkeys(r.approach for r in usable):
        of_approach = [r for r in usable if r.approach == approach]
        best = _cheapest(of_approach, "pass") or _cheapest(of_approach, "uncertain")
        if best is not None:
            return _chosen(best, usable, accepted_metric, caveats)
    return _nothing_passes(usable, accepted_metric, caveats)


def _cheapest(rungs: Sequence[VariantResult], outcome: str) -> VariantResult | None:
    found = [r for r in rungs if r.gate.outcome == outcome and r.per_1000_answers_usd is not None]
    return min(found, key=lambda r: (r.per_1000_answers_usd, r.variant), default=None)


def _chosen(
    best: VariantResult, usable: Sequence[VariantResult], accepted_metric: str, caveats: list[str]
) -> Recommendation:
    lower = list(dict.fromkeys(r.approach for r in usable))
    reasons = [RULE]
    for approach in lower[: lower.index(best.approach)]:
        reasons += [f"{_name(r)} does not pass: {r.gate.reason}." for r in usable if r.approach == approach]
    verb = "passes" if best.gate.outcome == "pass" else "may pass"
    reasons.append(f"{_name(best)} {verb}: {best.gate.reason}.")
    reasons.append(_price_of(best, accepted_metric))
    if best.gate.outcome == "uncertain":
        caveats.append("The 95 % interval reaches below the gate: ask more test questions before relying on it.")
    for other in usable[usable.index(best) + 1 :]:
        if (text := _cheaper(other, best)) is not None:
            reasons.append(text)
    return Recommendation(
        approach=best.approach,
        variant=best.variant,
        headline=f"Use {_name(best)}.",
        reasons=tuple(reasons),
        caveats=tuple(caveats),
    )


def _cheaper(other: VariantResult, best: VariantResult) -> str | None:
    """A sentence if `other` passes and costs less for each accepted answer."""
    if other.approach == best.approach or other.gate.outcome != "pass":
        return None
    if other.per_accepted_usd is None or best.per_accepted_usd is None:
        return None
    saving = best.per_accepted_usd - other.per_accepted_usd
    if saving <= 0:
        return None
    extra = other.one_time_usd - best.one_time_usd
    after = "at once"
    if extra > 0:
        after = f"after {-int(-Fraction(extra) / Fraction(saving) // 1):,} accepted answers"
    return (
        f"{_name(other)} passes too and costs {usd(saving)} less for each accepted answer; it pays"
        f" back {after}, if what it keeps running is used as fully as in this run."
    )


def _nothing_passes(usable: Sequence[VariantResult], accepted_metric: str, caveats: list[str]) -> Recommendation:
    reasons = [RULE, *(f"{_name(r)} does not pass: {r.gate.reason}." for r in usable)]
    scored = [(value, r) for r in usable if (value := _value(r, accepted_metric)) is not None]
    if scored:
        value, nearest = max(scored, key=lambda item: item[0])
        reasons.append(f"The best by {accepted_metric} is {_name(nearest)} with {value:.1%}.")
    return Recommendation(
        approach=None,
        variant=None,
        headline="No approach passes the gate.",
        reasons=tuple(reasons),
        caveats=tuple(caveats),
    )


def _value(rung: VariantResult, metric: str) -> float | None:
    return next((m.value for m in rung.metrics if m.metric == metric and m.split == "all"), None)


def _price_of(rung: VariantResult, accepted_metric: str) -> str:
    text = f"It cost {usd(rung.per_1000_answers_usd or Decimal(0))} for 1,000 answers"
    if rung.per_accepted_usd is not None:
        text += f" and {usd(rung.per_accepted_usd)} for each accepted one ({accepted_metric})"
    if rung.one_time_usd:
        text += f", after {usd(rung.one_time_usd)} once"
    return text + "."


def _name(rung: VariantResult) -> str:
    return f"{rung.approach} ({rung.variant})"
