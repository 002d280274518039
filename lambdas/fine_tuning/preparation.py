"""Prepares the training job: items, training data, code, and the names of what the state machine will make."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from contracts import keys
from contracts.experiment import Document
from contracts.job_names import job_name
from lambdas.common import answering
from lambdas.common.settings import BaseModelSettings, ServerSettings, TagSettings
from lambdas.common.step import Step
from lambdas.fine_tuning import dataset, jobs, server
from lambdas.fine_tuning.contexts import PageRetriever
from lambdas.fine_tuning.dataset import Example, Retriever


def prepare(
    step: Step,
    execution: str,
    base: BaseModelSettings,
    hosting: ServerSettings,
    tags: TagSettings,
    open_pages: Callable[[Step], PageRetriever],
) -> dict[str, Any]:
    """Writes items, training data and code; the payload names them, and says whether there is anything to train.

    The index is only opened when examples must be built: a run whose model is trained already asks nothing.
    """
    manifest, results = step.manifest, step.results
    experiment = results.experiment(manifest)
    hyper = jobs.hyperparameters(manifest, experiment, base.base_model, base.revision)
    code = jobs.code_files()
    wanted = jobs.fingerprint(manifest, experiment, hyper, code)
    prefix = keys.model_prefix(manifest.experiment, manifest.run)
    own_name = job_name(manifest.experiment, manifest.run, execution)
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
        "server": server.environment(
            experiment,
            base=base.base_model,
            revision=base.revision,
            instance=hosting.instance,
            in_flight=hosting.in_flight,
            questions=results.questions(manifest, "test"),
            documents=results.documents(manifest),
        ),
        **jobs.capacity(experiment.training),
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
    experiment = results.experiment(manifest)
    documents = {document.id: document for document in results.documents(manifest)}
    examples = {
        "lora": dataset.closed_book([known[i] for i in manifest.closed_book_ids], experiment, manifest.seed),
        "lora+rag": dataset.with_pages(
            [known[i] for i in manifest.rag_ids],
            documents,
            experiment,
            retrieve,
            reserved=dataset.reserved_pages(test),
            seed=manifest.seed,
        ),
    }
    for adapter, rows in examples.items():
        dataset.check_leaks(f"{adapter}.jsonl", rows, test, documents)
    return examples
