"""The steps of the RAG approach: prepare, ingest, await the index, answer.

What reads documents is imported by the steps that do: answering, which most functions of a run do, needs none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from contracts.experiment import SHOT_VARIANTS, VARIANTS, Approach, Document, Experiment, Question
from lambdas.common import answering, bedrock, probe, prompts, runtime, settings
from lambdas.common.answering import Answered, Batch, answer_batch
from lambdas.common.prompts import Shot
from lambdas.common.settings import AnswerSettings, GeneratorSettings
from lambdas.common.step import EventError, Step
from lambdas.rag import capacity
from lambdas.rag.retrieval import retrieve
from lambdas.rag.search import Search, open_search

if TYPE_CHECKING:
    from lambdas.rag.chunking import Chunk

APPROACH: Approach = "rag"


def prepare(step: Step) -> dict[str, Any]:
    """Probe both models, clean the index of what the documents no longer have, write the items of both Maps."""
    from lambdas.rag import ingestion
    from lambdas.rag.chunking import chunk_all

    search = open_search(step)
    documents = step.results.documents(step.manifest)
    if not documents:
        raise ValueError(f"{step.manifest.input_prefix}documents.jsonl holds no document; RAG needs at least one")
    chunks = chunk_all(documents, search.experiment.retrieval)
    probe_models(step, search, chunks)
    search.index.ensure(search.store.generation, search.embedding.dimensions)
    stale, copies = ingestion.sweep(search.index, chunks)
    ingest_key, ingest_items = ingestion.write_items(step.results, step.manifest, documents)
    items = answering.write_items(step.results, step.manifest, APPROACH)
    step.log.info("rag prepared", documents=len(documents), stale_removed=stale, duplicates_removed=copies)
    search.record(step, APPROACH, "prepare")
    step.write_usage(APPROACH, "prepare", continued=True)
    return {**items, "ingest_items_key": ingest_key, "ingest_items": ingest_items}


def probe_models(step: Step, search: Search, chunks: Sequence[Chunk]) -> None:
    """Ask both models once, by the longest text to embed and by a prompt that is as long as one of the run can be.

    What will be retrieved is not known yet: the longest chunks of as many documents as a prompt shows stand for it.

    Raises:
        DeadlineError, ModelCallError, ProbeError: as `probe.generator`.
    """
    asked = set(step.manifest.test_question_ids)
    questions = [q.question for q in step.results.questions(step.manifest, "test") if q.id in asked]
    texts = [*questions, *(chunk.indexed_text for chunk in chunks)]
    probe.embedding(step, APPROACH, search.embedding.model_id, search.embedder, texts)
    by_document: dict[str, Chunk] = {}
    for chunk in sorted(chunks, key=lambda chunk: len(chunk.indexed_text)):
        by_document[chunk.document] = chunk
    pages = [
        Document(id=chunk.document, title=chunk.title, text=chunk.text)
        for chunk in sorted(by_document.values(), key=lambda chunk: -len(chunk.indexed_text))
    ]
    rendered = []
    for variant in VARIANTS[APPROACH]:
        shots, count = shown_by(step, search.experiment, variant)
        question = max(questions, key=len)
        rendered.append(prompts.render(variant, question, search.experiment, pages=pages[:count], shots=shots))
    probe.generator(step, APPROACH, settings.read(GeneratorSettings), rendered, runtime.client("bedrock-runtime"))


def shown_by(step: Step, experiment: Experiment, variant: str) -> tuple[tuple[Shot, ...], int]:
    """Return the worked examples of a variant, and how many pages it shows with a question."""
    wanted = experiment.retrieval
    if variant not in SHOT_VARIANTS:
        return (), wanted.pages
    from lambdas.rag.shots import shots_with_pages

    documents = {d.id: d for d in step.results.documents(step.manifest)}
    train = step.results.questions(step.manifest, "train")
    return shots_with_pages(train, documents, step.manifest.seed, experiment), wanted.pages_few_shot


def ingest(step: Step, batch: int, first: int, last: int) -> dict[str, Any]:
    """Chunk, embed and index the documents `first` <= i < `last`, as far as the index lacks them."""
    from lambdas.rag import ingestion
    from lambdas.rag.chunking import chunk_all

    search = open_search(step)
    documents = step.results.documents(step.manifest)
    if not 0 <= first < last <= len(documents):
        raise EventError(f"event fields 'first' {first} and 'last' {last} are no slice of {len(documents)} documents")
    chunks = chunk_all(documents[first:last], search.experiment.retrieval)
    done = ingestion.ingest(search.index, search.embedder, (d.id for d in documents[first:last]), chunks)
    step.log.info("documents ingested", batch=batch, chunks=done.chunks, indexed=done.indexed)
    search.record(step, APPROACH, f"ingest-{batch:05d}")
    step.write_usage(APPROACH, f"ingest-{batch:05d}", continued=True)
    return {
        "batch": batch,
        "chunks": done.chunks,
        "indexed": done.indexed,
        "duplicates_removed": done.duplicates_removed,
        "skipped": done.skipped,
    }


def await_index(step: Step) -> dict[str, Any]:
    """Whether searches see exactly the run's chunks; the state machine asks again until they do."""
    from lambdas.rag import ingestion
    from lambdas.rag.chunking import chunk_all

    search = open_search(step)
    documents = step.results.documents(step.manifest)
    chunks = chunk_all(documents, search.experiment.retrieval)
    visible = ingestion.is_visible(search.index, chunks)
    stored = capacity.stored_bytes((c.indexed_text for c in chunks), search.embedding.dimensions) if visible else 0
    search.record(step, APPROACH, "await-index", stored=stored)
    # Asked again, the step has cost again: each call keeps a usage part of its own, named by its request.
    step.write_usage(APPROACH, f"await-index-{step.meter.context().start.translate(_PLAIN)}")
    return {"chunks": len(chunks), "visible": visible}


