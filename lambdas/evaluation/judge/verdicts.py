"""The judge's scores of an approach's answers, and its agreement with people on the answers that they have rated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts import keys
from contracts.experiment import Approach, Document, Experiment, HouseStyle, Judge, Question
from contracts.run import AnswerRow, QualityRow
from lambdas.common.step import Step
from lambdas.evaluation.judge import agreement, asking
from lambdas.evaluation.judge.agreement import Kappa
from lambdas.evaluation.judge.asking import ORDERS
from lambdas.evaluation.judge.calls import Call, Calls
from lambdas.evaluation.metrics import KAPPA
from lambdas.evaluation.scoring import ALL, AnswersError, Judged, text_of
from lambdas.evaluation.text_metrics import exact, is_refusal

Cell = tuple[str, Question, AnswerRow]
"""(variant, question, answer) of an answer that did not fail"""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Scores by (variant, question id), and how far the judge agrees with people; None: that is not known."""

    scores: Judged
    kappa: Kappa | None

    def quality(self, like: Iterable[QualityRow]) -> list[QualityRow]:
        """Return the agreement as a row of each variant that `like` has rows of."""
        if self.kappa is None:
            return []
        first = {(row.approach, row.variant): row for row in like}
        return [
            QualityRow(
                experiment=row.experiment,
                run=row.run,
                approach=row.approach,
                variant=row.variant,
                metric=KAPPA,
                split=ALL,
                value=self.kappa.value,
                n=self.kappa.n,
                low=self.kappa.low,
                high=self.kappa.high,
                method=agreement.METHOD,
            )
            for row in first.values()
        ]


def judge_answers(
    step: Step,
    calls: Calls,
    definition: Experiment,
    judge: Judge,
    approach: Approach,
    variants: Mapping[str, Mapping[str, AnswerRow]],
    asked: Sequence[Question],
    rated: Sequence[Question],
) -> Judgement:
    """Judge all answers of an approach, and the rated answers of `rated`, which all approaches share.

    Questions go in the batches of the run, all variants together, so that an answer which several of them give is
    judged once. An answer that is exactly the reference is right, an empty or failed one is wrong, without asking.

    Raises:
        JudgingUnfinishedError: the time ran out; a later call goes on where this one stopped.
    """
    style = definition.house_style
    scores: dict[tuple[str, str], dict[str, float | None]] = {}
    pages = _Pages(step, definition, (row for rows in variants.values() for row in rows.values()))
    size = step.manifest.batch_size
    for number, start in enumerate(range(0, len(asked), size)):
        cells: list[Cell] = []
        for question in asked[start : start + size]:
            for variant, rows in variants.items():
                row = rows.get(question.id)
                scores[variant, question.id] = {"judged": 0.0, "undecided": 0.0}
                if row is not None and row.error is None:
                    cells.append((variant, question, row))
        found = _judge_cells(calls, judge, style, pages, approach, f"{number:05d}", cells)
        for cell, values in zip(cells, found, strict=True):
            scores[cell[0], cell[1].id] |= values
    kappa = agreement.cohens_kappa(_rated_pairs(calls, judge, rated))
    step.log.info("judged", answers=len(scores), asked=calls.asked, failed=calls.failed, kappa=kappa and kappa.value)
    return Judgement(scores, kappa)


def _judge_cells(
    calls: Calls,
    judge: Judge,
    style: HouseStyle,
    pages: _Pages,
    approach: Approach,
    part: str,
    cells: Sequence[Cell],
) -> list[dict[str, float | None]]:
    """Return judged, undecided and, where pages were shown, grounded of each answer; one round of calls for all."""
    wanted: list[tuple[list[Call], list[Call]]] = []
    for variant, question, row in cells:
        text, subject = text_of(row), f"{variant} {question.id}"
        known = not text or exact(text, question.answer)
        verdicts = [] if known else _verdict_calls(judge, question, text, subject)
        refused = style.refusal is not None and is_refusal(text, style.refusal)
        shown = pages.of(row) if text and not refused else []
        grounding = [asking.grounding_prompt(question.question, text, shown)] if shown else []
        wanted.append((verdicts, [Call(f"{subject} grounded", prompt) for prompt in grounding]))
    replies = iter(calls.replies(approach, part, [call for own in wanted for calls_of in own for call in calls_of]))
    found: list[dict[str, float | None]] = []
    for (_, question, row), (verdicts, grounding_calls) in zip(cells, wanted, strict=True):
        given = [next(replies) for _ in verdicts]
        values: dict[str, float | None] = {"judged": float(exact(text_of(row), question.answer)), "undecided": 0.0}
        if given:
            values = _scores(given)
        if grounding_calls:
            values["grounded"] = _grounded(next(replies))
        found.append(values)
    return found


