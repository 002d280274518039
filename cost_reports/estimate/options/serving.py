"""How a tuned model is served: a real-time endpoint, one that scales to zero, or Bedrock custom model import."""

from __future__ import annotations

from fractions import Fraction

from contracts.money import UsageRow
from contracts.units import HOURS_PER_MONTH
from cost_reports.estimate import gpu
from cost_reports.estimate.gpu import CapacityError
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.plan import MONTH_START, Part
from cost_reports.metering import meters
from cost_reports.metering.meters import MeterSpec, UsageRowFactory

SERVINGS = ("endpoint", "scale to zero", "model import")


def hosting_instance(inputs: EstimateInputs, parameters: int) -> str:
    """Return the experiment's hosting instance if the weights fit (2 bytes a parameter and a tenth), else the cheapest.

    Raises:
        CapacityError: the instance is unknown, or nothing is large enough.
    """
    return fitting_instance(inputs, inputs.hosting_instance, Fraction(parameters * 2 * 11, 10), meters.HOSTING)


def fitting_instance(inputs: EstimateInputs, preferred: str, needed: Fraction, meter: MeterSpec) -> str:
    """Return the preferred instance type if it holds `needed` bytes, else the cheapest with a price that does.

    `meter` is that of training or of hosting.

    Raises:
        CapacityError: the instance is unknown, nothing is large enough, or no instance has a price in the region.
    """
    if gpu.fits(gpu.instance_of(preferred), needed):
        return preferred
    prices = {}
    for name in gpu.INSTANCES:
        kind = meter.usage_type(inputs.region, name)
        tiers = inputs.catalogue.candidates(meter.service_code, kind, meter.operation, MONTH_START[:10])
        if tiers:
            prices[name] = Fraction(tiers[0].usd)
    if not prices:
        raise CapacityError(f"no instance has a price in region {inputs.region}")
    return gpu.smallest(needed, prices)


def serve(
    inputs: EstimateInputs,
    rows: UsageRowFactory,
    serving: str,
    variant: str = "fine-tuned",
    parameters: int | None = None,
) -> tuple[Part, ...]:
    """Return a real-time endpoint, one that scales to zero, or Bedrock custom model import.

    `parameters` are those of the served model; None: of the base model.

    Raises:
        ValueError: the way of serving is unknown.
        CapacityError: the base model or an instance is unknown, or nothing is large enough.
    """
    size = gpu.shape_of(inputs.base_model).parameters if parameters is None else parameters
    model = inputs.base_model if parameters is None else None
    if serving == "model import":
        return _imported(inputs, rows, gpu.import_units(size))
    if serving not in SERVINGS:
        raise ValueError(f"serving {serving!r} is unknown; known are {', '.join(SERVINGS)}")
    prompt = inputs.prompt(variant)
    instance = hosting_instance(inputs, size)
    rate = gpu.requests_per_second(
        size, gpu.instance_of(instance), input_tokens=prompt.input, output_tokens=prompt.output
    )

    def hours(amount: int | Fraction) -> tuple[UsageRow]:
        return (rows.row(meters.HOSTING, amount, "instance-hour", "hours", variety=instance, model=model),)

    month, capacity = hours(HOURS_PER_MONTH), inputs.monthly_capacity(rate)
    if serving == "endpoint":
        return (Part("unit", "capacity", month, capacity=capacity, minimum=1),)
    return _asleep(hours(inputs.value("endpoint_awake_minutes") / 60), month, capacity)


def _imported(inputs: EstimateInputs, rows: UsageRowFactory, units: int) -> tuple[Part, ...]:
    def minutes(amount: Fraction) -> tuple[UsageRow]:
        return (rows.row(meters.IMPORTED_MODEL_TIME, amount * units, source=f"minutes x {units} CMU"),)

    storage = rows.row(meters.IMPORTED_MODEL_STORAGE, units, source=f"{units} CMU")
    capacity = inputs.monthly_capacity(inputs.value("import_rate"))
    awake, month = minutes(inputs.value("import_awake_minutes")), minutes(Fraction(HOURS_PER_MONTH * 60))
    return Part("monthly", "storage", (storage,)), *_asleep(awake, month, capacity)


def _asleep(awake: tuple[UsageRow], month: tuple[UsageRow], capacity: Fraction) -> tuple[Part, ...]:
    """Return a unit that sleeps until it is asked, and more of them by peak load."""
    return (
        Part("awake", "capacity", awake, cap=month),
        Part("unit", "capacity", month, capacity=capacity, included=1),
    )
