"""Fine-tuning: prepares the training job, asks the endpoint, records what SageMaker cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from contracts import keys
from contracts.experiment import Document, Question
from contracts.money import UsageRow
from cost_reports.metering import meters
from lambdas.common import answering, prompts
from lambdas.common.answering import Answered, Batch
from lambdas.common.metering import Meter
from lambdas.common.settings import TagSettings
from lambdas.common.step import EventError, Step
from lambdas.fine_tuning import dataset, endpoint, jobs
from lambdas.fine_tuning.contexts import PageRetriever
from lambdas.fine_tuning.dataset import Example, Retriever

APPROACH = "fine-tuning"


def prepare(
    step: Step, execution: str, base_model: str, tags: TagSettings, open_pages: Callable[[Step], PageRetriever]
) -> dict[str, Any]:
    """Writes items, training data and code; the payload names them, and says whether there is anything to train.

    The index is only opened when examples must be built: a run whose model is trained already asks nothing.
    """
    manifest, results = step.manifest, step.results
    experiment = results.experiment(manifest)
    hyper = jobs.hyperparameters(manifest, experiment, base_model)
    code = jobs.code_files()
    wanted = jobs.fingerprint(manifest, experiment, hyper, code)
    prefix = keys.model_prefix(manifest.experiment, manifest.run)
    own_name = jobs.job_name(manifest, execution)
    job = jobs.find_trained(results, manifest, wanted)
    train = job is None
    if job is None:
        job = jobs.Job(name=own_name, model_prefix=prefix)
        pages = open_pages(step)

        def retrieve(question: str, count: int) -> list[Document]:
            return [page.as_document() for page in pages.best(question, count)]

        for adapter, examples in build_examples(step, retrieve).items():
            data = keys.training_data_prefix(manifest.experiment, manifest.run)
            results.write(f"{data}{adapter}.jsonl", examples)
            refusals = sum(example.kind == "refusal" for example in examples)
            step.log.info("training data written", adapter=adapter, examples=len(examples), refusals=refusals)
        pages.record(step, "prepare")
        for name, content in code.items():
            results.write_text(
                f"{keys.training_code_prefix(manifest.experiment, manifest.run)}{name}",
                content.decode("utf-8"),
                "text/plain",
            )
        results.write_text(job.inputs_key, json.dumps({"fingerprint": wanted, "execution": execution}))
    items = answering.write_items(results, manifest, "fine-tuning")
    step.log.info("prepared", train=train, training_job=job.name)
    return {
        **items,
        **jobs.payload(results, manifest, job, dict.fromkeys(("model", "endpoint_config", "endpoint"), own_name)),
        "train": train,
        "hyperparameters": hyper,
        "tags": jobs.cost_tags(manifest, tags),
    }


def build_examples(step: Step, retrieve: Retriever) -> dict[str, list[Example]]:
    """Adapter -> examples, held against the test; the trainer reads them as `<adapter>.jsonl`.

    Raises:
        DatasetError: a question of the manifest is not a training question, or its pages are not found.
        LeakError: test material would reach the training data.
    """
    manifest, results = step.manifest, step.results
    known = {q.id: q for q in results.questions(manifest, "train")}
    missing = [i for i in (*manifest.closed_book_ids, *manifest.rag_ids) if i not in known]
    if missing:
        raise dataset.DatasetError(f"training question {missing[0]!r} of the manifest is not in questions.train.jsonl")
    test = results.questions(manifest, "test")
    documents = {document.id: document for document in results.documents(manifest)}
    examples = {
        "lora": dataset.closed_book([known[i] for i in manifest.closed_book_ids], manifest.seed),
        "lora+rag": dataset.with_pages(
            [known[i] for i in manifest.rag_ids],
            documents,
            results.experiment(manifest).house_style,
            retrieve,
            reserved=dataset.reserved_pages(test),
            seed=manifest.seed,
        ),
    }
    for adapter, rows in examples.items():
        dataset.check_leaks(f"{adapter}.jsonl", rows, test, documents)
    return examples


def answer(
    step: Step,
    variant: str,
    number: int,
    *,
    endpoint_name: str,
    client: Any,
    base_model: str,
    open_pages: Callable[[Step], PageRetriever],
) -> dict[str, Any]:
    """Answer batch `number` with `variant`; the summary of `answer_batch`. The endpoint's tokens are not billed."""
    batch = Batch(
        manifest=step.manifest,
        approach="fine-tuning",
        variant=variant,
        number=number,
        model_id=base_model,
        tokens_billed=False,
    )
    adapter = endpoint.ADAPTERS[variant]
    pages = open_pages(step) if variant in endpoint.PAGE_VARIANTS else None
    count = step.results.experiment(step.manifest).retrieval.pages_fine_tuned if pages else 0

    def answer_one(question: Question) -> Answered:
        if pages is None:
            prompt, found = prompts.fine_tuned(question.question), []
        else:
            found = list(pages.best(question.question, count))
            prompt = prompts.fine_tuned_with_pages(question.question, [page.as_document() for page in found])
        generated = endpoint.invoke(client, endpoint_name, prompt, adapter, deadline=step.deadline)
        return Answered(generated=generated, retrieved=tuple(page.as_record() for page in found))

    summary = answering.answer_batch(
        step.results, batch, answer_one, meter=step.meter, deadline=step.deadline, log=step.log
    )
    if pages is not None:
        pages.record(step, f"answer-{variant}-{number:05d}")
    return summary


def record_usage(step: Step, event: Mapping[str, Any]) -> dict[str, int]:
    """Usage of the training job and of the endpoint's life; `{"usage_rows": n}`.

    Each job and each endpoint has a part of its own, so that a later attempt, which trains nothing, leaves them.
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
    """Billable seconds of a described training job, on its own instances."""
    try:
        resources = training["ResourceConfig"]
        seconds = _whole(training["BillableTimeInSeconds"]) * _whole(resources["InstanceCount"])
        return meter.context().row(meters.TRAINING, seconds, variety=resources["InstanceType"])
    except KeyError as error:
        raise EventError(f"event field 'training' lacks {error}; it must be what DescribeTrainingJob gives") from error


def endpoint_usage(meter: Meter, event: Mapping[str, Any]) -> UsageRow:
    """Seconds from the endpoint's creation to its deletion, one instance."""
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
    """A moment as part of a key."""
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
    """Step Functions may hand a whole number over as `120.0`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise EventError(f"event field 'training': a whole number is needed, not {value!r}")
    return int(value)
