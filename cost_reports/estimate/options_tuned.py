"""The options above RAG: fine-tuning by method, purchase and serving; and training a model from nothing."""

from __future__ import annotations

from decimal import Decimal

from contracts.money import UsageRow
from cost_reports.estimate import gpu, pretraining
from cost_reports.estimate.gpu import METHODS, Method
from cost_reports.estimate.options import CUSTOMISABLE, EstimateInputs, people, platform, prompting
from cost_reports.estimate.options_rag import STORE_NOTES, rag, retrieval
from cost_reports.estimate.options_serving import SERVINGS, hourly, serve
from cost_reports.estimate.plan import Manual, Option, Part, UsageRowFactory

PURCHASES = ("on demand", "spot")
#: Bedrock models that can be customised, by the beginning of their id -> name in usage types.
SEQUENCE, BATCH = 1024, 8


def all_options(s: EstimateInputs) -> list[Option]:
    """Every option of every approach, in the order of the ladder.

    Raises:
        PriceError, CapacityError, ContextError: what is asked for has no price, does not fit or is not known.
    """
    s.catalogue.need_region(s.region)
    return [*prompting(s), *rag(s), *fine_tuning(s), *tuned_with_pages(s), *customised_nova(s), *from_nothing(s)]


def fine_tuning(s: EstimateInputs) -> list[Option]:
    """Each method, bought and served in each way. ReFT edits activations, so it cannot be merged for model import."""
    found = []
    for method in METHODS:
        for purchase in PURCHASES:
            for serving in SERVINGS:
                if method == "reft" and serving == "model import":
                    continue
                make = s.maker("fine-tuning", method)
                instance = training_instance(s, method)
                parts = (
                    *training(s, make, method, instance, purchase),
                    *serve(s, make, serving),
                    *platform(s, make),
                    people(s, "fine-tuning"),
                    labels(s, make),
                )
                setup = f"{serving}, trained {purchase}"
                found.append(
                    Option(
                        approach="fine-tuning",
                        variant=method,
                        setup=setup,
                        parts=parts,
                        notes=(f"trained on {instance}",),
                    )
                )
    return found


def tuned_with_pages(s: EstimateInputs) -> list[Option]:
    """LoRA that reads retrieved pages: both bills, on the stores and servings that can sleep and on an endpoint."""
    found = []
    for serving in ("endpoint", "scale to zero"):
        for store in ("nextgen", "s3 vectors"):
            make = s.maker("fine-tuning", "lora+rag")
            parts = (
                *training(s, make, "lora", training_instance(s, "lora"), "on demand"),
                *serve(s, make, serving, "fine-tuned+rag"),
                *retrieval(s, make, store),
                *platform(s, make),
                people(s, "fine-tuning"),
                people(s, "rag"),
                labels(s, make),
            )
            setup = f"{serving}, {store}"
            found.append(
                Option(
                    approach="fine-tuning",
                    variant="lora+rag",
                    setup=setup,
                    parts=parts,
                    notes=STORE_NOTES.get(store, ()),
                )
            )
    return found


def training_instance(s: EstimateInputs, method: Method) -> str:
    """The experiment's training instance if the method fits on it, else the cheapest that holds it.

    Raises:
        CapacityError: the model or instance is unknown, or nothing is large enough.
    """
    shape = gpu.shape_of(s.base_model)
    needed = gpu.training_memory(shape, method, rank=s.rank, sequence=SEQUENCE, batch=BATCH)
    if gpu.fits(gpu.instance_of(s.training_instance), needed):
        return s.training_instance
    return gpu.smallest(needed, hourly(s, "Train"))


def training(
    s: EstimateInputs, make: UsageRowFactory, method: Method, instance: str, purchase: str
) -> tuple[Part, ...]:
    """Billable seconds of all training jobs, once and again at each retraining."""
    rows = (training_row(s, make, method, instance, purchase),)
    parts = [Part(growth="once", driver="training time", rows=rows)]
    if s.workload.retrain_every_months is not None:
        again = Part(growth="refresh", driver="training time", rows=rows, every_months=s.workload.retrain_every_months)
        parts.append(again)
    return tuple(parts)


def training_row(s: EstimateInputs, make: UsageRowFactory, method: Method, instance: str, purchase: str) -> UsageRow:
    """Runs x (start + FLOPs / (peak x MFU)) seconds, less what spot saves."""
    seconds = s.value("training_start_seconds") + gpu.training_seconds(
        gpu.shape_of(s.base_model), method, s.task.training_tokens, gpu.instance_of(instance)
    )
    billable = seconds * s.value("training_runs")
    if purchase == "spot":
        billable *= 1 - s.value("spot_saving")
    source = "runs x (start + FLOPs / (peak x MFU))" + (" x (1 - spot saving)" if purchase == "spot" else "")
    return make.row(
        "AmazonSageMaker", f"Train:{instance}", "RunInstance", billable / 3600, "instance-hour", source, s.base_model
    )


