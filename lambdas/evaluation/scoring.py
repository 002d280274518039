"""Answers and questions in, scores and quality out. Pure: no AWS, no clock; the same input gives the same rows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.experiment import VARIANTS, Approach, HouseStyle, Question, Scoring
from contracts.run import AnswerClass, AnswerRow, QualityRow, ScoreRow, answer_class
from lambdas.common.prompts import final_answer
from lambdas.evaluation import labels, text_metrics
from lambdas.evaluation.intervals import Interval, mean_interval, wilson
from lambdas.evaluation.labels import Labels
from lambdas.evaluation.metrics import METRICS

#: (variant, question id) -> metric -> score; None: it could not be measured.
Judged = Mapping[tuple[str, str], Mapping[str, float | None]]

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

    def measures(self, text: str) -> bool: ...


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
    scoring: Scoring | None = None,
    label_task: bool = False,
    judged: Judged | None = None,
) -> Evaluation:
    """Score every variant of one approach on the same `questions`, and sum up over all of them and over each split.

    All variants of the approach are scored on all questions. A question without an answer row (its batch failed)
    counts like one with an error: wrong, and counted in `error`. So does an answer that is empty or filtered.
    `label_task`: the reference answers are labels. `judged`: scores that a model gave.

    Raises:
        AnswersError: an answer to a question that was not asked, or two answers to one.
    """
    variants = by_variant(answers, questions, approach)
    texts = {
        (variant, question.id): text_of(rows.get(question.id))
        for variant, rows in variants.items()
        for question in questions
    }
    semantic = _semantic(texts, questions, list(variants), bertscore)
    known = Labels(question.answer for question in questions) if label_task else None
    scores: list[ScoreRow] = []
    quality: list[QualityRow] = []
    for variant, rows in variants.items():
        retrieves = max((len(row.retrieved) for row in rows.values()), default=0)
        of_variant: list[ScoreRow] = []
        named: list[labels.Pair] = []
        for question in questions:
            row, text = rows.get(question.id), texts[variant, question.id]
            kind = _kind(row)
            failed, cut = kind in NO_ANSWER, kind == "cut"
            found = text_metrics.score(text, question, style, scoring, failed=failed, cut=cut)
            found |= _hits(row, question, retrieves)
            found |= overlap.score(text, question.answer)
            found |= semantic[variant, question.id]
            found |= (judged or {}).get((variant, question.id), {})
            if known is not None:
                named.append((known.of(question.answer), known.named(text, question.answer)))
                found["label-accuracy"] = float(named[-1][0] == named[-1][1])
            of_variant.append(
                ScoreRow(
                    experiment=experiment,
                    run=run,
                    approach=approach,
                    variant=variant,
                    question_id=question.id,
                    split=split_of(question),
                    scores={name: value for name in METRICS if (value := found.get(name)) is not None},
                    left_out=tuple(name for name, value in found.items() if value is None),
                )
            )
        scores += of_variant
        quality += summarise(of_variant, seed)
        quality += _of_labels(of_variant[0], named, seed) if named else []
    return Evaluation(scores, quality)


def _semantic(
    texts: Mapping[tuple[str, str], str], questions: Sequence[Question], variants: Sequence[str], bertscore: PairScorer
) -> dict[tuple[str, str], dict[str, float | None]]:
    """Return BERTScore by (variant, question id); None where the model does not know the reference's characters."""
    names = ("bertscore-p", "bertscore-r", "bertscore-f1")
    # Question by question, so that one reference is embedded once for all variants.
    measured = [question for question in questions if bertscore.measures(question.answer)]
    cells = [(variant, question) for question in measured for variant in variants]
    matches = bertscore.score([(texts[variant, question.id], question.answer) for variant, question in cells])
    found: dict[tuple[str, str], dict[str, float | None]] = {cell: dict.fromkeys(names) for cell in texts}
    for (variant, question), match in zip(cells, matches, strict=True):
        found[variant, question.id] = dict(zip(names, match, strict=True))
    return found


def _of_labels(like: ScoreRow, pairs: Sequence[labels.Pair], seed: int) -> list[QualityRow]:
    """Return what `labels.figures` says of one variant; `like` is any score of it."""
    return [
        _quality(like, figure.label or ALL, figure.metric, figure.value, figure.n, figure.interval)
        for figure in labels.figures(pairs, f"{seed}/{like.approach}/{like.variant}/labels")
    ]


def summarise(scores: Sequence[ScoreRow], seed: int) -> list[QualityRow]:
    """Return mean and 95 % interval of every metric by variant, over all questions and over each split."""
    groups: dict[tuple[str, str, str, Approach], dict[str, list[ScoreRow]]] = {}
    for score in scores:
        by_split = groups.setdefault((score.experiment, score.run, score.variant, score.approach), {ALL: []})
        by_split[ALL].append(score)
        by_split.setdefault(score.split, []).append(score)
    quality: list[QualityRow] = []
    for (_, _, variant, approach), by_split in groups.items():
        for split, members in by_split.items():
            for metric, values in _columns(members).items():
                if METRICS[metric].proportion:
                    interval = wilson(math.fsum(values), len(values))
                else:
                    interval = mean_interval(values, f"{seed}/{approach}/{variant}/{split}/{metric}")
                left_out = sum(metric in member.left_out for member in members)
                mean = sum(values) / len(values)
                quality.append(_quality(members[0], split, metric, mean, len(values), interval, left_out))
    return quality


def _quality(
    like: ScoreRow, split: str, metric: str, value: float, n: int, interval: Interval, left_out: int = 0
) -> QualityRow:
    return QualityRow(
        experiment=like.experiment,
        run=like.run,
        approach=like.approach,
        variant=like.variant,
        metric=metric,
        split=split,
        value=value,
        n=n,
        low=interval.low,
        high=interval.high,
        method=interval.method,
        left_out=left_out,
    )


def by_variant(
    answers: Iterable[AnswerRow], questions: Iterable[Question], approach: Approach
) -> dict[str, dict[str, AnswerRow]]:
    """Return variant -> question id -> answer, of all variants of the approach in their order.

    Raises:
        AnswersError: as `evaluate`.
    """
    asked = {question.id for question in questions}
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


def text_of(row: AnswerRow | None) -> str:
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
