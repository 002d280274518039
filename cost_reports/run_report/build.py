"""From a run's records to its report. Pure: the same records give the same report, whatever their order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from contracts.money import ChargeRow
from contracts.run import PairedRow, QualityRow
from contracts.units import WIDE, to_decimal
from cost_reports.decide.recommendation import recommend
from cost_reports.metering.charges import exact_sum, sum_by, total
from cost_reports.metering.phases import PHASES, Phase, of_variant, share_out
from cost_reports.run_report.answer_groups import groups_of
from cost_reports.run_report.records import ReportError, RunRecords, VariantSpec
from cost_reports.run_report.report import (
    SCHEMA,
    Breakdown,
    Gate,
    MeteredLine,
    Metric,
    PairedDifference,
    Report,
    VariantResult,
)
from cost_reports.run_report.variance import variances

UNATTRIBUTED = "(no approach)"
PERCENT = Decimal("0.01")


def build_report(records: RunRecords) -> Report:
    """Return the report of a run.

    Raises:
        ReconcileError: the estimate of the run cannot be compared with its usage.
        ReportError: a number is NaN or infinite, a variant is not in `variants`, or a charge is not in USD-metered
            form; the message names the row.
    """
    everything = [c for phase in PHASES for c in records.charges.get(phase, ())]
    _check(records, everything)
    ladder = tuple(result for spec in records.variants if (result := _result(spec, records)) is not None)
    # Answering and serving that no variant bears: no approach, or an approach that answered nothing.
    running = total((*_of(records, "answering"), *_of(records, "serving")))
    return Report(
        schema=SCHEMA,
        header=records.header,
        accepted_metric=records.accepted_metric,
        ladder=ladder,
        total_usd=total(everything),
        one_time_usd=sum_by(_of(records, "one-time"), _approach),
        experiment_usd=sum_by(_of(records, "experiment"), _approach),
        judging_usd=total(_of(records, "judging")),
        unattributed_usd=WIDE.subtract(running, exact_sum(r.metered_usd for r in ladder)),
        breakdowns=_breakdowns(everything, records.charges),
        paired=tuple(_paired(row) for row in records.paired),
        recommendation=recommend(ladder, accepted_metric=records.accepted_metric, failed=records.failed),
        notes=tuple(records.notes),
        variance=variances(records.estimated, everything) if records.estimated else (),
    )


def _check(records: RunRecords, charges: Sequence[ChargeRow]) -> None:
    known = {(v.approach, v.variant) for v in records.variants}
    named = {(a.approach, a.variant) for a in records.answers} | {(q.approach, q.variant) for q in records.quality}
    if strangers := sorted(named - known):
        approach, variant = strangers[0]
        raise ReportError(f"variant {variant!r} of {approach} is not on the ladder of this report")
    for a in records.answers:
        _check_finite(a, ("latency_ms", "overhead_ms"), f"{a.approach} {a.variant}, {a.question_id}")
    for charge in charges:
        if charge.source != "metered":
            raise ReportError(f"charge of {charge.usage_type}: a run's report adds metered ones (got {charge.source})")


def _check_finite(row: object, names: Iterable[str], what: str) -> None:
    for name in names:
        if not math.isfinite(value := getattr(row, name)):
            raise ReportError(f"{name} of {what}: not a finite number (got {value})")


def percentile(values: Iterable[float], percent: int) -> float | None:
    """Return the nearest-rank percentile (the ceil(p n / 100)-th smallest value); None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(percent * len(ordered) / 100) - 1)]


def _result(spec: VariantSpec, records: RunRecords) -> VariantResult | None:
    """Return what a variant did and cost; None where it did nothing."""
    key = (spec.approach, spec.variant)
    rows = [a for a in records.answers if (a.approach, a.variant) == key]
    metrics = tuple(_metric(q) for q in records.quality if (q.approach, q.variant) == key)
    charges = of_variant(_of(records, "answering"), *key)
    if not rows and not metrics and not charges:
        return None
    good = [a for a in rows if a.error is None]
    latencies = [round(a.latency_ms, 1) for a in good]
    answering = total(charges)
    serving = total(of_variant(_of(records, "serving"), *key))
    serving = WIDE.add(serving, _serving_shares(spec.approach, records).get(spec.variant, Decimal(0)))
    metered = WIDE.add(answering, serving)
    accepted = _accepted(metrics, records.accepted_metric)
    return VariantResult(
        approach=spec.approach,
        variant=spec.variant,
        control=spec.control,
        metrics=metrics,
        gate=records.gates.get(key, Gate(outcome="not measured", reason="no quality rows")),
        model_ids=_distinct(a.model_id for a in rows),
        answers=len(good),
        errors=len(rows) - len(good),
        latency_p50_ms=percentile(latencies, 50),
        latency_p95_ms=percentile(latencies, 95),
        overhead_p50_ms=percentile((round(a.overhead_ms, 1) for a in good), 50),
        input_tokens=sum(a.input_tokens for a in rows),
        output_tokens=sum(a.output_tokens for a in rows),
        cached_tokens=sum(a.cached_tokens for a in rows),
        cache_write_tokens=sum(a.cache_write_5m_tokens + a.cache_write_1h_tokens for a in rows),
        groups=groups_of(rows, charges, serving),
        devices=_distinct(a.device for a in rows),
        revisions=_distinct(a.model_revision for a in rows),
        tiers=_distinct(a.service_tier for a in rows),
        accepted=accepted,
        answering_usd=answering,
        serving_usd=serving,
        metered_usd=metered,
        one_time_usd=_one_time(spec, records),
        per_1000_answers_usd=to_decimal(Fraction(metered) * 1000 / len(good)) if good else None,
        per_accepted_usd=to_decimal(Fraction(metered) / accepted) if accepted else None,
    )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))


