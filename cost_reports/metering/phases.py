"""What a cost is for: getting ready once, answering, keeping something running, judging, or the experiment itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Literal, get_args

from contracts.aws_names import BEDROCK
from contracts.money import ChargeRow, UsageRow
from contracts.units import WIDE, to_decimal
from cost_reports.metering import meters
from cost_reports.metering.charges import Pricer, split_by_day
from cost_reports.prices.catalogue import Catalogue

Phase = Literal["one-time", "answering", "serving", "judging", "experiment"]
PHASES: tuple[Phase, ...] = get_args(Phase)

#: Steps whose whole usage is set-up: they run once, however many questions are asked later.
ONE_TIME_STEPS = ("ingest", "train")
#: Steps that hold what the judge's model used, and nothing else.
JUDGING_STEPS = "judge-"
#: Usage that lasts as long as something is kept ready to answer.
SERVING = tuple(
    meter.stem
    for meter in (meters.HOSTING, meters.OCU["search"], meters.AOSS_STORAGE, meters.DOMAIN_NODES, meters.DOMAIN_DISKS)
)
ONE_TIME = tuple(meter.stem for meter in (meters.TRAINING, meters.CUSTOM_MODEL_TRAINING, meters.OCU["indexing"]))


def phase_of(row: UsageRow, step: str = "") -> Phase:
    """Return the phase of a usage row; `step` is the step that wrote it (`answer-rag-00001`), if known.

    What carries a variant answered questions; embeddings without one were ingestion. Anything else (preparing,
    evaluating, state transitions) is the cost of the comparison; production does not pay it, and neither the judge.
    """
    if step.startswith(JUDGING_STEPS):
        return "judging"
    if step.startswith(ONE_TIME_STEPS) or any(name in row.usage_type for name in ONE_TIME):
        return "one-time"
    if any(name in row.usage_type for name in SERVING):
        return "serving"
    if row.variant is not None:
        return "answering"
    if row.service_code == BEDROCK and "mbed" in (row.model or ""):
        return "one-time"
    return "experiment"


def charge_phases(catalogue: Catalogue, usage: Iterable[tuple[str, UsageRow]]) -> dict[Phase, list[ChargeRow]]:
    """Return charges by phase of (step, usage row) pairs, whatever their order.

    Raises:
        PriceError: a row has no price; the message names it.
    """
    pricer = Pricer(catalogue)
    parts = [(phase_of(row, step), part) for step, row in usage for part in split_by_day(row)]
    parts.sort(key=lambda p: (p[1].start, p[1].end, p[1].service_code, p[1].usage_type, p[0], *_rest(p[1])))
    charges: dict[Phase, list[ChargeRow]] = {phase: [] for phase in PHASES}
    for phase, row in parts:
        charges[phase].append(pricer.charge(row))
    return charges


def share_out(amount: Decimal, weights: Mapping[str, int]) -> dict[str, Decimal]:
    """Divide `amount` in proportion to `weights`; the parts add up to it exactly.

    Each part is rounded to 12 decimals; what rounding leaves goes to the heaviest part (the first of them by name). All
    weights 0 means equal parts.

    Raises:
        ValueError: a weight is negative, or there is an amount and no weight.
    """
    if any(w < 0 for w in weights.values()):
        raise ValueError(f"weights must be 0 or more (got {dict(weights)})")
    if not weights:
        if amount:
            raise ValueError(f"{amount} USD cannot be shared out: there are no weights")
        return {}
    used = weights if any(weights.values()) else dict.fromkeys(weights, 1)
    whole = sum(used.values())
    parts = {name: to_decimal(Fraction(amount) * w / whole) for name, w in used.items()}
    rest = amount
    for part in parts.values():
        rest = WIDE.subtract(rest, part)
    heaviest = min(used, key=lambda name: (-used[name], name))
    parts[heaviest] = WIDE.add(parts[heaviest], rest)
    return parts


def of_variant(charges: Sequence[ChargeRow], approach: str, variant: str | None) -> list[ChargeRow]:
    """Return the charges of one variant of an approach, or (None) those that belong to the approach as a whole."""
    return [c for c in charges if c.approach == approach and c.variant == variant]


def _rest(row: UsageRow) -> tuple[str, ...]:
    return (row.operation, row.approach, row.variant or "", row.model or "", f"{row.amount:f}", row.source)
