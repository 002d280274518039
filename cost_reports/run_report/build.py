"""From a run's records to its report. Pure: the same records give the same report, whatever their order.

The records of the run are taken by their shape (protocols), so that this package needs none of the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from contracts.money import ChargeRow
from contracts.units import WIDE, to_decimal
from cost_reports.decide.recommendation import recommend
from cost_reports.metering.charges import exact_sum, sum_by, total
from cost_reports.metering.phases import PHASES, Phase, of_variant, share_out
from cost_reports.run_report.records import PairedLike, QualityLike, ReportError, RunRecords, VariantSpec
from cost_reports.run_report.report import SCHEMA, Breakdown, Gate, Line, Metric, Paired, Report, VariantResult
from cost_reports.run_report.variance import variances

UNATTRIBUTED = "(no approach)"
PERCENT = Decimal("0.01")


def build_report(records: RunRecords) -> Report:
    """The report of a run.

    Raises:
        ReconcileError: the estimate of the run cannot be compared with its usage.
        ReportError: a number is NaN or infinite, a variant is not in `variants`, or a charge is not in USD-metered
            form; the message names the row.
    """
    known = {(v.approach, v.variant) for v in records.variants}
    named = {(a.approach, a.variant) for a in records.answers} | {(q.approach, q.variant) for q in records.quality}
    if strangers := sorted(named - known):
        approach, variant = strangers[0]
        raise ReportError(f"variant {variant!r} of {approach} is not on the ladder of this report")
    for answer in records.answers:
        if not math.isfinite(answer.latency_ms) or not math.isfinite(answer.overhead_ms):
            raise ReportError(f"a latency of {answer.approach} {answer.variant} is no number ({answer.question_id})")
    for charge in (c for phase in PHASES for c in records.charges.get(phase, ())):
        if charge.source != "metered":
            raise ReportError(
                f"charge of {charge.usage_type} is {charge.source}; a run's report adds metered ones only"
            )
    ladder = tuple(rung for spec in records.variants if (rung := _rung(spec, records)) is not None)
    everything = [c for phase in PHASES for c in records.charges.get(phase, ())]
    homeless = _homeless(records, ladder)
    return Report(
        schema=SCHEMA,
        header=records.header,
        accepted_metric=records.accepted_metric,
        ladder=ladder,
        total_usd=total(everything),
        one_time_usd=_by_approach(records.charges.get("one-time", ())),
        experiment_usd=_by_approach(records.charges.get("experiment", ())),
        unattributed_usd=homeless,
        breakdowns=_breakdowns(everything, records.charges),
        paired=tuple(_paired(row) for row in records.paired),
        recommendation=recommend(ladder, accepted_metric=records.accepted_metric, failed=records.failed),
        notes=tuple(records.notes),
        variance=variances(records.estimated, everything) if records.estimated else (),
    )


def percentile(values: Iterable[float], percent: int) -> float | None:
    """The nearest-rank percentile (the ceil(p n / 100)-th smallest value); null of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(percent * len(ordered) / 100) - 1)]


def _rung(spec: VariantSpec, records: RunRecords) -> VariantResult | None:
    rows = [a for a in records.answers if (a.approach, a.variant) == (spec.approach, spec.variant)]
    metrics = tuple(_metric(q) for q in records.quality if (q.approach, q.variant) == (spec.approach, spec.variant))
    own = of_variant(_of(records, "answering"), spec.approach, spec.variant)
    if not rows and not metrics and not own:
        return None
    good = [a for a in rows if a.error is None]
    answering = total(own)
    serving = total(of_variant(_of(records, "serving"), spec.approach, spec.variant))
    serving = WIDE.add(serving, _serving_shares(spec.approach, records).get(spec.variant, Decimal(0)))
    metered = WIDE.add(answering, serving)
    accepted = _accepted(metrics, records.accepted_metric)
    return VariantResult(
        approach=spec.approach,
        variant=spec.variant,
        control=spec.control,
        metrics=metrics,
        gate=records.gates.get((spec.approach, spec.variant), Gate(outcome="not measured", reason="no quality rows")),
        model_ids=tuple(sorted({a.model_id for a in rows if a.model_id})),
        answers=len(good),
        errors=len(rows) - len(good),
        latency_p50_ms=percentile((round(a.latency_ms, 1) for a in good), 50),
        latency_p95_ms=percentile((round(a.latency_ms, 1) for a in good), 95),
        overhead_p50_ms=percentile((round(a.overhead_ms, 1) for a in good), 50),
        input_tokens=sum(a.input_tokens for a in rows),
        output_tokens=sum(a.output_tokens for a in rows),
        cached_tokens=sum(a.cached_tokens for a in rows),
        accepted=accepted,
        answering_usd=answering,
        serving_usd=serving,
        metered_usd=metered,
        one_time_usd=_one_time(spec, records),
        per_1000_answers_usd=to_decimal(Fraction(metered) * 1000 / len(good)) if good else None,
        per_accepted_usd=to_decimal(Fraction(metered) / accepted) if accepted else None,
    )