def labels(s: EstimateInputs, make: UsageRowFactory) -> Part:
    """People who check the training examples and compare pairs of answers, at a price of a text label by one worker.

    AWS's own fee for each object, which nobody publishes, is counted beside it: one for each example and each pair.
    """
    service, operation = "SageMakerGroundTruth", "Label"
    each, pairs = s.value("labels_per_example"), s.value("preference_pairs")
    objects = (s.task.train_examples if each else 0) + pairs
    amount, formula = each * s.task.train_examples + pairs, "labels x examples + preference pairs"
    rows = (
        make.row(service, "GroundTruth-Worker-Text", operation, amount, "labels", formula),
        make.row(service, "GroundTruth-Object", operation, objects, "objects", "labelled examples + preference pairs"),
    )
    return Part(growth="once", driver="labels", rows=rows)


def customised_nova(s: EstimateInputs) -> list[Option]:
    """Bedrock fine-tuning of Nova: trained by token, served on demand at the price of the base, nothing while idle."""
    found = []
    for start, name in CUSTOMISABLE.items():
        if start not in s.generator:
            continue
        make = s.maker("fine-tuning", "nova")
        model = f"{start}-v1:0"
        prompt = s.prompt("fine-tuned")
        trained = make.row(
            "AmazonBedrock",
            f"{name}-Customization-Training",
            "CreateModelCustomizationJob",
            s.task.training_tokens * s.value("training_runs"),
            "training tokens",
            "runs x examples x tokens x epochs",
        )
        stored = make.row(
            "AmazonBedrock",
            f"{name}-Customization-Storage",
            "CreateModelCustomizationJob",
            1,
            "custom-model-month",
            "1",
        )
        parts = [
            Part(growth="once", driver="training time", rows=(trained,)),
            Part(growth="monthly", driver="storage", rows=(stored,)),
            Part(
                growth="request",
                driver="input tokens",
                rows=(make.tokens(model, "input custom-model", prompt.input, "tokens of a prompt"),),
            ),
            Part(
                growth="request",
                driver="output tokens",
                rows=(make.tokens(model, "output custom-model", prompt.output, "tokens of an answer"),),
            ),
            *platform(s, make),
            people(s, "fine-tuning"),
            labels(s, make),
        ]
        if (months := s.workload.retrain_every_months) is not None:
            parts.append(Part(growth="refresh", driver="training time", rows=(trained,), every_months=months))
        setup = "Bedrock, on demand"
        found.append(Option(approach="fine-tuning", variant="nova", setup=setup, parts=tuple(parts)))
    return found


def from_nothing(s: EstimateInputs) -> list[Option]:
    """Pre-training, the top of the ladder: the middle of the MFU band, licences, people; served by its own size."""
    make = s.maker("pre-training", "from scratch")
    parameters, tokens = int(s.value("pretraining_parameters")), int(s.value("pretraining_tokens"))
    machine = make.row("AmazonSageMaker", "Train:ml.p5.48xlarge", "RunInstance", 1, "instance-hour", "")
    hourly = s.catalogue.price_for(machine).usd
    plan = pretraining.Plan(parameters=parameters, tokens=tokens, usd_per_gpu_hour=hourly / 8)
    cost = pretraining.cost(plan)
    hours = (cost.gpu_hours_low + cost.gpu_hours_high) / 2 / 8
    compute = make.row(
        "AmazonSageMaker",
        "Train:ml.p5.48xlarge",
        "RunInstance",
        hours,
        "instance-hour",
        "6 N D / (peak x MFU), middle of the band, and a quarter for failed and trial runs",
    )
    source = "assumption; replace it by your own"
    manual = (
        Manual(name="data licences", usd=plan.data_licences_usd, source=source),
        Manual(
            name=f"{plan.people} people for {plan.months} months",
            usd=Decimal(plan.people * plan.months) * plan.monthly_wage_usd,
            source=source,
        ),
    )
    parts = (
        Part(growth="once", driver="training time", rows=(compute,)),
        Part(growth="once", driver="people", manual=manual),
        *serve(s, make, "endpoint", parameters=parameters),
        *platform(s, make),
    )
    note = f"{parameters / 1e9:g} B parameters on {tokens / 1e9:g} B tokens; {pretraining.WHEN}"
    return [Option(approach="pre-training", variant="from scratch", setup="endpoint", parts=parts, notes=(note,))]
