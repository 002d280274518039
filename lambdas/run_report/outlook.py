"""What the experiment's own workload would cost: its task measured in tokens, its numbers checked, for estimates."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from statistics import mean

from contracts.experiment import PAGE_VARIANTS, SHOT_VARIANTS, VARIANTS, Document, Experiment, Question
from contracts.run import Manifest
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.workload import ExactWorkload, Task
from cost_reports.prices.catalogue import Catalogue
from lambdas.common import prompts
from lambdas.common.prompts import Message, Prompt, Shot

CHARACTERS_PER_TOKEN = 4
"""Latin script; the usual rule of thumb of model providers. Measured tokens of a run take its place."""
CHARACTERS_PER_TOKEN_OTHER = 2
"""Scripts with an alphabet of their own: Cyrillic, Greek, Arabic, Hebrew, Devanagari and the like."""
COUNTED_BY = (
    f"estimated: {CHARACTERS_PER_TOKEN} characters a token, {CHARACTERS_PER_TOKEN_OTHER} in other alphabets, 1 in"
    " Chinese, Japanese, Korean, Thai and the like"
)
#: Scripts of which a token holds about one character: those of China, Japan and Korea, of Thailand, Laos, Myanmar and
#: Cambodia; pictures.
_DENSE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef"
    "\U0001f000-\U0001faff\U00020000-\U0003ffff]+"
)
_OTHER = re.compile("[\u0370-\u0dff\u0f00-\u0fff\u10a0-\u10ff\u1200-\u177f\u1800-\u1cff]+")
REASONING_TOKENS = 120
"""What a model writes before its answer when it is asked to think first, where the experiment leaves that much room."""
#: What a chat template adds around each turn.
TURN_TOKENS = 4
#: Variant of an estimate -> the variant of a run whose prompt it has.
RENDERED = {
    **{name: name for name in (*VARIANTS["prompting"], *VARIANTS["rag"])},
    "fine-tuned": "lora",
    "fine-tuned+rag": "lora+rag",
}
#: Questions that are rendered for an estimate.
MOST_RENDERED = 40


def tokens(text: str) -> int:
    """Return the tokens of a text, at least one: an estimate by its scripts (`COUNTED_BY`)."""
    dense = other = 0
    if not text.isascii():
        dense, other = (sum(map(len, script.findall(text))) for script in (_DENSE, _OTHER))
    # Whole numbers, in parts of a token that both ratios divide.
    parts = len(text) - dense - other + other * CHARACTERS_PER_TOKEN // CHARACTERS_PER_TOKEN_OTHER
    return max(1, dense - (-parts // CHARACTERS_PER_TOKEN))


def of_run(task: Task, manifest: Manifest) -> Task:
    """Return the task as one run has it: with the examples that its adapters learn from, as often as it shows them."""
    return replace(task, train_examples=max(1, len(manifest.closed_book_ids)), epochs=manifest.epochs_closed_book)


def task_of(
    experiment: Experiment, documents: Sequence[Document], train: Sequence[Question], test: Sequence[Question]
) -> Task:
    """Return the size of the experiment's task, from its documents, questions and the prompts that are really sent."""
    e = experiment
    questions = test or train
    pages = [prompts.page_text(d) for d in documents]
    page_tokens = [tokens(p) for p in pages]
    # The share of a mean page that fits one chunk.
    chunk = mean(page_tokens) * min(1, e.retrieval.chunk_characters / mean(map(len, pages)))
    style = prompts.render("zero-shot", "", e).system or ""
    shot = _mean(q.question for q in train) + _mean(q.answer for q in train) if train else 0
    return Task(
        documents=len(documents),
        corpus_tokens=sum(page_tokens),
        question_tokens=_mean(q.question for q in questions),
        answer_tokens=_mean(q.answer for q in questions),
        style_tokens=tokens(style),
        shots=e.prompt.shots,
        shot_tokens=shot,
        reasoning_tokens=min(REASONING_TOKENS, e.prompt.reasoning_tokens),
        pages=e.retrieval.pages,
        chunk_tokens=max(1, math.ceil(chunk)),
        train_examples=max(1, len(train)),
        train_example_tokens=max(1, shot),
        epochs=e.training.epochs_closed_book,
        rendered=_rendered(e, documents, train, questions),
    )


def sent_tokens(prompt: Prompt) -> int:
    """Return the tokens of a prompt, with what a chat template adds."""
    system = [Message("user", prompt.system)] if prompt.system else []
    return _turns([*system, *prompt.messages])


def _turns(messages: Iterable[Message]) -> int:
    return sum(tokens(message.content) + TURN_TOKENS for message in messages)


def _rendered(
    e: Experiment, documents: Sequence[Document], train: Sequence[Question], questions: Sequence[Question]
) -> dict[str, tuple[int, int, int]]:
    """Return variant -> tokens of the prompt as it is sent: the same in all, the question with its pages, the answer.

    Every page stands for one of mean length; of many questions a part, spread over all, stands for them.
    """
    page = _mean_page(documents, e.retrieval.chunk_characters)
    asked = questions[:: -(-len(questions) // MOST_RENDERED)]
    answer, reasoning = _mean(q.answer for q in questions), min(REASONING_TOKENS, e.prompt.reasoning_tokens)
    found = {}
    for name, variant in RENDERED.items():
        try:
            shots = _shots(e, variant, train, page)
        except ValueError:
            continue  # too few examples to choose from: no prompt of this variant can be sent
        shown = [page] * _page_count(e, variant)
        sent = [prompts.render(variant, q.question, e, pages=shown, shots=shots) for q in asked]
        own = round(mean(_turns(prompt.messages[-1:]) for prompt in sent))
        fixed = sent_tokens(sent[0]) - _turns(sent[0].messages[-1:])
        found[name] = (fixed, own, answer + (reasoning if variant == "chain-of-thought" else 0))
    return found


def _mean_page(documents: Sequence[Document], characters: int) -> Document:
    """Return the page whose length is nearest to the mean, no longer than a chunk."""
    middle = mean(len(d.text) for d in documents)
    page = min(documents, key=lambda d: (abs(len(d.text) - middle), d.id))
    return replace(page, text=page.text[:characters])


def _page_count(e: Experiment, variant: str) -> int:
    if variant not in PAGE_VARIANTS:
        return 0
    counts = {"rag": e.retrieval.pages, "rag+few-shot": e.retrieval.pages_few_shot}
    return counts.get(variant, e.retrieval.pages_fine_tuned)


def _shots(e: Experiment, variant: str, train: Sequence[Question], page: Document) -> tuple[Shot, ...]:
    if variant not in SHOT_VARIANTS:
        return ()
    if variant not in PAGE_VARIANTS:
        return prompts.choose_shots(train, e.seed, e.prompt.shots)
    answerable = [q for q in train if not q.unanswerable]
    chosen = prompts.choose_questions(answerable, e.seed, e.prompt.page_shots, refusals=0)
    return tuple(Shot(question=q.question, answer=q.answer, pages=(page,)) for q in chosen)


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
