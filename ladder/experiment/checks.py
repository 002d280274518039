"""What no type can say about an experiment: values in range, names that exist, questions that fit pages and style."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence, Set
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from typing import Any

from contracts.experiment import Experiment, HouseStyle, Question, Retrieval
from ladder.experiment.model_ids import check_models
from ladder.experiment.validation import Source, Sourced
from lambdas.common.prompts import citations
from lambdas.evaluation.metrics import CORRECTNESS, METRICS
from lambdas.evaluation.scoring import split_of
from lambdas.evaluation.text import tokens

#: What a deployment accepts too (`infra.settings.EXPERIMENT_NAME`): the vector store's names leave 18 characters.
EXPERIMENT_NAME = re.compile(r"(?=.{2,18}$)[a-z](?:-?[a-z0-9])*")
PROFILE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
#: `--profile all` means every question, so no profile may take that name.
ALL_PROFILE = "all"
#: The smallest context of the models we run is 8,192 tokens. English has about four characters a token; three leave
#: room for names and numbers. Whether whole prompts fit their models, `ladder.check` says.
CONTEXT_CHARACTERS = 8192 * 3
#: What numbers must at least be, where that is not 1; and those that have a range of their own.
LEAST = {
    "document_changes_per_month": 0,
    "minutes_saved_per_accepted_answer": 0,
    "chunk_characters": 100,
    "chunk_overlap": 0,
    "reasoning_tokens": 0,
}
#: What numbers may at most be: a slip of the finger must not become a bill, or a run that never ends.
MOST = {
    "answer_tokens": 32_768,
    "reasoning_tokens": 131_072,
    "shots": 100,
    "page_shots": 50,
    "chunk_characters": 30_000,
    "candidates": 500,
    "pages": 100,
    "pages_few_shot": 100,
    "pages_fine_tuned": 100,
    "rank": 512,
    "alpha": 4096,
    "batch_size": 1024,
    "epochs_closed_book": 1000,
    "epochs_rag": 1000,
}
MOST_OF_ALL = 10**10
OWN_RANGE = ("monthly_growth", "learning_rate", "temperature")
#: Converse takes 0 to 1 from every model; some take more.
TOP_TEMPERATURE = 1


def check_experiment(loaded: Sourced[Experiment], test: Sequence[Question]) -> None:
    """Check name, house style, gate, numbers and model ids."""
    experiment, problem = loaded.value, loaded.source.problem
    if not EXPERIMENT_NAME.fullmatch(experiment.name):
        todo = "use 2 to 18 of a-z, 0-9 and single -, a letter first; it names tags, folders and stacks"
        problem(f"{experiment.name!r} cannot be a name", todo, "name")
    if not 0 <= experiment.seed < 2**31:
        problem(f"{experiment.seed} is out of range", "use 0 to 2147483647", "seed")
    _check_style(experiment.house_style, problem)
    _check_gate(experiment, test, problem)
    _check_numbers(experiment, problem)
    check_models(experiment.models, problem)


def _check_style(style: HouseStyle, problem: Callable[..., None]) -> None:
    if not style.instruction.strip():
        problem("is empty", "say how an answer looks", "house_style", "instruction")
    if style.refusal is not None and (not style.refusal.strip() or "\n" in style.refusal):
        problem("must be one sentence on one line", "for example: The pages do not say.", "house_style", "refusal")
    if style.pattern is not None and (error := pattern_error(style.pattern)):
        problem(f"is not a regular expression: {error}", "correct it, in single quotes", "house_style", "pattern")


def pattern_error(pattern: str) -> str | None:
    """Return what is wrong with a regular expression; None if it compiles."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)
    return None


def _check_gate(experiment: Experiment, test: Sequence[Question], problem: Callable[..., None]) -> None:
    """Check the rules of `evaluation.gate.check`, with lines: a gate that it refuses must not cost a run first."""
    splits = sorted({split_of(question) for question in test})
    usable = ", ".join(name for name, metric in METRICS.items() if metric.use_instead is None)
    for index, rule in enumerate(experiment.gate):
        metric = METRICS.get(rule.metric)
        if metric is None:
            problem(f"{rule.metric!r} is unknown", f"use one of {usable}", "gate", index, "metric")
            continue
        if metric.use_instead is not None:
            problem(f"{rule.metric} is better when lower", f"use {metric.use_instead}", "gate", index, "metric")
        top = 100 if rule.metric == "bleu" else 1
        if not 0 < rule.minimum <= top:
            what = f"{rule.minimum:g} is out of range"
            problem(what, f"{rule.metric} needs a minimum above 0 and at most {top}", "gate", index, "minimum")
        if rule.split is not None and test and rule.split not in splits:
            todo = f"use one of {', '.join(splits)} (the first tag of a question)"
            problem(f"no test question belongs to {rule.split!r}", todo, "gate", index, "split")
    if not any(rule.metric in CORRECTNESS and rule.split != "unanswerable" for rule in experiment.gate):
        problem(
            "no rule asks for right answers; form and word overlap rank well-phrased wrong answers first, and a "
            "system that refuses everything is never wrong on unanswerable questions",
            f"add a rule on {' or '.join(CORRECTNESS)}",
            "gate",
        )


