"""The golden rule in plain words: on a measured run, and on estimated options whose quality was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from cost_reports.decide.curve import PricedOption
from cost_reports.decide.decision import Candidate, Quality
from cost_reports.decide.uncertainty import Chance
from cost_reports.estimate.gaps import unpriced
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.run_report.report import Recommendation, VariantResult
from cost_reports.text import usd

RULE = "Golden rule: the lowest approach on the ladder that passes the gate, in its cheapest passing variant."
NOT_MEASURED = "No recommendation: no quality was measured."
NOTHING_PASSES = "No approach passes the gate."
ASK_MORE = "95 % interval reaches below the gate: ask more test questions before relying on it."
SURE = 0.9
"""The probability at which a higher approach is preferred to a lower one that passes."""


def recommend(ladder: Sequence[VariantResult], *, accepted_metric: str, failed: Mapping[str, str]) -> Recommendation:
    """Return which variant to use, from measured quality and metered money; `ladder` is in rising order of approaches.

    Controls are never recommended. An `uncertain` verdict is taken, with a caveat, only where nothing of the same
    approach passes clearly. A higher approach that is cheaper for each accepted answer is named with the number of
    answers after which its one-time cost has paid for itself.
    """
    usable = [r for r in ladder if not r.control]
    caveats = [f"{approach} did not finish: {error}" for approach, error in failed.items()]
    if not any(r.gate.outcome != "not measured" for r in usable):
        return _recommendation(None, NOT_MEASURED, [RULE], caveats)
    for approach in dict.fromkeys(r.approach for r in usable):
        of_approach = [r for r in usable if r.approach == approach]
        best = _cheapest(of_approach, "pass") or _cheapest(of_approach, "uncertain")
        if best is not None:
            return _use(best, usable, accepted_metric, caveats)
    reasons = [RULE, *map(_does_not_pass, usable)]
    scored = [(value, r) for r in usable if (value := _value(r, accepted_metric)) is not None]
    if scored:
        value, nearest = max(scored, key=lambda item: item[0])
        reasons.append(f"The best by {accepted_metric} is {_name(nearest)} with {value:.1%}.")
    return _recommendation(None, NOTHING_PASSES, reasons, caveats)


def _recommendation(
    best: VariantResult | None, headline: str, reasons: Sequence[str], caveats: Sequence[str]
) -> Recommendation:
    return Recommendation(
        approach=best.approach if best else None,
        variant=best.variant if best else None,
        headline=headline,
        reasons=tuple(reasons),
        caveats=tuple(caveats),
    )


def _cheapest(results: Sequence[VariantResult], outcome: str) -> VariantResult | None:
    priced = [r for r in results if r.gate.outcome == outcome and r.per_1000_answers_usd is not None]
    return min(priced, key=lambda r: (r.per_1000_answers_usd, r.variant), default=None)


def _use(
    best: VariantResult, usable: Sequence[VariantResult], accepted_metric: str, caveats: list[str]
) -> Recommendation:
    approaches = list(dict.fromkeys(r.approach for r in usable))
    lower = approaches[: approaches.index(best.approach)]
    verb = "passes" if best.gate.outcome == "pass" else "may pass"
    reasons = [
        RULE,
        *(_does_not_pass(r) for approach in lower for r in usable if r.approach == approach),
        f"{_name(best)} {verb}: {best.gate.reason}.",
        _price_of(best, accepted_metric),
        *(text for other in usable[usable.index(best) + 1 :] if (text := _cheaper(other, best)) is not None),
    ]
    unknown = [r for r in usable[: usable.index(best)] if r.gate.outcome == "not measured" and r.approach in lower]
    if unknown:
        named = ", ".join(map(_name, unknown))
        caveats = [*caveats, f"A lower rung may do as well: {named} was not measured."]
    if best.gate.outcome == "uncertain":
        caveats = [*caveats, f"The {ASK_MORE}"]
    return _recommendation(best, f"Use {_name(best)}.", reasons, caveats)


def _cheaper(other: VariantResult, best: VariantResult) -> str | None:
    """Return a sentence if `other` passes and costs less for each accepted answer."""
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


def _does_not_pass(result: VariantResult) -> str:
    if result.gate.outcome == "not measured":
        return f"{_name(result)} was not measured: {result.gate.reason}."
    return f"{_name(result)} does not pass: {result.gate.reason}."


def _value(result: VariantResult, metric: str) -> float | None:
    return next((m.value for m in result.metrics if m.metric == metric and m.split == "all"), None)


def _price_of(result: VariantResult, accepted_metric: str) -> str:
    text = f"It cost {usd(result.per_1000_answers_usd or Decimal(0))} for 1,000 answers"
    if result.per_accepted_usd is not None:
        text += f" and {usd(result.per_accepted_usd)} for each accepted one ({accepted_metric})"
    if result.one_time_usd:
        text += f", after {usd(result.one_time_usd)} once"
    return text + "."


def _name(result: VariantResult) -> str:
    return f"{result.approach} ({result.variant})"


def advice(
    candidates: Sequence[Candidate],
    passing: Sequence[PricedOption],
    chances: Sequence[Chance],
    measured: Mapping[tuple[str, str], Quality],
) -> tuple[str, list[str], PricedOption | None]:
    """Return headline, reasons, and the advised option with its curve; None where nothing can be recommended.

    `passing` are the options whose measured quality passes or may pass, `chances` how they did in random trials. What
    only may pass is taken where nothing of the lowest approach passes clearly, and never in place of a lower approach.
    """
    if not measured:
        cheapest = min(candidates, key=lambda c: c.total_usd)
        reason = (
            f"By cost alone {cheapest.phrase} is the cheapest at this volume. Whether its answers are good enough is"
            " not known: run the experiment and give its report.json."
        )
        return NOT_MEASURED, [reason], None
    if not passing:
        tried = "; ".join(f"{approach} ({variant}): {q.reason}" for (approach, variant), q in measured.items())
        return NOTHING_PASSES, [f"Measured: {tried}."], None
    totals = {c.name: c.total_usd for c in candidates}
    clear = [(o, c) for o, c in passing if measured[o.approach, o.variant].outcome == "pass"]
    lowest_approach = passing[0][0].approach
    of_lowest = [[p for p in pairs if p[0].approach == lowest_approach] for pairs in (clear, passing)]
    advised = min(of_lowest[0] or of_lowest[1], key=lambda p: totals[p[0].name])
    lowest = advised[0]
    reasons = [
        f"Golden rule: the lowest approach that passes the gate is {lowest.approach}; its cheapest passing variant"
        f" is {lowest.variant} ({lowest.setup})."
    ]
    if measured[lowest.approach, lowest.variant].outcome == "uncertain":
        reasons.append(f"Its {ASK_MORE}")
    for (approach, variant), q in measured.items():
        if q.outcome == "fail":
            reasons.append(f"{approach} ({variant}) does not pass: {q.reason}.")
    higher = [(o, c) for o, c in clear if o.approach != lowest.approach]
    chance = {c.name: c for c in chances}
    cheaper = {o.name: chance[o.name].cheaper_than[lowest.name] for o, _ in higher}
    surely = [(o, c) for o, c in higher if cheaper[o.name] >= SURE]
    if surely:
        advised = max(surely, key=lambda p: chance[p[0].name].cheapest_per_accepted)
        reasons.append(
            f"{advised[0].phrase} is cheaper for each accepted answer with a"
            f" probability of {cheaper[advised[0].name]:.0%}, which outweighs the golden rule."
        )
    elif higher:
        reasons.append(
            f"No higher approach is cheaper for each accepted answer with a probability of {SURE:.0%} or more"
            f" (the highest is {max(cheaper.values()):.0%})."
        )
    return f"Use {advised[0].phrase}.", reasons, advised


def unknowns(
    measured: Mapping[tuple[str, str], Quality], best: Sequence[PricedOption], inputs: EstimateInputs
) -> list[str]:
    """Return what the decision does not know, one sentence each."""
    sentences = []
    if not inputs.measured:
        sentences.append("Tokens of a request are counted from the experiment's files, not measured.")
    silent = [f"{o.approach} ({o.variant})" for o, _ in best if (o.approach, o.variant) not in measured]
    if silent:
        sentences.append(f"Quality was not measured for {', '.join(silent)}; they cannot be recommended.")
    if inputs.workload.answer_value() is None:
        sentences.append("The experiment states no value of an accepted answer, so there is no return on investment.")
    if inputs.workload.hourly_wage_usd is None:
        sentences.append("The experiment states no wage, so the hours of building an approach cost nothing here.")
    return [*sentences, *(f"Not compared: {text}." for text in unpriced(inputs))]
