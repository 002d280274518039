"""Answers and questions in, scores and quality out. Pure: no AWS, no clock; the same input gives the same rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.experiment import VARIANTS, Approach, HouseStyle, Question
from contracts.run import AnswerClass, AnswerRow, QualityRow, ScoreRow, answer_class
from lambdas.common.prompts import final_answer
from lambdas.evaluation import text_metrics
from lambdas.evaluation.intervals import mean_interval, wilson
from lambdas.evaluation.metrics import METRICS

ALL = "all"
RANKS = (1, 3, 5)
#: Classes of answers that give a question no text of the model's.
NO_ANSWER: tuple[AnswerClass, ...] = ("failed", "filtered", "empty")


class OverlapScorer(Protocol):
    """See `overlap.Overlap`."""

    def score(self, text: str, reference: str) -> dict[str, float]: ...


class PairScorer(Protocol):
    """See `bertscore.BertScore`."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> Sequence[tuple[float, float, float]]: ...


class AnswersError(ValueError):
    """The answers do not fit the questions; the message names the first that does not."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores are in the order of variants, then of questions; quality by variant, split, metric."""

    scores: list[ScoreRow]
    quality: list[QualityRow]


def split_of(question: Question) -> str:
    """Return the part of the test that the question belongs to: its first tag, else whether it can be answered."""
    if question.tags:
        return question.tags[0]
    return "unanswerable" if question.unanswerable else "answerable"


def evaluate(
    answers: Iterable[AnswerRow],
    questions: Sequence[Question],
    style: HouseStyle,
    *,
    experiment: str,
    run: str,
    approach: Approach,
    seed: int,
    overlap: OverlapScorer,
    bertscore: PairScorer,
) -> Evaluation:
    """Score every variant of one approach on the same `questions`, and sum up over all of them and over each split.

    All variants of the approach are scored on all questions. A question without an answer row (its batch failed)
    counts like one with an error: wrong, and counted in `error`. So does an answer that is empty or filtered.

    Raises:
        AnswersError: an answer to a question that was not asked, or two answers to one.
    """
    variants = _by_variant(answers, {question.id for question in questions}, approach)
    texts = {
        (variant, question.id): _text(rows.get(question.id))
        for variant, rows in variants.items()
        for question in questions
    }
    # Question by question, so that one reference is embedded once for all variants.
    cells = [(variant, question) for question in questions for variant in variants]
    matches = bertscore.score([(texts[variant, question.id], question.answer) for variant, question in cells])
    semantic = {
        (variant, question.id): dict(zip(("bertscore-p", "bertscore-r", "bertscore-f1"), match, strict=True))
        for (variant, question), match in zip(cells, matches, strict=True)
    }
    scores: list[ScoreRow] = []
    for variant, rows in variants.items():
        retrieves = max((len(row.retrieved) for row in rows.values()), default=0)
        for question in questions:
            row, text = rows.get(question.id), texts[variant, question.id]
            kind = _kind(row)
            found = text_metrics.score(text, question, style, failed=kind in NO_ANSWER, cut=kind == "cut")
            found |= _hits(row, question, retrieves)
            found |= overlap.score(text, question.answer)
            found |= semantic[variant, question.id]
            scores.append(
                ScoreRow(
                    experiment=experiment,
                    run=run,
                    approach=approach,
                    variant=variant,
                    question_id=question.id,
                    split=split_of(question),
                    scores={name: found[name] for name in METRICS if name in found},
                )
            )
    return Evaluation(scores, summarise(scores, seed))


def summarise(scores: Sequence[ScoreRow], seed: int) -> list[QualityRow]:
    """Return mean and 95 % interval of every metric by variant, over all questions and over each split."""
    groups: dict[tuple[str, str, str, Approach], dict[str, list[ScoreRow]]] = {}
    for score in scores:
        by_split = groups.setdefault((score.experiment, score.run, score.variant, score.approach), {ALL: []})
        by_split[ALL].append(score)
        by_split.setdefault(score.split, []).append(score)
    quality: list[QualityRow] = []
    for (experiment, run, variant, approach), by_split in groups.items():
        for split, members in by_split.items():
            for metric, values in _columns(members).items():
                if METRICS[metric].proportion:
                    low, high, method = wilson(round(sum(values)), len(values))
                else:
                    low, high, method = mean_interval(values, f"{seed}/{approach}/{variant}/{split}/{metric}")
                quality.append(
                    QualityRow(
                        experiment=experiment,
                        run=run,
                        approach=approach,
                        variant=variant,
                        metric=metric,
                        split=split,
                        value=sum(values) / len(values),
                        n=len(values),
                        low=low,
                        high=high,
                        method=method,
                    )
                )
    return quality


def _by_variant(answers: Iterable[AnswerRow], asked: set[str], approach: Approach) -> dict[str, dict[str, AnswerRow]]:
    found: dict[str, dict[str, AnswerRow]] = defaultdict(dict)
    for row in answers:
        if row.question_id not in asked:
            raise AnswersError(f"answers of {row.variant}: question {row.question_id} is not in the test questions")
        if row.question_id in found[row.variant]:
            raise AnswersError(f"answers of {row.variant}: question {row.question_id} is answered twice")
        found[row.variant][row.question_id] = row
    order = VARIANTS[approach]
    unknown = sorted(set(found) - set(order))
    if unknown:
        raise AnswersError(f"answers of {approach}: variant {unknown[0]!r} is not one of {', '.join(order)}")
    return {variant: found[variant] for variant in order}


def _text(row: AnswerRow | None) -> str:
    """Return what is scored: for chain-of-thought the final answer without the reasoning, nothing for an error.

    What a filter writes in place of an answer is not scored.
    """
    return "" if row is None or _kind(row) in NO_ANSWER else final_answer(row.text, row.variant)


def _kind(row: AnswerRow | None) -> AnswerClass:
    return "failed" if row is None else answer_class(row)


def _hits(row: AnswerRow | None, question: Question, retrieves: int) -> dict[str, float]:
    """Return hit@k for variants that retrieve, up to the number of pages in a prompt; an error is a miss."""
    if question.document is None:
        return {}
    pages = [r.document for r in sorted(row.retrieved, key=lambda r: r.rank)] if row is not None else []
    return {f"hit@{k}": float(question.document in pages[:k]) for k in RANKS if k <= retrieves}


def _columns(scores: Iterable[ScoreRow]) -> dict[str, list[float]]:
    columns: Mapping[str, list[float]] = {name: [] for name in METRICS}
    for score in scores:
        for name, value in score.scores.items():
            columns[name].append(value)
    return {name: values for name, values in columns.items() if values}
