"""Every option of every approach, in the order of the ladder."""

from __future__ import annotations

from cost_reports.estimate import pretraining
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.options.fine_tuning import customised_nova, fine_tuning, tuned_with_pages
from cost_reports.estimate.options.prompting import platform, prompting
from cost_reports.estimate.options.rag import rag
from cost_reports.estimate.options.serving import serve
from cost_reports.estimate.plan import Manual, Option, Part
from cost_reports.metering import meters

CLUSTER, CLUSTER_GPUS = "ml.p5.48xlarge", 8


def all_options(inputs: EstimateInputs) -> list[Option]:
    """Return every option of every approach.

    Raises:
        PriceError, CapacityError, ContextError: what is asked for has no price, does not fit or is not known.
    """
    inputs.catalogue.need_region(inputs.region)
    tuned = (*fine_tuning(inputs), *tuned_with_pages(inputs), *customised_nova(inputs))
    return [*prompting(inputs), *rag(inputs), *tuned, from_nothing(inputs)]


def from_nothing(inputs: EstimateInputs) -> Option:
    """Return pre-training, the top of the ladder: the middle of the MFU band, licences, people, its own serving."""
    rows = inputs.rows("pre-training", "from scratch")
    parameters, tokens = int(inputs.value("pretraining_parameters")), int(inputs.value("pretraining_tokens"))
    plan = pretraining.Plan(parameters=parameters, tokens=tokens)
    low, high = plan.gpu_hours()
    formula = "6 N D / (peak x MFU), middle of the band, and a quarter for failed and trial runs"
    hours = (low + high) / 2 / CLUSTER_GPUS
    compute = rows.row(meters.TRAINING, hours, "instance-hour", formula, variety=CLUSTER)
    source = "assumption; replace it by your own"
    manual = (
        Manual(name="data licences", usd=plan.data_licences_usd, source=source),
        Manual(name=f"{plan.people} people for {plan.months} months", usd=plan.wages_usd, source=source),
    )
    parts = (
        Part("once", "training time", (compute,)),
        Part("once", "people", manual=manual),
        *serve(inputs, rows, "endpoint", parameters=parameters),
        *platform(inputs, rows),
    )
    note = f"{parameters / 1e9:g} B parameters on {tokens / 1e9:g} B tokens; {pretraining.WHEN}"
    return Option(approach="pre-training", variant="from scratch", setup="endpoint", parts=parts, notes=(note,))
