"""What the experiment's own workload would cost: its task measured in tokens, its numbers checked, for estimates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from statistics import mean

from contracts.experiment import Document, Experiment, Question
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.workload import ExactWorkload, Task
from cost_reports.prices.catalogue import Catalogue
from lambdas.common import prompts

CHARACTERS_PER_TOKEN = 4
"""English text; the usual rule of thumb of model providers. Measured tokens of a run take its place."""
REASONING_TOKENS = 120
"""What a model writes before its answer when it is asked to think first, where the experiment leaves that much room."""


def tokens(text: str) -> int:
    """Return the tokens of a text, at least one."""
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))


def task_of(
    experiment: Experiment, documents: Sequence[Document], train: Sequence[Question], test: Sequence[Question]
) -> Task:
    """Return the size of the experiment's task, from its documents, questions and the prompts that are really sent."""
    e = experiment
    questions = test or train
    pages = [prompts.page_text(d) for d in documents]
    chunk = min(mean(len(p) for p in pages), e.retrieval.chunk_characters)
    style = prompts.render("zero-shot", "", e).system or ""
    shot = _mean(q.question for q in train) + _mean(q.answer for q in train) if train else 0
    return Task(
        documents=len(documents),
        corpus_tokens=sum(map(tokens, pages)),
        question_tokens=_mean(q.question for q in questions),
        answer_tokens=_mean(q.answer for q in questions),
        style_tokens=tokens(style),
        shots=e.prompt.shots,
        shot_tokens=shot,
        reasoning_tokens=min(REASONING_TOKENS, e.prompt.reasoning_tokens),
        pages=e.retrieval.pages,
        chunk_tokens=-(-round(chunk) // CHARACTERS_PER_TOKEN),
        train_examples=max(1, len(train)),
        train_example_tokens=max(1, shot),
        epochs=e.training.epochs_closed_book,
    )


def inputs_of(
    experiment: Experiment,
    task: Task,
    catalogue: Catalogue,
    *,
    region: str = "us-east-1",
    requests_per_month: int | None = None,
    horizon_months: int | None = None,
    assumed: Mapping[str, Fraction] | None = None,
    measured: Mapping[str, tuple[Fraction, Fraction]] | None = None,
) -> EstimateInputs:
    """Return what an estimate of the experiment needs; volume, horizon and tokens may be put in place of its own.

    Raises:
        WorkloadError: a number of the workload is impossible, or an amount is not a number.
    """
    e = experiment
    return EstimateInputs(
        experiment=e.name,
        catalogue=catalogue,
        task=task,
        workload=ExactWorkload.of(e.workload, requests_per_month=requests_per_month, horizon_months=horizon_months),
        generator=e.models.generator,
        embedding=e.models.embedding,
        dimensions=e.models.embedding_dimensions,
        base_model=e.models.fine_tuning_base,
        training_instance=e.models.training_instance,
        hosting_instance=e.models.hosting_instance,
        region=region,
        rank=e.training.rank,
        assumed=dict(assumed or {}),
        measured=dict(measured or {}),
    )


def _mean(texts: Iterable[str]) -> int:
    return max(1, round(mean(tokens(t) for t in texts)))