def _of(records: RunRecords, phase: Phase) -> Sequence[ChargeRow]:
    return records.charges.get(phase, ())


def _serving_shares(approach: str, records: RunRecords) -> dict[str, Decimal]:
    """Share what the approach keeps running among its variants, by the milliseconds of their model calls."""
    amount = total(of_variant(_of(records, "serving"), approach, None))
    weights: dict[str, int] = {}
    for answer in records.answers:
        if answer.approach == approach:
            weights[answer.variant] = weights.get(answer.variant, 0) + round(answer.latency_ms)
    return share_out(amount, weights) if weights else {}


def _one_time(spec: VariantSpec, records: RunRecords) -> Decimal:
    return total(c for c in _of(records, "one-time") if c.approach in spec.needs and c.variant in (None, spec.variant))


def _accepted(metrics: Sequence[Metric], name: str) -> int | None:
    return next((round(m.value * m.n) for m in metrics if m.metric == name and m.split == "all"), None)


def _metric(row: QualityRow) -> Metric:
    _check_finite(row, ("value", "low", "high"), f"{row.metric} ({row.approach} {row.variant}, {row.split})")
    return Metric(
        metric=row.metric,
        split=row.split,
        value=row.value,
        low=row.low,
        high=row.high,
        n=row.n,
        left_out=row.left_out,
    )


def _paired(row: PairedRow) -> PairedDifference:
    what = f"the paired difference {row.a} - {row.b} in {row.metric}"
    _check_finite(row, ("difference", "low", "high", "p_value"), what)
    return PairedDifference(
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


def _approach(charge: ChargeRow) -> str:
    return charge.approach or UNATTRIBUTED


def _breakdowns(everything: Sequence[ChargeRow], charges: Mapping[Phase, Sequence[ChargeRow]]) -> tuple[Breakdown, ...]:
    """Return the total by phase and by each grouping; the lines of each grouping add up to it."""
    sums: dict[str, Mapping[str, Decimal]] = {
        "phase": {phase: total(charges.get(phase, ())) for phase in PHASES},
        "approach": sum_by(everything, _approach),
        "service": sum_by(everything, lambda c: c.service),
        "model": sum_by(everything, lambda c: c.model or "(no model)"),
        "day": dict(sorted(sum_by(everything, lambda c: c.day).items())),
    }
    whole = total(everything)
    groupings = [
        Breakdown(by=by, lines=tuple(_line(name, usd, whole) for name, usd in by_name.items()))
        for by, by_name in sums.items()
    ]
    return *groupings, Breakdown(by="usage type", lines=_usage_lines(everything, whole))


def _usage_lines(everything: Sequence[ChargeRow], whole: Decimal) -> tuple[MeteredLine, ...]:
    quantities: dict[tuple[str, str], Decimal] = {}
    for c in everything:
        if c.quantity is None or c.unit is None:
            raise ReportError(f"charge of {c.usage_type} has no quantity with a unit")
        key = _usage_key(c)
        quantities[key] = WIDE.add(quantities.get(key, Decimal(0)), c.quantity)
    sums = sum_by(everything, _usage_key)
    return tuple(_line(name, usd, whole, quantities[name, unit], unit) for (name, unit), usd in sums.items())


def _usage_key(charge: ChargeRow) -> tuple[str, str]:
    return f"{charge.service_code} {charge.usage_type}", charge.unit or ""


def _line(
    name: str, usd: Decimal, whole: Decimal, quantity: Decimal | None = None, unit: str | None = None
) -> MeteredLine:
    share = to_decimal(Fraction(usd) * 100 / Fraction(whole), PERCENT) if whole else None
    return MeteredLine(name=name, quantity=quantity, unit=unit, usd=usd, share=share)
