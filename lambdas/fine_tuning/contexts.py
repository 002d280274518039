"""Pages for training examples and questions: the retrieval of RAG, on the index that it has filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambdas.common.step import Step

if TYPE_CHECKING:
    from lambdas.rag.retrieval import RetrievedPage
    from lambdas.rag.search import Search


@dataclass(frozen=True, slots=True)
class PageRetriever:
    """Searches the index of the run's documents; safe for threads."""

    search: Search

    @classmethod
    def open(cls, step: Step) -> PageRetriever:
        """Open the index of the rag approach, with the experiment's retrieval settings.

        Raises:
            SettingsError: a variable of the store or of the embedding model is missing.
        """
        from lambdas.rag.search import open_search  # variants without pages need none of it

        return cls(open_search(step))

    def best(self, question: str, count: int) -> list[RetrievedPage]:
        """Return at most `count` pages, best first."""
        from lambdas.rag.retrieval import retrieve

        # As many candidates as the rag approach takes, so that ranks agree; more only where more pages are needed.
        candidates = max(self.search.experiment.retrieval.candidates, count)
        return retrieve(self.search.index, self.search.embedder, question, candidates=candidates, pages=count)

    def record(self, step: Step, name: str) -> None:
        """Meter the capacity of the store that the step kept awake."""
        self.search.record(step, "fine-tuning", name)
