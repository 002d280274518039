"""The check of an experiment as a record, what it warns of, and the page that shows it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from contracts.experiment import VARIANTS, TaskKind
from contracts.run import Manifest
from cost_reports.estimate.gpu import SHAPES
from cost_reports.prices.catalogue import Catalogue, PriceError
from cost_reports.text import counted
from ladder.check.cost import RunCost, cost_of
from ladder.check.limits import CONTEXT, Limit, limits_of, too_long
from ladder.check.sizes import Sizes, Spread, measure
from ladder.errors import LadderError
from ladder.experiment.defaults import labels_of
from ladder.experiment.folder import LoadedExperiment, load
from ladder.runs.manifest import plan
from lambdas.evaluation.scoring import split_of
from lambdas.run_report.outlook import COUNTED_BY, tokens

SCHEMA = 1
#: Below so many test questions only large differences show.
FEW_QUESTIONS = 40
#: What the packaged model of the embedded AWS takes, which stands in for every model.
EMBEDDED_CONTEXT = SHAPES["HuggingFaceTB/SmolLM2-135M-Instruct"].context


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the folder holds, and what the run takes of it. `splits`: part of the test -> its questions."""

    documents: int
    train: int
    test: int
    with_page: int
    unanswerable: int
    asked: int
    splits: dict[str, int]
    closed_book_examples: int
    rag_examples: int
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantSize:
    """The tokens of the prompts of a variant, and the most that an answer may have."""

    approach: str
    variant: str
    prompts: Spread
    answer_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """check.json: what a run would do, found out without a cent. `warnings` do not hinder it, `errors` do."""

    schema: int
    experiment: str
    profile: str
    task: TaskKind
    counts: Counts
    counted_by: str
    questions: Spread
    answers: Spread
    pages: Spread
    chunks: Spread
    variants: tuple[VariantSize, ...]
    limits: tuple[Limit, ...]
    cost: RunCost
    warnings: tuple[str, ...]
    errors: tuple[str, ...]


def check(folder: Path, *, profile: str, region: str, price_file: Path | None = None) -> Check:
    """Return the check of the experiment in `folder`.

    Raises:
        ExperimentError: the folder has mistakes; names them with file and line.
        LadderError: the profile is unknown, or there are too few examples for the prompts.
        PriceError: the price file cannot be used, or has no prices for the region.
    """
    loaded = load(folder)
    catalogue = Catalogue.load(price_file)
    now = datetime.now(UTC)
    manifest = plan(loaded, profile, "check", created=now.isoformat(timespec="seconds"), git_commit=None)
    sizes = measure(loaded, manifest)
    limits = limits_of(loaded, sizes, catalogue)
    cost = cost_of(loaded, manifest, catalogue, region)
    return Check(
        schema=SCHEMA,
        experiment=loaded.experiment.name,
        profile=profile,
        task=loaded.experiment.task,
        counts=_counts(loaded, manifest, sizes),
        counted_by=COUNTED_BY,
        questions=sizes.questions,
        answers=sizes.answers,
        pages=sizes.pages,
        chunks=sizes.chunks,
        variants=_variants(sizes),
        limits=limits,
        cost=cost,
        warnings=tuple(_warnings(loaded, manifest, limits, cost, catalogue, now.date())),
        errors=tuple(_errors(limits, cost)),
    )


def _counts(loaded: LoadedExperiment, manifest: Manifest, sizes: Sizes) -> Counts:
    asked = set(manifest.test_question_ids)
    return Counts(
        documents=len(loaded.documents),
        train=len(loaded.train),
        test=len(loaded.test),
        with_page=sum(question.document is not None for question in loaded.test),
        unanswerable=sum(question.unanswerable for question in loaded.test),
        asked=len(asked),
        splits=dict(sorted(Counter(split_of(question) for question in loaded.test if question.id in asked).items())),
        closed_book_examples=len(manifest.closed_book_ids),
        rag_examples=len(manifest.rag_ids),
        answers=len(sizes.prompts),
    )


