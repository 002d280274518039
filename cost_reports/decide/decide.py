"""The decision: cheapest by volume, break-even, cost of an accepted answer and of a point of quality, and advice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from typing import TypeVar

from contracts.units import to_decimal
from cost_reports.decide.curve import Curve, PricedOption, crossings, envelope
from cost_reports.decide.decision import SCHEMA, Bound, BreakEven, Candidate, Decision, Quality, Series, VolumeRange
from cost_reports.decide.frontier import dominance, point_costs
from cost_reports.decide.recommendation import advice, unknowns
from cost_reports.decide.uncertainty import monte_carlo, sensitivity
from cost_reports.decide.unpriced_bounds import Lacking, bounds, sentences
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.options.ladder import all_options
from cost_reports.estimate.plan import Option
from cost_reports.estimate.workload import ExactWorkload
from cost_reports.prices.quote import Quoter
from cost_reports.run_report.report import Outcome, Report

TOP = 10**7
"""Requests a month up to which the cheapest approach is looked for."""

K = TypeVar("K", bound=Hashable)
Pairs = Sequence[PricedOption]


def quality_of(report: Report) -> dict[tuple[str, str], Quality]:
    """Return measured quality by (approach, variant) of a run's report; controls are left out."""
    return {
        (r.approach, r.variant): Quality(
            value=m.value, low=m.low, high=m.high, outcome=r.gate.outcome, reason=r.gate.reason
        )
        for r in report.ladder
        for m in r.metrics
        if not r.control and m.metric == report.accepted_metric and m.split == "all"
    }


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

    Rates that are not published are in no cost: options are compared at what is known. The decision says which could
    cost more, and from which price of the unknown on another one would be taken (`Decision.bounds`). `simulated`: what
    the report of the run whose quality it is says of a stand-in for AWS.

    Raises:
        PriceError, CapacityError, ContextError, WorkloadError: an option cannot be estimated; the message names why.
    """
    measured = dict(quality or {})
    top = top or max(TOP, max(inputs.workload.volumes()))
    quoter = Quoter(inputs.catalogue)
    pairs = [(o, quoter.curve(o)) for o in all_options(inputs) if o.interactive]
    volumes = inputs.workload.volumes()
    best = _cheapest_by(pairs, volumes, lambda o: (o.approach, o.variant))
    passing = [(o, c) for o, c in pairs if _outcome(measured, o) in ("pass", "uncertain")]
    best_passing = [(o, c) for o, c in best if _outcome(measured, o) in ("pass", "uncertain")]
    chances = monte_carlo(
        [(o.name, c, _interval(measured, o)) for o, c in best_passing], inputs.workload, seed=seed, samples=samples
    )
    lacking = {o.name: quoter.unknown(o) for o, _ in pairs}
    candidates = _candidates(best, measured, inputs.workload, lacking)
    headline, reasons, advised = advice(candidates, best_passing, chances, measured)
    limits = _bounds(best, pairs, passing, advised, lacking, volumes)
    if advised is not None:
        reasons += sentences([b for b in limits if b.name == advised[0].name])
    moved = advised or min(best_passing or best, key=lambda pair: pair[1].total(volumes))
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
        flips=tuple(sensitivity(moved, best_passing or best, inputs.workload)),
        chances=tuple(chances),
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
    advised: PricedOption | None,
    lacking: Lacking,
    volumes: Sequence[int],
) -> list[Bound]:
    """Bound each variant's best setup against its other setups, and the advised option against all that pass."""
    limits = []
    for option, curve in best:
        same = [(o, c) for o, c in pairs if (o.approach, o.variant) == (option.approach, option.variant)]
        others = passing if advised is not None and option.name == advised[0].name else same
        limits += bounds((option, curve), others, lacking, volumes)
    return limits


def _outcome(measured: Mapping[tuple[str, str], Quality], option: Option) -> Outcome:
    quality = measured.get((option.approach, option.variant))
    return quality.outcome if quality else "not measured"


def _interval(measured: Mapping[tuple[str, str], Quality], option: Option) -> tuple[float, float, float]:
    quality = measured[option.approach, option.variant]
    return quality.low, quality.value, quality.high


def _cheapest_by(pairs: Pairs, volumes: Sequence[int], key: Callable[[Option], K]) -> list[PricedOption]:
    """Return for each key the option that is cheapest over the horizon; the first one if two cost the same."""
    cheapest: dict[K, tuple[PricedOption, Fraction]] = {}
    for option, curve in pairs:
        total = curve.total(volumes)
        if key(option) not in cheapest or total < cheapest[key(option)][1]:
            cheapest[key(option)] = (option, curve), total
    return [pair for pair, _ in cheapest.values()]


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
    candidates = []
    for option, _ in best:
        name, total = option.name, totals[option.name]
        accepted = asked * shares[name] if name in shares else None
        value = accepted * worth if accepted is not None and worth is not None else None
        candidates.append(
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
    return candidates


def _ranges(pairs: Pairs, top: int, months: int) -> tuple[VolumeRange, ...]:
    return tuple(
        VolumeRange(low=i.low, high=i.high, approach=o.approach, variant=o.variant, setup=o.setup)
        for i in envelope([c for _, c in pairs], top, months)
        for o in (pairs[i.winner][0],)
    )


def _series(pairs: Pairs, ranges: Sequence[VolumeRange], top: int, months: int) -> list[Series]:
    """Return the cheapest of each approach at four volumes in each power of ten, and where the cheapest changes."""
    steps = sorted({v for e in range(8) for v in (10**e, 18 * 10**e // 10, 10**e * 3, 56 * 10**e // 10) if v <= top})
    steps = sorted({*steps, top, *(r.low for r in ranges[:50])})
    curves: dict[str, list[Curve]] = {}
    for option, curve in pairs:
        curves.setdefault(option.approach, []).append(curve)
    return [
        Series(
            name=approach,
            approach=approach,
            points=tuple((v, to_decimal(min(c.total([v] * months) for c in of_approach))) for v in steps),
        )
        for approach, of_approach in curves.items()
    ]


def _break_even(best: Pairs, volumes: Sequence[int], top: int) -> list[BreakEven]:
    """Return each pair of approaches, by the variant of each that is cheapest over the horizon."""
    entries = []
    for (a, curve_a), (b, curve_b) in combinations(_cheapest_by(best, volumes, lambda o: o.approach), 2):
        turns = crossings(curve_a, curve_b, top, len(volumes))
        entries.append(
            BreakEven(
                lower=a.name,
                higher=b.name,
                from_volume=tuple(volume for volume, _ in turns),
                cheaper=tuple((a.approach, b.approach)[winner] for _, winner in turns),
                month=payback_month(curve_a, curve_b, volumes),
            )
        )
    return entries


def payback_month(a: Curve, b: Curve, volumes: Sequence[int]) -> int | None:
    """Return the first month (from 1) at whose end the one with the higher one-time cost has cost less in all.

    None where that does not happen.
    """
    higher, lower = (b, a) if b.once >= a.once else (a, b)
    for month in range(1, len(volumes) + 1):
        if higher.total(volumes[:month]) < lower.total(volumes[:month]):
            return month
    return None
