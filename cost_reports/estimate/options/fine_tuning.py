"""The options of fine-tuning, by method, purchase and serving."""

from __future__ import annotations

from contracts.money import UsageRow
from cost_reports.estimate import gpu
from cost_reports.estimate.gpu import METHODS, Method
from cost_reports.estimate.inputs import CUSTOMISABLE, EstimateInputs
from cost_reports.estimate.options.prompting import people, platform
from cost_reports.estimate.options.rag import STORE_NOTES, retrieval
from cost_reports.estimate.options.serving import SERVINGS, fitting_instance, serve
from cost_reports.estimate.plan import Option, Part
from cost_reports.metering import meters
from cost_reports.metering.meters import UsageRowFactory

PURCHASES = ("on demand", "spot")
SEQUENCE, BATCH = 1024, 8


def fine_tuning(inputs: EstimateInputs) -> list[Option]:
    """Return each method, bought and served in each way.

    ReFT edits activations, so it cannot be merged into weights for model import.
    """
    options = []
    for method in METHODS:
        rows, instance = inputs.rows("fine-tuning", method), training_instance(inputs, method)
        for purchase in PURCHASES:
            trained = training(inputs, rows, method, instance, purchase)
            for serving in SERVINGS:
                if method == "reft" and serving == "model import":
                    continue
                setup, notes = f"{serving}, trained {purchase}", (f"trained on {instance}",)
                parts = (*trained, *serve(inputs, rows, serving), *_around(inputs, rows))
                options.append(Option(approach="fine-tuning", variant=method, setup=setup, parts=parts, notes=notes))
    return options


def tuned_with_pages(inputs: EstimateInputs) -> list[Option]:
    """Return LoRA that reads retrieved pages: both bills, on stores and servings that can sleep and on an endpoint."""
    options = []
    rows = inputs.rows("fine-tuning", "lora+rag")
    trained = training(inputs, rows, "lora", training_instance(inputs, "lora"), "on demand")
    for serving in ("endpoint", "scale to zero"):
        for store in ("nextgen", "s3 vectors"):
            parts = (
                *trained,
                *serve(inputs, rows, serving, "fine-tuned+rag"),
                *retrieval(inputs, rows, store),
                *_around(inputs, rows, "rag"),
            )
            setup, notes = f"{serving}, {store}", STORE_NOTES.get(store, ())
            options.append(Option(approach="fine-tuning", variant="lora+rag", setup=setup, parts=parts, notes=notes))
    return options


def customised_nova(inputs: EstimateInputs) -> list[Option]:
    """Return Bedrock fine-tuning of Nova: trained by token, served on demand at the price of the base."""
    options = []
    rows, prompt = inputs.rows("fine-tuning", "nova"), inputs.prompt("fine-tuned")
    for start, name in CUSTOMISABLE.items():
        if start not in inputs.generator:
            continue
        model = f"{start}-v1:0"
        amount = inputs.task.training_tokens * inputs.value("training_runs")
        trained = (
            rows.row(meters.CUSTOM_MODEL_TRAINING, amount, source="runs x examples x tokens x epochs", variety=name),
        )
        stored = rows.row(meters.CUSTOM_MODEL_STORAGE, 1, source="1", variety=name)
        read = rows.tokens(model, "input custom-model", prompt.input, "tokens of a prompt")
        written = rows.tokens(model, "output custom-model", prompt.output, "tokens of an answer")
        parts = (
            Part("once", "training time", trained),
            Part("monthly", "storage", (stored,)),
            Part("request", "input tokens", (read,)),
            Part("request", "output tokens", (written,)),
            *_around(inputs, rows),
            *_again(inputs, trained),
        )
        options.append(Option(approach="fine-tuning", variant="nova", setup="Bedrock, on demand", parts=parts))
    return options


def training_instance(inputs: EstimateInputs, method: Method) -> str:
    """Return the experiment's training instance if the method fits on it, else the cheapest that holds it.

    Raises:
        CapacityError: the model or instance is unknown, or nothing is large enough.
    """
    shape = gpu.shape_of(inputs.base_model)
    needed = gpu.training_memory(shape, method, rank=inputs.rank, sequence=SEQUENCE, batch=BATCH)
    return fitting_instance(inputs, inputs.training_instance, needed, meters.TRAINING)


def training(
    inputs: EstimateInputs, rows: UsageRowFactory, method: Method, instance: str, purchase: str
) -> tuple[Part, ...]:
    """Return billable seconds of all training jobs, once and again at each retraining."""
    trained = (training_row(inputs, rows, method, instance, purchase),)
    return Part("once", "training time", trained), *_again(inputs, trained)


def training_row(
    inputs: EstimateInputs, rows: UsageRowFactory, method: Method, instance: str, purchase: str
) -> UsageRow:
    """Return runs x (start + FLOPs / (peak x MFU)) seconds, less what spot saves."""
    seconds = inputs.value("training_start_seconds") + gpu.training_seconds(
        gpu.shape_of(inputs.base_model), method, inputs.task.training_tokens, gpu.instance_of(instance)
    )
    billable, source = seconds * inputs.value("training_runs"), "runs x (start + FLOPs / (peak x MFU))"
    if purchase == "spot":
        billable, source = billable * (1 - inputs.value("spot_saving")), f"{source} x (1 - spot saving)"
    model = inputs.base_model
    return rows.row(meters.TRAINING, billable / 3600, "instance-hour", source, variety=instance, model=model)


def labels(inputs: EstimateInputs, rows: UsageRowFactory) -> Part:
    """Return people who check training examples and compare pairs of answers, at a price of a label by one worker.

    AWS's own fee for each object has no public price; it is counted beside it, one for each example and each pair.
    """
    each, pairs = inputs.value("labels_per_example"), inputs.value("preference_pairs")
    objects = (inputs.task.train_examples if each else 0) + pairs
    amount, formula = each * inputs.task.train_examples + pairs, "labels x examples + preference pairs"
    return Part(
        "once",
        "labels",
        (
            rows.row(meters.LABELS, amount, source=formula),
            rows.row(meters.LABELLED_OBJECTS, objects, source="labelled examples + preference pairs"),
        ),
    )


def _again(inputs: EstimateInputs, trained: tuple[UsageRow, ...]) -> tuple[Part, ...]:
    months = inputs.workload.retrain_every_months
    return () if months is None else (Part("refresh", "training time", trained, every_months=months),)


def _around(inputs: EstimateInputs, rows: UsageRowFactory, *also: str) -> tuple[Part, ...]:
    """Return what every tuned option needs; people build the approaches of `also` too."""
    built = (people(inputs, approach) for approach in ("fine-tuning", *also))
    return *platform(inputs, rows), *built, labels(inputs, rows)
