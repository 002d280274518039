"""Fine-tuning: asks the endpoint, records what SageMaker cost. `preparation` comes before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from contracts import keys
from contracts.experiment import PAGE_VARIANTS, Question
from contracts.money import UsageRow
from cost_reports.metering import meters
from lambdas.common import answering, prompts
from lambdas.common.answering import Answered, Batch
from lambdas.common.metering import Meter
from lambdas.common.settings import BaseModelSettings
from lambdas.common.step import EventError, Step
from lambdas.fine_tuning import endpoint
from lambdas.fine_tuning.contexts import PageRetriever

APPROACH = "fine-tuning"


def answer(
    step: Step,
    variant: str,
    number: int,
    *,
    endpoint_name: str,
    client: Any,
    base: BaseModelSettings,
    workers: int,
    open_pages: Callable[[Step], PageRetriever],
) -> dict[str, Any]:
    """Answer batch `number` with `variant`; return `answer_batch`'s summary. An endpoint's tokens are not billed."""
    batch = Batch(
        manifest=step.manifest,
        approach="fine-tuning",
        variant=variant,
        number=number,
        model_id=base.base_model,
        tokens_billed=False,
    )
    model = endpoint.ADAPTERS[variant] or base.base_model
    experiment = step.results.experiment(step.manifest)
    pages = open_pages(step) if variant in PAGE_VARIANTS else None

    def answer_one(question: Question) -> Answered:
        found = pages.best(question.question, experiment.retrieval.pages_fine_tuned) if pages else ()
        shown = [page.as_document() for page in found]
        prompt = prompts.render(variant, question.question, experiment, pages=shown)
        generated = endpoint.invoke(client, endpoint_name, model, prompt, deadline=step.deadline)
        # The server does not say what it runs on; the endpoint was made with one kind of instance.
        device = generated.device or experiment.models.hosting_instance
        generated = replace(generated, model_revision=base.revision, device=device)
        return Answered(generated=generated, retrieved=tuple(page.as_record() for page in found))

    summary = answering.answer_batch(
        step.results, batch, answer_one, meter=step.meter, deadline=step.deadline, log=step.log, workers=workers
    )
    if pages is not None:
        pages.record(step, f"answer-{variant}-{number:05d}")
    return summary


def record_usage(step: Step, event: Mapping[str, Any]) -> dict[str, int]:
    """Record the usage of the training job and of the endpoint's life; return `{"usage_rows": n}`.

    Each job and each endpoint has its own part, which a later attempt that trains nothing leaves alone.
    """
    manifest = step.manifest
    rows: list[UsageRow] = []

    def keep(name: str, row: UsageRow) -> None:
        step.results.write(keys.usage(manifest.experiment, manifest.run, APPROACH, name), [row])
        rows.append(row)

    training = event.get("training")
    if training is not None:
        keep(f"training-{training['TrainingJobName']}", training_usage(step.meter, training))
    if event.get("endpoint_started"):
        keep(f"endpoint-{_plain(str(event['endpoint_started']))}", endpoint_usage(step.meter, event))
    own = f"record-usage-{_plain(step.meter.context().start)}"
    rows += step.meter.write(step.results, keys.usage(manifest.experiment, manifest.run, APPROACH, own))
    return {"usage_rows": len(rows)}


def training_usage(meter: Meter, training: Mapping[str, Any]) -> UsageRow:
    """Return the billable seconds of a described training job, on its own instances."""
    try:
        resources = training["ResourceConfig"]
        seconds = _whole(training["BillableTimeInSeconds"]) * _whole(resources["InstanceCount"])
        return meter.context().row(meters.TRAINING, seconds, variety=resources["InstanceType"])
    except KeyError as error:
        raise EventError(f"event field 'training' lacks {error}; it must be what DescribeTrainingJob gives") from error


def endpoint_usage(meter: Meter, event: Mapping[str, Any]) -> UsageRow:
    """Return the seconds from the endpoint's creation to its deletion, one instance."""
    for name in ("endpoint_deleted", "hosting_instance"):
        if not event.get(name):
            raise EventError(f"event field {name!r} is missing")
    started, deleted = _moment(event, "endpoint_started"), _moment(event, "endpoint_deleted")
    if deleted < started:
        raise EventError(f"event field 'endpoint_deleted' ({deleted}) is before 'endpoint_started' ({started})")
    elapsed = deleted - started
    seconds = Decimal(elapsed.days * 86400 + elapsed.seconds) + Decimal(elapsed.microseconds) / 1_000_000
    return meter.context().row(meters.HOSTING, seconds, variety=str(event["hosting_instance"]))


def _plain(moment: str) -> str:
    """Return a moment as part of a key."""
    return "".join(c for c in moment if c.isalnum())


def _moment(event: Mapping[str, Any], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(event[name]))
    except ValueError:
        raise EventError(f"event field {name!r} must be an ISO 8601 time, not {event[name]!r}") from None
    if moment.tzinfo is None:
        raise EventError(f"event field {name!r} must carry its offset from UTC, not {event[name]!r}")
    return moment.astimezone(UTC)


def _whole(value: Any) -> int:
    """Return a whole number, which Step Functions may hand over as `120.0`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise EventError(f"event field 'training': a whole number is needed, not {value!r}")
    return int(value)