def _variants(sizes: Sizes) -> tuple[VariantSize, ...]:
    room = {prompt.variant: prompt.answer_tokens for prompt in sizes.prompts}
    return tuple(
        VariantSize(approach=approach, variant=name, prompts=sizes.of(name), answer_tokens=room[name])
        for approach, names in VARIANTS.items()
        for name in names
    )


def _errors(limits: tuple[Limit, ...], cost: RunCost) -> Iterator[str]:
    yield from too_long(limits)
    if cost.total_usd is None:
        yield f"the run cannot be priced in {cost.region}: {cost.why}"


def _warnings(
    loaded: LoadedExperiment,
    manifest: Manifest,
    limits: tuple[Limit, ...],
    cost: RunCost,
    catalogue: Catalogue,
    today: date,
) -> Iterator[str]:
    for limit in limits:
        if limit.state == "may not fit":
            yield f"may not fit {limit.model} ({limit.most:,} of {limit.limit or 0:,} tokens): {limit.found}"
        elif limit.state == "unknown":
            yield f"{limit.model}: limit not known here; the longest {limit.what} has {limit.most:,} tokens"
    longest = max(limit.most for limit in limits if limit.what == CONTEXT)
    if longest > EMBEDDED_CONTEXT:
        yield f"the model of the embedded AWS takes {EMBEDDED_CONTEXT:,} tokens, the longest prompt has {longest:,}"
    yield from _of_answers(loaded, manifest)
    yield from _of_questions(loaded, manifest)
    if cost.lacking:
        yield f"no public price, so not in the cost: {', '.join(cost.lacking)}"
    for model in (loaded.experiment.models.generator, loaded.experiment.models.embedding):
        try:
            end = catalogue.model(model).end_of_life
        except PriceError:
            continue
        if end is not None:
            ended = "ended" if end <= today.isoformat() else "ends"
            yield f"{model}: its life {ended} on {end}; choose a successor"


def _of_answers(loaded: LoadedExperiment, manifest: Manifest) -> Iterator[str]:
    asked = set(manifest.test_question_ids)
    answers = {question.id: tokens(question.answer) for question in loaded.test if question.id in asked}
    room = loaded.experiment.prompt.answer_tokens
    cut = [name for name, count in answers.items() if count > room]
    if cut:
        yield (
            f"{len(cut):,} of {counted(len(answers), 'reference answer')} longer than prompt.answer_tokens ({room}),"
            f" {cut[0]} for one: such answers are cut; raise it to {max(answers.values())} or more"
        )
    if loaded.experiment.task == "label":
        new = sorted(set(labels_of(loaded.test)) - set(labels_of(loaded.train)))
        if new:
            yield f"{counted(len(new), 'label')} of the test without an example in training: {', '.join(new[:5])}"


def _of_questions(loaded: LoadedExperiment, manifest: Manifest) -> Iterator[str]:
    asked = len(manifest.test_question_ids)
    if asked < FEW_QUESTIONS:
        points = math.ceil(98 / math.sqrt(asked))
        yield f"{counted(asked, 'test question')}: at 50 % correct the 95 % interval is ±{points} points"
    without = sum(question.document is None and not question.unanswerable for question in loaded.test)
    if without:
        yield f"{counted(without, 'test question')} without a page: whether search finds it is not measured on them"
    texts = Counter(page.text for page in loaded.documents)
    if copies := sum(count - 1 for count in texts.values()):
        yield f"{counted(copies, 'page')} with the text of another page: search cannot tell which one is meant"


def require_no_error(found: Check, folder: Path) -> None:
    """Return if a run of the experiment is possible.

    Raises:
        LadderError: it is not; says how many reasons stand above.
    """
    if found.errors:
        raise LadderError(f"{folder}: {counted(len(found.errors), 'error')}, see above; a run would fail")