def _of(records: RunRecords, phase: Phase) -> Sequence[ChargeRow]:
    return records.charges.get(phase, ())


def _serving_shares(approach: str, records: RunRecords) -> dict[str, Decimal]:
    """What the approach keeps running, shared among its variants by the milliseconds of their model calls."""
    amount = total(of_variant(_of(records, "serving"), approach, None))
    weights: dict[str, int] = {}
    for answer in records.answers:
        if answer.approach == approach:
            weights[answer.variant] = weights.get(answer.variant, 0) + round(answer.latency_ms)
    return share_out(amount, weights) if weights else {}


def _homeless(records: RunRecords, ladder: Sequence[VariantResult]) -> Decimal:
    """Answering and serving charges that no variant bears: no approach, or an approach that answered nothing."""
    borne = exact_sum(r.metered_usd for r in ladder)
    return WIDE.subtract(exact_sum([total(_of(records, "answering")), total(_of(records, "serving"))]), borne)


def _one_time(spec: VariantSpec, records: RunRecords) -> Decimal:
    return total(c for c in _of(records, "one-time") if c.approach in spec.needs and c.variant in (None, spec.variant))


def _accepted(metrics: Sequence[Metric], name: str) -> int | None:
    found = [m for m in metrics if m.metric == name and m.split == "all"]
    return round(found[0].value * found[0].n) if found else None


def _metric(row: QualityLike) -> Metric:
    for name in ("value", "low", "high"):
        if not math.isfinite(getattr(row, name)):
            raise ReportError(f"{name} of {row.metric} ({row.approach} {row.variant}, {row.split}) is no number")
    return Metric(metric=row.metric, split=row.split, value=row.value, low=row.low, high=row.high, n=row.n)


def _paired(row: PairedLike) -> Paired:
    for name in ("difference", "low", "high", "p_value"):
        if not math.isfinite(getattr(row, name)):
            raise ReportError(f"{name} of the paired difference {row.a} - {row.b} in {row.metric} is no number")
    return Paired(
        metric=row.metric,
        a=row.a,
        b=row.b,
        n=row.n,
        difference=row.difference,
        low=row.low,
        high=row.high,
        p_value=row.p_value,
        method=row.method,
    )


def _by_approach(charges: Iterable[ChargeRow]) -> dict[str, Decimal]:
    return sum_by(charges, lambda c: c.approach or UNATTRIBUTED)


def _breakdowns(everything: Sequence[ChargeRow], charges: Mapping[Phase, Sequence[ChargeRow]]) -> tuple[Breakdown, ...]:
    whole = total(everything)
    phases = [Line(name=p, quantity=None, unit=None, usd=total(charges.get(p, ())), share=None) for p in PHASES]
    cuts = {
        "approach": sum_by(everything, lambda c: c.approach or UNATTRIBUTED),
        "service": sum_by(everything, lambda c: c.service),
        "model": sum_by(everything, lambda c: c.model or "(no model)"),
        "day": dict(sorted(sum_by(everything, lambda c: c.day).items())),
    }
    result = [Breakdown(by="phase", lines=tuple(_with_share(line, whole) for line in phases))]
    for by, sums in cuts.items():
        lines = [Line(name=k, quantity=None, unit=None, usd=usd, share=None) for k, usd in sums.items()]
        result.append(Breakdown(by=by, lines=tuple(_with_share(line, whole) for line in lines)))
    result.append(
        Breakdown(by="usage type", lines=tuple(_with_share(line, whole) for line in _usage_lines(everything)))
    )
    return tuple(result)


def _usage_lines(everything: Sequence[ChargeRow]) -> list[Line]:
    quantities: dict[tuple[str, str], Decimal] = {}
    for c in everything:
        if c.quantity is None or c.unit is None:
            raise ReportError(f"charge of {c.usage_type} has no quantity with a unit")
        key = (f"{c.service_code} {c.usage_type}", c.unit)
        quantities[key] = WIDE.add(quantities.get(key, Decimal(0)), c.quantity)
    sums = sum_by(everything, lambda c: (f"{c.service_code} {c.usage_type}", c.unit or ""))
    return [Line(name=n, quantity=quantities[n, u], unit=u, usd=usd, share=None) for (n, u), usd in sums.items()]


def _with_share(line: Line, whole: Decimal) -> Line:
    share = to_decimal(Fraction(line.usd) * 100 / Fraction(whole), PERCENT) if whole else None
    return Line(name=line.name, quantity=line.quantity, unit=line.unit, usd=line.usd, share=share)