def _check_numbers(experiment: Experiment, problem: Callable[..., None]) -> None:
    for section in ("prompt", "workload", "retrieval", "training", "models"):
        _check_least(getattr(experiment, section), problem, section)
    for name, profile in experiment.profiles.items():
        _check_least(profile, problem, "profiles", name)
        if not PROFILE_NAME.fullmatch(name) or name == ALL_PROFILE:
            problem("cannot be a profile's name", "use a-z, 0-9, - and _, but not `all`", "profiles", name)
    workload, retrieval, training = experiment.workload, experiment.retrieval, experiment.training
    temperature = experiment.prompt.temperature
    if temperature is not None and not 0 <= temperature <= TOP_TEMPERATURE:
        todo = f"use 0 to {TOP_TEMPERATURE}, or null to leave it to the model"
        problem(f"{temperature} is out of range", todo, "prompt", "temperature")
    if not all(experiment.prompt.stop):
        problem("holds an empty text", "remove it", "prompt", "stop")
    if not -1 < workload.monthly_growth <= 1:
        todo = "0.02 means two per cent more every month"
        problem(f"{workload.monthly_growth} is out of range", todo, "workload", "monthly_growth")
    for name in ("value_per_accepted_answer_usd", "hourly_wage_usd"):
        amount = getattr(workload, name)
        if amount is not None and not _is_amount(amount):
            problem(f"{amount!r} is not an amount of US dollars", 'write, for example, "0.35"', "workload", name)
    if not 0 < training.learning_rate < 1:
        what = f"{training.learning_rate} is out of range"
        problem(what, "use a number between 0 and 1, for example 0.002", "training", "learning_rate")
    if retrieval.chunk_overlap >= retrieval.chunk_characters:
        problem("is not smaller than chunk_characters", "make it smaller", "retrieval", "chunk_overlap")
    if _most_pages(retrieval) > retrieval.candidates:
        problem("is less than the pages of a prompt", "raise it, or use fewer pages", "retrieval", "candidates")


def _check_least(record: Any, problem: Callable[..., None], *place: str) -> None:
    for name in (field.name for field in fields(record) if field.name not in OWN_RANGE):
        value, least = getattr(record, name), LEAST.get(name, 1)
        if isinstance(value, int | float) and not (math.isfinite(value) and value >= least):
            problem(f"{value} is too small", f"the least is {least}", *place, name)
        elif isinstance(value, int) and value > MOST.get(name, MOST_OF_ALL):
            problem(f"{value} is too large", f"the most is {MOST.get(name, MOST_OF_ALL):,}", *place, name)


def _most_pages(retrieval: Retrieval) -> int:
    return max(retrieval.pages, retrieval.pages_few_shot, retrieval.pages_fine_tuned)


def _is_amount(text: str) -> bool:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return False
    return amount.is_finite() and amount >= 0


def check_questions(
    train: Sequence[Sourced[Question]],
    test: Sequence[Sourced[Question]],
    *,
    documents: Set[str],
    style: HouseStyle | None,
) -> None:
    """Check each question by itself, then the two files against each other. A part that is broken is not used."""
    written = None if style is None else style.pattern
    pattern = None if written is None or pattern_error(written) else re.compile(written)
    ids: dict[str, Sourced[Question]] = {}
    texts: dict[tuple[str, ...], tuple[Sourced[Question], bool]] = {}
    for sourced, is_test in [*((q, False) for q in train), *((q, True) for q in test)]:
        question, problem = sourced.value, sourced.source.problem
        _check_question(question, documents, problem)
        if style is not None:
            _check_answer(question, documents, style, pattern, problem)
        other = ids.setdefault(question.id, sourced)
        if other is not sourced:
            problem(f"{question.id!r} is the id of {_place(other)} too", "give each question its own id", "id")
        earlier, earlier_is_test = texts.setdefault(tuple(tokens(question.question)), (sourced, is_test))
        if earlier is not sourced and is_test:
            leak = "the answer would be known from training" if not earlier_is_test else "it would count twice"
            what = f"is asked in {_place(earlier)} too, so {leak}"
            problem(what, "word it differently or remove it", "question")


def check_present(questions: Sequence[Sourced[Question]], source: Source, use: str) -> None:
    """Check that a file that could be read holds a question."""
    if not questions and not any(problem.file == source.file for problem in source.problems):
        source.problem(f"holds no question; {use}", "write one JSON object a line")


def _check_question(question: Question, documents: Set[str], problem: Callable[..., None]) -> None:
    for name in ("id", "question", "answer"):
        if not getattr(question, name).strip():
            problem("is empty", "write it", name)
    if len(question.question) > CONTEXT_CHARACTERS:
        what = f"has {len(question.question):,} characters, about {CONTEXT_CHARACTERS:,} fit the smallest model"
        problem(what, "shorten it", "question")
    if question.unanswerable and question.document is not None:
        problem("an unanswerable question has no page", "write null, or set unanswerable to false", "document")
    elif question.document is not None and documents and question.document not in documents:
        problem(f"there is no page {question.document!r}", "correct the id or add the page", "document")


def _check_answer(
    question: Question,
    documents: Set[str],
    style: HouseStyle,
    pattern: re.Pattern[str] | None,
    problem: Callable[..., None],
) -> None:
    answer = question.answer
    if question.unanswerable and style.refusal is None:
        problem("an unanswerable question needs a refusal", "write house_style.refusal in experiment.yaml", "answer")
    elif question.unanswerable and answer != style.refusal:
        problem("an unanswerable question is refused", f"write: {style.refusal}", "answer")
    elif not question.unanswerable and pattern is not None and not pattern.fullmatch(answer):
        problem(f"{answer!r} does not match house_style.pattern", "change one of the two", "answer")
    elif question.document in documents and question.document and _cites_another(answer, question.document, documents):
        problem(f"it cites another page than document {question.document!r}", "make the two agree", "answer")


def _cites_another(answer: str, page: str, documents: Set[str]) -> bool:
    """Return whether the first citation is of another page. What stands in brackets and is no page is text: `[1]`."""
    first = citations(answer)[:1]
    return first != (page,) and not documents.isdisjoint(first)


def _place(question: Sourced[Question]) -> str:
    return f"{question.source.file}:{question.source.line}"