def _verdict_calls(judge: Judge, question: Question, text: str, subject: str) -> list[Call]:
    return [
        Call(f"{subject} {order}", asking.verdict_prompt(judge, question.question, question.answer, text, order))
        for order in ORDERS
    ]


def _scores(replies: Sequence[str | None]) -> dict[str, float | None]:
    """Return a point for two verdicts `right`, none for two `wrong`, half of one where the order decided.

    Without a verdict the answer is not measured: it is left out of the mean, and counted as undecided.
    """
    verdicts = [None if reply is None else asking.verdict_of(reply) for reply in replies]
    if None in verdicts:
        return {"judged": None, "undecided": 1.0}
    return {
        "judged": sum(map(float, filter(None, verdicts))) / len(verdicts),
        "undecided": float(len(set(verdicts)) > 1),
    }


def _grounded(reply: str | None) -> float | None:
    """Return the share of supported statements; None without a readable reply, or without a statement."""
    support = None if reply is None else asking.support_of(reply)
    return support.supported / support.statements if support is not None and support.statements else None


def _rated_pairs(calls: Calls, judge: Judge, rated: Sequence[Question]) -> list[tuple[str, str]]:
    """Return (people's verdict, the judge's) of every rated answer that the judge was reached for.

    People are never undecided, so a judge that is does not agree with them.
    """
    items = [(question, number, label) for question in rated for number, label in enumerate(question.rated, start=1)]
    wanted = [
        call
        for question, number, label in items
        for call in _verdict_calls(judge, question, label.answer, f"rated {question.id} {number}")
    ]
    replies = calls.replies(keys.SHARED, "rated", wanted) if wanted else []
    names = {1.0: "right", 0.0: "wrong"}
    pairs = []
    for at, (_, _, label) in enumerate(items):
        given = replies[at * len(ORDERS) : (at + 1) * len(ORDERS)]
        if None not in given:
            verdict = _scores(given)["judged"]
            pairs.append((names[float(label.right)], names.get(-1.0 if verdict is None else verdict, "undecided")))
    return pairs


class _Pages:
    """The texts that were put before the model: the run's documents, cut as they were for the index."""

    def __init__(self, step: Step, definition: Experiment, answers: Iterable[AnswerRow]) -> None:
        named = {found.document for row in answers for found in row.retrieved}
        self._chunks: dict[tuple[str, str], Document] = {}
        if named:
            from lambdas.rag.chunking import chunk_all  # needs a layer that answers without pages do not

            documents = [document for document in step.results.documents(step.manifest) if document.id in named]
            for chunk in chunk_all(documents, definition.retrieval):
                page = Document(id=chunk.document, title=chunk.title, text=chunk.text)
                self._chunks[chunk.document, chunk.id] = page

    def of(self, row: AnswerRow) -> list[Document]:
        """Return the pages of an answer, best first.

        Raises:
            AnswersError: the run's documents hold no such chunk.
        """
        chunks = [(found.document, found.chunk) for found in sorted(row.retrieved, key=lambda r: r.rank)]
        for document, chunk in chunks:
            if (document, chunk) not in self._chunks:
                raise AnswersError(
                    f"answers of {row.variant}: question {row.question_id} was shown chunk {chunk} of {document!r}, "
                    "which the run's documents do not hold; run the approach again"
                )
        return [self._chunks[chunk] for chunk in chunks]
