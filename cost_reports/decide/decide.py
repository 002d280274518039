"""The decision: cheapest by volume, break-even, cost of an accepted answer and of a point of quality, and advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from contracts.units import to_decimal
from cost_reports.decide.advice import Pairs, advice, unknowns
from cost_reports.decide.curve import Curve, crossings, envelope
from cost_reports.decide.decision import SCHEMA, Bound, BreakEven, Candidate, Decision, Quality, Series, VolumeRange
from cost_reports.decide.frontier import dominance, point_costs
from cost_reports.decide.uncertainty import chances, flips
from cost_reports.decide.unpriced_bounds import bounds, sentences
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.options.ladder import all_options
from cost_reports.estimate.plan import Option
from cost_reports.estimate.workload import ExactWorkload
from cost_reports.prices.quote import Quoter, Unknown
from cost_reports.run_report.report import Outcome, Report

TOP = 10**7
"""Requests a month up to which the cheapest approach is looked for."""

Lacking = Mapping[str, Sequence[Unknown]]


def quality_of(report: Report) -> dict[tuple[str, str], Quality]:
    """Measured quality by (approach, variant) of a run's report; controls are left out."""
    found = {}
    for rung in report.ladder:
        metric = next((m for m in rung.metrics if m.metric == report.accepted_metric and m.split == "all"), None)
        if metric is not None and not rung.control:
            found[rung.approach, rung.variant] = Quality(
                value=metric.value,
                low=metric.low,
                high=metric.high,
                outcome=rung.gate.outcome,
                reason=rung.gate.reason,
            )
    return found


#: Variant of a report -> name of its prompt.
PROMPTS = {"lora": "fine-tuned", "lora+rag": "fine-tuned+rag"}


def tokens_of(report: Report) -> dict[str, tuple[Fraction, Fraction]]:
    """Return mean input and output tokens of a request, by prompt, as metered in a run (`EstimateInputs.measured`)."""
    return {
        PROMPTS.get(r.variant, r.variant): (Fraction(r.input_tokens, r.answers), Fraction(r.output_tokens, r.answers))
        for r in report.ladder
        if r.answers and not r.control and r.input_tokens
    }


def decide(
    inputs: EstimateInputs,
    quality: Mapping[tuple[str, str], Quality] | None = None,
    *,
    top: int | None = None,
    seed: int = 20261123,
    samples: int = 1000,
    simulated: tuple[str, ...] = (),
) -> Decision:
    """Compare the options that answer at once, up to `top` requests a month (10 million, or as many as are expected).

    Rates that nobody publishes are in no cost: options are compared at what is known, and the decision says which
    could cost more, and from which price of the unknown on another one would be taken (`Decision.bounds`).
    `simulated`: what the report of the run whose quality it is says of a stand-in for AWS.

    Raises:
        PriceError, CapacityError, ContextError, WorkloadError: as for `estimate`.
    """
    measured = dict(quality or {})
    top = top or max(TOP, max(inputs.workload.volumes()))
    quoter = Quoter(inputs.catalogue)
    pairs = [(o, quoter.curve(o)) for o in all_options(inputs) if o.interactive]
    volumes = inputs.workload.volumes()
    best = _best_setups(pairs, volumes)
    passing = [(o, c) for o, c in pairs if _outcome(measured, o) in ("pass", "uncertain")]
    best_passing = [(o, c) for o, c in best if _outcome(measured, o) in ("pass", "uncertain")]
    likely = chances(
        [(o.name, c, _interval(measured, o)) for o, c in best_passing], inputs.workload, seed=seed, samples=samples
    )
    lacking = {o.name: quoter.unknown(o) for o, _ in pairs}
    candidates = _candidates(best, measured, inputs.workload, lacking)
    headline, reasons, chosen = advice(candidates, best_passing, likely, measured)
    limits = _bounds(best, pairs, passing, chosen, lacking, volumes)
    if chosen is not None:
        reasons += sentences([b for b in limits if b.name == chosen[0].name])
    moved = chosen or min(best_passing or best, key=lambda pair: pair[1].total(volumes))
    ranges = _ranges(passing or pairs, top, len(volumes))
    return Decision(
        schema=SCHEMA,
        experiment=inputs.experiment,
        requests_per_month=inputs.workload.requests_per_month,
        horizon_months=inputs.workload.horizon_months,
        measured=bool(measured),
        headline=headline,
        reasons=tuple(reasons),
        unknowns=(*unknowns(measured, best, inputs), *sentences(limits)),
        candidates=tuple(candidates),
        cheapest=_ranges(pairs, top, len(volumes)) if passing else ranges,
        cheapest_passing=ranges if passing else (),
        break_even=tuple(_break_even(best_passing or best, volumes, top)),
        flips_of=moved[0].name,
        flips=tuple(flips(moved, best_passing or best, inputs.workload)),
        chances=tuple(likely),
        series=tuple(_series(passing or pairs, ranges, top, len(volumes))),
        bounds=tuple(limits),
        at_least=tuple(name for name, unknown in lacking.items() if unknown),
        simulated=simulated,
        seed=seed,
    )


