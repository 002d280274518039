"""PageRetriever for training examples and questions: the retrieval of the rag approach, on the index that it has filled."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.common.step import Step
from lambdas.rag.logic import Search, open_search
from lambdas.rag.retrieval import RetrievedPage, retrieve


@dataclass(frozen=True, slots=True)
class PageRetriever:
    """Searches the index of the run's documents; safe for threads."""

    search: Search

    @classmethod
    def open(cls, step: Step) -> PageRetriever:
        """The index of the rag approach, read as the experiment says.

        Raises:
            SettingsError: a variable of the store or of the embedding model is missing.
        """
        return cls(open_search(step))

    def best(self, question: str, count: int) -> list[RetrievedPage]:
        """At most `count` pages, best first."""
        # As many candidates as the rag approach takes, so that ranks agree; more only where more pages are needed.
        candidates = max(self.search.experiment.retrieval.candidates, count)
        return retrieve(self.search.index, self.search.embedder, question, candidates=candidates, pages=count)

    def record(self, step: Step, name: str) -> None:
        """Meter the capacity of the store that the step kept awake."""
        self.search.record(step, "fine-tuning", name)