_PLAIN = str.maketrans("", "", ":-.")


def answer(step: Step, variant: str, number: int) -> dict[str, Any]:
    """Answer batch `number` with `variant`; return the summary of `answer_batch`."""
    generator = settings.read(GeneratorSettings)
    batch = Batch(
        manifest=step.manifest, approach=APPROACH, variant=variant, number=number, model_id=generator.model_id
    )
    search = open_search(step)
    summary = answer_batch(
        step.results,
        batch,
        answerer(step, batch, search, generator, runtime.client("bedrock-runtime")),
        meter=step.meter,
        deadline=step.deadline,
        log=step.log,
        workers=settings.read(AnswerSettings).workers,
    )
    search.record(step, APPROACH, f"answer-{variant}-{number:05d}")
    return summary


def answerer(
    step: Step, batch: Batch, search: Search, generator: GeneratorSettings, client: Any
) -> Callable[[Question], Answered]:
    """Return the function that answers one question of `batch` from retrieved pages; shots are chosen once."""
    candidates = search.experiment.retrieval.candidates
    shots, count = shown_by(step, search.experiment, batch.variant)
    probe.remember(step, APPROACH, generator)
    metadata = {
        "experiment": step.manifest.experiment,
        "run": step.manifest.run,
        "approach": batch.approach,
        "variant": batch.variant,
    }

    def answer_one(question: Question) -> Answered:
        pages = retrieve(search.index, search.embedder, question.question, candidates=candidates, pages=count)
        shown = [page.as_document() for page in pages]
        prompt = prompts.render(batch.variant, question.question, search.experiment, pages=shown, shots=shots)
        generated = bedrock.converse(client, generator.profile_arn, prompt, deadline=step.deadline, metadata=metadata)
        return Answered(generated=generated, retrieved=tuple(page.as_record() for page in pages))

    return answer_one
