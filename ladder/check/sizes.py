"""The tokens of everything that a run would send: each prompt as it is really rendered, with the longest pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from contracts.experiment import APPROACHES, PAGE_VARIANTS, SHOT_VARIANTS, VARIANTS, Document, Question
from contracts.run import Manifest
from ladder.errors import LadderError
from ladder.experiment.folder import LoadedExperiment
from lambdas.common import prompts
from lambdas.common.prompts import Shot
from lambdas.rag.chunking import chunk_document
from lambdas.rag.shots import shots_with_pages
from lambdas.run_report.outlook import sent_tokens, tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Least, median and most tokens of some texts."""

    least: int
    median: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedPrompt:
    """One prompt of the run in tokens, and the most tokens that its answer may have.

    Which pages search finds is not known before. `tokens` is with the longest chunks, those of `pages` (ids, with the
    pages of examples), `typical_tokens` with chunks of the median length.
    """

    approach: str
    variant: str
    question: str
    pages: tuple[str, ...]
    tokens: int
    typical_tokens: int
    answer_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Tokens of the questions asked, of their reference answers, of pages and chunks, and every prompt of the run."""

    questions: Spread
    answers: Spread
    pages: Spread
    chunks: Spread
    longest_chunk_page: str
    prompts: tuple[SizedPrompt, ...]

    def of(self, variant: str) -> Spread:
        """Return the tokens of the prompts of a variant."""
        return spread(prompt.tokens for prompt in self.prompts if prompt.variant == variant)


def spread(counts: Iterable[int]) -> Spread:
    """Return least, median and most of some counts; all are 0 without any."""
    found = sorted(counts) or [0]
    return Spread(least=found[0], median=int(median(found)), most=found[-1])


def measure(loaded: LoadedExperiment, manifest: Manifest) -> Sizes:
    """Return the sizes of a run; no prompt of it is longer than is counted here.

    Raises:
        LadderError: there are too few training questions for the examples in prompts.
    """
    asked = _by_id(loaded.test, manifest.test_question_ids)
    longest, typical, counts = _chunks(loaded)
    return Sizes(
        questions=spread(tokens(question.question) for question in asked),
        answers=spread(tokens(question.answer) for question in asked),
        pages=spread(tokens(prompts.page_text(page)) for page in loaded.documents),
        chunks=spread(counts),
        longest_chunk_page=longest[0].id,
        prompts=tuple(_prompts(loaded, asked, longest, typical)),
    )


def _prompts(
    loaded: LoadedExperiment, asked: Sequence[Question], longest: Sequence[Document], typical: Document
) -> Iterable[SizedPrompt]:
    e = loaded.experiment
    shots = _shots(loaded)
    for approach in APPROACHES:
        for variant in VARIANTS[approach]:
            count = e.retrieval.pages_fine_tuned if approach == "fine-tuning" else e.retrieval.pages
            count = e.retrieval.pages_few_shot if variant == "rag+few-shot" else count
            shown = longest[:count] if variant in PAGE_VARIANTS else ()
            examples = shots.get(variant, ())
            ids = [page.id for page in (*shown, *(page for shot in examples for page in shot.pages))]
            for question in asked:
                prompt, usual = (
                    prompts.render(variant, question.question, e, pages=pages, shots=examples)
                    for pages in (shown, [typical] * len(shown))
                )
                yield SizedPrompt(
                    approach=approach,
                    variant=variant,
                    question=question.id,
                    pages=tuple(ids),
                    tokens=sent_tokens(prompt),
                    typical_tokens=sent_tokens(usual),
                    answer_tokens=prompt.max_output_tokens,
                )


def _shots(loaded: LoadedExperiment) -> dict[str, tuple[Shot, ...]]:
    """Return the examples of each variant that shows some: those that the run will choose."""
    e, train = loaded.experiment, loaded.train
    documents = {page.id: page for page in loaded.documents}
    try:
        with_pages = shots_with_pages(train, documents, e.seed, e)
        plain = prompts.choose_shots(train, e.seed, e.prompt.shots)
    except ValueError as error:
        raise LadderError(f"{loaded.folder}/experiment.yaml: prompt: {error}; lower shots or page_shots") from error
    return {variant: with_pages if variant in PAGE_VARIANTS else plain for variant in SHOT_VARIANTS}


def _chunks(loaded: LoadedExperiment) -> tuple[list[Document], Document, list[int]]:
    """Return each page with its longest chunk as its text, longest first; a chunk of median length; all lengths."""
    longest: list[tuple[int, Document]] = []
    chunks: list[tuple[int, Document]] = []
    for page in loaded.documents:
        own = [
            (tokens(chunk.text), Document(id=page.id, title=page.title, text=chunk.text))
            for chunk in chunk_document(page, loaded.experiment.retrieval)
        ]
        longest.append(max(own, key=_length))
        chunks += own
    longest.sort(key=lambda item: (-item[0], item[1].id))
    chunks.sort(key=_length)
    return [page for _, page in longest], chunks[len(chunks) // 2][1], [count for count, _ in chunks]


def _length(sized: tuple[int, Document]) -> int:
    return sized[0]


def _by_id(questions: Sequence[Question], ids: Sequence[str]) -> list[Question]:
    known = {question.id: question for question in questions}
    return [known[name] for name in ids]
