"""How a tuned model is served: a real-time endpoint, one that scales to zero, or Bedrock custom model import."""

from __future__ import annotations

from fractions import Fraction

from contracts.money import UsageRow
from contracts.units import HOURS_PER_MONTH
from cost_reports.estimate import gpu
from cost_reports.estimate.gpu import CapacityError
from cost_reports.estimate.options import EstimateInputs
from cost_reports.estimate.plan import Part, UsageRowFactory

SERVINGS = ("endpoint", "scale to zero", "model import")


def hosting_instance(s: EstimateInputs, parameters: int) -> str:
    """The experiment's hosting instance if the weights fit (2 bytes a parameter and a tenth), else the cheapest.

    Raises:
        CapacityError: the instance is unknown, or nothing is large enough.
    """
    needed = Fraction(parameters * 2 * 11, 10)
    if gpu.fits(gpu.instance_of(s.hosting_instance), needed):
        return s.hosting_instance
    return gpu.smallest(needed, hourly(s, "Host"))


def hourly(s: EstimateInputs, kind: str) -> dict[str, Fraction]:
    """USD an hour of every instance type that has a price; `kind` is `Train` or `Host`.

    Raises:
        CapacityError: none has a price in the region.
    """
    prices = {}
    for name in gpu.INSTANCES:
        row = s.maker("", "").row("AmazonSageMaker", f"{kind}:{name}", "RunInstance", 1, "instance-hour", "")
        found = s.catalogue.candidates(row.service_code, row.usage_type, row.operation, row.start[:10])
        if found:
            prices[name] = Fraction(found[0].usd)
    if not prices:
        raise CapacityError(f"no instance has a price in region {s.region}")
    return prices


def serve(
    s: EstimateInputs, make: UsageRowFactory, serving: str, variant: str = "fine-tuned", parameters: int | None = None
) -> tuple[Part, ...]:
    """A real-time endpoint, one that scales to zero, or Bedrock custom model import.

    `parameters` of the model that is served; null = those of the base model.

    Raises:
        ValueError: the way of serving is unknown.
        CapacityError: the base model or an instance is unknown, or nothing is large enough.
    """
    size = gpu.shape_of(s.base_model).parameters if parameters is None else parameters
    model = s.base_model if parameters is None else None
    if serving == "model import":
        return _imported(s, make, gpu.import_units(size))
    if serving not in SERVINGS:
        raise ValueError(f"serving {serving!r} is unknown; known are {', '.join(SERVINGS)}")
    prompt = s.prompt(variant)
    instance = hosting_instance(s, size)
    rate = gpu.requests_per_second(
        size, gpu.instance_of(instance), input_tokens=prompt.input, output_tokens=prompt.output
    )

    def hours(amount: int | Fraction) -> UsageRow:
        return make.row("AmazonSageMaker", f"Host:{instance}", "RunInstance", amount, "instance-hour", "hours", model)

    month = (hours(HOURS_PER_MONTH),)
    capacity = s.monthly_capacity(rate)
    if serving == "endpoint":
        return (Part(growth="unit", driver="capacity", rows=month, capacity=capacity, minimum=1),)
    awake = s.value("endpoint_awake_minutes") / 60
    return (
        Part(growth="awake", driver="capacity", rows=(hours(awake),), cap=month),
        Part(growth="unit", driver="capacity", rows=month, capacity=capacity, included=1),
    )


def _imported(s: EstimateInputs, make: UsageRowFactory, units: int) -> tuple[Part, ...]:
    kind = "CustomModelImport-v1"

    def minutes(amount: Fraction) -> UsageRow:
        name = f"{kind}-Inference"
        return make.row("AmazonBedrock", name, "InvokeModel", amount * units, "CMU-minute", f"minutes x {units} CMU")

    month = (minutes(Fraction(HOURS_PER_MONTH * 60)),)
    storage = make.row("AmazonBedrock", f"{kind}-Storage", "ImportModel", units, "CMU-month", f"{units} CMU")
    capacity = s.monthly_capacity(s.value("import_rate"))
    return (
        Part(growth="monthly", driver="storage", rows=(storage,)),
        Part(growth="awake", driver="capacity", rows=(minutes(s.value("import_awake_minutes")),), cap=month),
        Part(growth="unit", driver="capacity", rows=month, capacity=capacity, included=1),
    )
