"""The search of a step: the open index, the embedder of its questions, and how the experiment wants to retrieve."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.experiment import Approach, Experiment
from lambdas.common import runtime, settings
from lambdas.common.settings import EmbeddingSettings, SearchSettings
from lambdas.common.step import Step
from lambdas.rag import capacity
from lambdas.rag.chunking import corpus_digest
from lambdas.rag.index import VectorIndex
from lambdas.rag.retrieval import Embedder, bedrock_embedder


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Ask the index of the run's documents; `record` meters the capacity that this kept awake."""

    index: VectorIndex
    embedder: Embedder
    experiment: Experiment
    store: SearchSettings
    embedding: EmbeddingSettings

    def record(self, step: Step, approach: Approach, name: str, *, stored: int = 0) -> None:
        """Meter the store's capacity that this step kept awake; the last thing before the step's own usage part, or
        after it where `answer_batch` writes that."""
        if self.index.activity.spans:
            capacity.record(
                step.results,
                step.manifest,
                approach,
                name,
                self.index.activity,
                generation=self.store.generation,
                region=step.settings.region,
                stored=stored,
            )


def open_search(step: Step) -> Search:
    """The store and the embedding model of the step's stack; `fine_tuning` opens them by this too."""
    store, embedding = settings.read(SearchSettings), settings.read(EmbeddingSettings)
    experiment = step.results.experiment(step.manifest)
    corpus = corpus_digest(experiment.retrieval, embedding.model_id, embedding.dimensions)
    return Search(
        index=VectorIndex.open(store, experiment=experiment.name, corpus=corpus, deadline=step.deadline),
        embedder=bedrock_embedder(runtime.client("bedrock-runtime"), embedding, step.meter, step.deadline),
        experiment=experiment,
        store=store,
        embedding=embedding,
    )