def _bounds(
    best: Pairs,
    pairs: Pairs,
    passing: Pairs,
    chosen: tuple[Option, Curve] | None,
    lacking: Lacking,
    volumes: Sequence[int],
) -> list[Bound]:
    """Of each variant's best setup against its other setups; of the advised option against all that pass."""
    found = []
    for option, curve in best:
        same = [(o, c) for o, c in pairs if (o.approach, o.variant) == (option.approach, option.variant)]
        others = passing if chosen is not None and option.name == chosen[0].name else same
        found += bounds((option, curve), others, lacking, volumes)
    return found


def _outcome(measured: Mapping[tuple[str, str], Quality], option: Option) -> Outcome:
    found = measured.get((option.approach, option.variant))
    return found.outcome if found else "not measured"


def _interval(measured: Mapping[tuple[str, str], Quality], option: Option) -> tuple[float, float, float]:
    found = measured[option.approach, option.variant]
    return found.low, found.value, found.high


def _best_setups(pairs: Pairs, volumes: Sequence[int]) -> list[tuple[Option, Curve]]:
    """For each variant the setup that is cheapest over the horizon; the first one if two cost the same."""
    found: dict[tuple[str, str], tuple[Option, Curve, Fraction]] = {}
    for option, curve in pairs:
        key, total = (option.approach, option.variant), curve.total(volumes)
        if key not in found or total < found[key][2]:
            found[key] = (option, curve, total)
    return [(o, c) for o, c, _ in found.values()]


def _candidates(
    best: Pairs, measured: Mapping[tuple[str, str], Quality], workload: ExactWorkload, lacking: Lacking
) -> list[Candidate]:
    volumes = workload.volumes()
    asked = sum(volumes)
    worth = workload.answer_value()
    totals = {o.name: c.total(volumes) for o, c in best}
    shares = {
        o.name: Fraction(repr(measured[key].value)) for o, _ in best if (key := (o.approach, o.variant)) in measured
    }
    dominated = dominance({name: (totals[name], q) for name, q in shares.items()})
    points = point_costs({n: (totals[n], q) for n, q in shares.items() if n not in dominated})
    found = []
    for option, _ in best:
        name, total = option.name, totals[option.name]
        accepted = asked * shares[name] if name in shares else None
        value = accepted * worth if accepted is not None and worth is not None else None
        found.append(
            Candidate(
                approach=option.approach,
                variant=option.variant,
                setup=option.setup,
                outcome=_outcome(measured, option),
                quality=float(shares[name]) if name in shares else None,
                total_usd=to_decimal(total),
                per_request_usd=to_decimal(total / asked) if asked else Decimal(0),
                per_accepted_usd=to_decimal(total / accepted) if accepted else None,
                value_usd=to_decimal(value) if value is not None else None,
                roi=to_decimal((value - total) / total, Decimal("0.01")) if value is not None and total else None,
                dominated_by=dominated.get(name),
                point_usd=to_decimal(points[name]) if name in points else None,
                at_least=bool(lacking[name]),
            )
        )
    return found


def _ranges(pairs: Pairs, top: int, months: int) -> tuple[VolumeRange, ...]:
    found = envelope([c for _, c in pairs], top, months)
    return tuple(
        VolumeRange(low=i.low, high=i.high, approach=o.approach, variant=o.variant, setup=o.setup)
        for i in found
        for o in (pairs[i.winner][0],)
    )


def _series(pairs: Pairs, ranges: Sequence[VolumeRange], top: int, months: int) -> list[Series]:
    """The cheapest of each approach at four volumes in each power of ten, and where another becomes the cheapest."""
    steps = sorted({v for e in range(8) for v in (10**e, 18 * 10**e // 10, 10**e * 3, 56 * 10**e // 10) if v <= top})
    steps = sorted({*steps, top, *(r.low for r in ranges[:50])})
    lines: dict[str, list[tuple[Option, Curve]]] = {}
    for option, curve in pairs:
        lines.setdefault(option.approach, []).append((option, curve))
    return [
        Series(
            name=approach,
            approach=approach,
            points=tuple((v, to_decimal(min(c.total([v] * months) for _, c in own))) for v in steps),
        )
        for approach, own in lines.items()
    ]


def _break_even(best: Pairs, volumes: Sequence[int], top: int) -> list[BreakEven]:
    """Each pair of approaches, by the variant of each that is cheapest over the horizon."""
    by_approach: dict[str, tuple[Option, Curve]] = {}
    for option, curve in best:
        known = by_approach.get(option.approach)
        if known is None or curve.total(volumes) < known[1].total(volumes):
            by_approach[option.approach] = (option, curve)
    found = []
    chosen = list(by_approach.values())
    for n, (a, curve_a) in enumerate(chosen):
        for b, curve_b in chosen[n + 1 :]:
            cross = crossings(curve_a, curve_b, top, len(volumes))
            found.append(
                BreakEven(
                    lower=a.name,
                    higher=b.name,
                    from_volume=tuple(v for v, _ in cross),
                    cheaper=tuple((a.approach, b.approach)[w] for _, w in cross),
                    month=payback_month(curve_a, curve_b, volumes),
                )
            )
    return found


def payback_month(a: Curve, b: Curve, volumes: Sequence[int]) -> int | None:
    """The first month (from 1) at whose end the one with the higher one-time cost has cost less in all; else null."""
    dear, cheap = (b, a) if b.once >= a.once else (a, b)
    for month in range(1, len(volumes) + 1):
        if dear.total(volumes[:month]) < cheap.total(volumes[:month]):
            return month
    return None
