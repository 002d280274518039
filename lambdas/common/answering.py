"""The one loop that answers a batch of test questions, for every approach.

Each question of the batch ends as exactly one AnswerRow. A call that fails for good becomes a row whose `error` is one
line: `deadline` (no time was left; the last error follows, if there was one), `temporary: ...` (outage) or
`permanent: ...`. A later invocation keeps the good and the permanent rows of the same object and asks only what is
left. Answers are written before usage; where an invocation died between the two, the next one rebuilds the token usage
from the rows, so that nothing is lost.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any

from contracts import keys
from contracts.experiment import VARIANTS, Approach, Question
from contracts.money import UsageRow
from contracts.run import AnswerRow, Manifest, Retrieved
from contracts.times import Deadline
from lambdas.common.bedrock import Generated, ModelCallError
from lambdas.common.metering import Meter
from lambdas.common.prompts import citations, final_answer
from lambdas.common.runtime import MODEL_WORKERS, DeadlineError, Log, is_retryable, one_line
from lambdas.common.store import MissingObjectError, Results

DEADLINE = "deadline"
TEMPORARY = "temporary: "
PERMANENT = "permanent: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What an approach gives for one question: the model's text, and the pages that it was shown."""

    generated: Generated
    retrieved: tuple[Retrieved, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Which questions are answered how. `model_id` is the id that is billed, or the base model of an endpoint.

    `tokens_billed`: the model's tokens are paid for (Bedrock) and not the machine that runs it (an endpoint).
    """

    manifest: Manifest
    approach: Approach
    variant: str
    number: int
    model_id: str
    tokens_billed: bool = True

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS[self.approach]:
            known = ", ".join(VARIANTS[self.approach])
            raise ValueError(f"variant {self.variant!r} of {self.approach} is unknown; known are {known}")
        if not 0 <= self.number < batch_count(self.manifest):
            raise ValueError(f"batch {self.number} is not one of the {batch_count(self.manifest)} batches of the run")

    @property
    def question_ids(self) -> tuple[str, ...]:
        first = self.number * self.manifest.batch_size
        return self.manifest.test_question_ids[first : first + self.manifest.batch_size]

    @property
    def answers_key(self) -> str:
        return keys.answers(self.manifest.experiment, self.manifest.run, self.approach, self.variant, self.number)

    @property
    def usage_key(self) -> str:
        step = f"answer-{self.variant}-{self.number:05d}"
        return keys.usage(self.manifest.experiment, self.manifest.run, self.approach, step)


def batch_count(manifest: Manifest) -> int:
    """Return the number of batches of the run; the last may be shorter."""
    return -(-len(manifest.test_question_ids) // manifest.batch_size)


def write_items(results: Results, manifest: Manifest, approach: Approach) -> dict[str, Any]:
    """Write the Map items of the answering step; return the payload `{"bucket", "items_key", "items": n}`."""
    listed = items(manifest, [(v, number) for v in VARIANTS[approach] for number in range(batch_count(manifest))])
    key = keys.answer_items(manifest.experiment, manifest.run, approach)
    results.write_text(key, json.dumps(listed))
    return {"bucket": results.bucket, "items_key": key, "items": len(listed)}


def items(manifest: Manifest, batches: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """Return a Map item for each batch, given by variant and number."""
    run = {"experiment": manifest.experiment, "run": manifest.run}
    return [{**run, "variant": variant, "batch": number} for variant, number in batches]


def answer_batch(
    results: Results,
    batch: Batch,
    answer: Callable[[Question], Answered],
    *,
    meter: Meter,
    deadline: Deadline,
    log: Log,
    workers: int = MODEL_WORKERS,
) -> dict[str, Any]:
    """Answer what is not answered yet; return `{"variant", "batch", "answered", "errors", "skipped"}`.

    `answer` is called in threads; it meters everything but the model's tokens itself.
    """
    kept = earlier_rows(results, batch)
    todo = [qid for qid in batch.question_ids if qid not in kept or must_repeat(kept[qid])]
    skipped = len(batch.question_ids) - len(todo)
    if not todo:
        if not results.exists(batch.usage_key):
            _meter_tokens(meter, batch, list(kept.values()))
            meter.write(results, batch.usage_key)
        return _summary(batch, list(kept.values()), skipped)
    earlier_usage = _earlier_usage(results, batch, kept, meter)
    questions = _questions(results, batch, todo)
    fresh = {
        row.question_id: replace(row, attempt=row.attempt + kept[row.question_id].attempt)
        if row.question_id in kept
        else row
        for row in _answer_all(batch, questions, answer, deadline, log, workers)
    }
    rows = [fresh[qid] if qid in fresh else kept[qid] for qid in batch.question_ids]
    results.write(batch.answers_key, rows)
    _meter_tokens(meter, batch, list(fresh.values()))
    summary = _summary(batch, rows, skipped)
    log.info("batch answered", **summary)
    meter.write(results, batch.usage_key, earlier_usage)
    return summary


def must_repeat(row: AnswerRow) -> bool:
    """Return whether a later invocation may succeed."""
    return row.error is not None and not row.error.startswith(PERMANENT)


def earlier_rows(results: Results, batch: Batch) -> dict[str, AnswerRow]:
    """Question id -> row of an earlier invocation; empty where that left none or is not of exactly this batch.

    An object that cannot be read (cut short, of an older format) counts as absent: its questions are asked again.
    """
    try:
        rows = results.read(batch.answers_key, AnswerRow)
    except (MissingObjectError, ValueError):
        return {}
    found = {row.question_id: row for row in rows}
    return found if tuple(found) == batch.question_ids and len(rows) == len(found) else {}


def _questions(results: Results, batch: Batch, ids: Sequence[str]) -> list[Question]:
    known = {q.id: q for q in results.questions(batch.manifest, "test")}
    missing = [qid for qid in ids if qid not in known]
    if missing:
        raise ValueError(
            f"question {missing[0]!r} of the manifest is not in {batch.manifest.input_prefix}questions.test.jsonl"
        )
    return [known[qid] for qid in ids]


def _answer_all(
    batch: Batch,
    questions: Sequence[Question],
    answer: Callable[[Question], Answered],
    deadline: Deadline,
    log: Log,
    workers: int,
) -> list[AnswerRow]:
    pool = ThreadPoolExecutor(max_workers=workers)
    futures: list[Future[AnswerRow]] = [
        pool.submit(_answer_one, batch, question, answer, deadline, log) for question in questions
    ]
    wait(futures, timeout=deadline.remaining_s())
    # A call that still hangs must not take the other answers with it: its row says so, its thread is left behind.
    pool.shutdown(wait=False, cancel_futures=True)
    return [
        future.result()
        if future.done() and not future.cancelled()
        else _error_row(batch, question, DEADLINE, attempts=0 if future.cancelled() else 1)
        for question, future in zip(questions, futures, strict=True)
    ]


def _answer_one(
    batch: Batch, question: Question, answer: Callable[[Question], Answered], deadline: Deadline, log: Log
) -> AnswerRow:
    began = time.perf_counter()
    if deadline.expired:
        return _error_row(batch, question, DEADLINE, attempts=0)
    try:
        given = answer(question)
    except DeadlineError as error:
        log.error("question not answered", question_id=question.id, error=one_line(error))
        why = f"{DEADLINE}: question {question.id}: {one_line(error.__cause__)}" if error.__cause__ else DEADLINE
        return _error_row(batch, question, why, error.attempts)
    except ModelCallError as error:
        kind = TEMPORARY if error.retryable else PERMANENT
        log.error("question not answered", question_id=question.id, error=str(error), attempts=error.attempts)
        return _error_row(batch, question, f"{kind}question {question.id}: {error}", error.attempts)
    except Exception as error:  # noqa: BLE001 (whatever goes wrong with one question is that question's row)
        kind = TEMPORARY if is_retryable(error) else PERMANENT
        log.error("question not answered", question_id=question.id, error=one_line(error))
        return _error_row(batch, question, f"{kind}question {question.id}: {one_line(error)}")
    generated = given.generated
    text = final_answer(generated.text, batch.variant)
    return AnswerRow(
        experiment=batch.manifest.experiment,
        run=batch.manifest.run,
        approach=batch.approach,
        variant=batch.variant,
        question_id=question.id,
        text=text,
        citations=citations(text),
        retrieved=given.retrieved,
        input_tokens=generated.input_tokens,
        output_tokens=generated.output_tokens,
        cached_tokens=generated.cached_tokens,
        cache_write_5m_tokens=generated.cache_write_5m_tokens,
        cache_write_1h_tokens=generated.cache_write_1h_tokens,
        latency_ms=round(generated.latency_ms, 3),
        overhead_ms=round((time.perf_counter() - began) * 1000 - generated.latency_ms, 3),
        model_id=batch.model_id,
        model_revision=generated.model_revision,
        device=generated.device,
        service_tier=generated.service_tier,
        stop_reason=generated.stop_reason,
        attempt=generated.attempts,
    )


def _error_row(batch: Batch, question: Question, error: str, attempts: int = 1) -> AnswerRow:
    return AnswerRow(
        experiment=batch.manifest.experiment,
        run=batch.manifest.run,
        approach=batch.approach,
        variant=batch.variant,
        question_id=question.id,
        text="",
        model_id=batch.model_id,
        attempt=attempts,
        error=error,
    )


def _earlier_usage(results: Results, batch: Batch, kept: dict[str, AnswerRow], meter: Meter) -> list[UsageRow]:
    """Return the usage of the kept rows, to be written again beside the new; rebuilt from the rows where it is lost."""
    if not kept:
        return []
    try:
        return results.read(batch.usage_key, UsageRow)
    except (MissingObjectError, ValueError):
        _meter_tokens(meter, batch, list(kept.values()))
        return []


def _meter_tokens(meter: Meter, batch: Batch, rows: Sequence[AnswerRow]) -> None:
    if batch.tokens_billed:
        for row in rows:
            meter.generated(
                batch.model_id,
                input_tokens=row.input_tokens,
                output_tokens=row.output_tokens,
                cached_tokens=row.cached_tokens,
                cache_write_5m_tokens=row.cache_write_5m_tokens,
                cache_write_1h_tokens=row.cache_write_1h_tokens,
                service_tier=row.service_tier,
            )


def _summary(batch: Batch, rows: Sequence[AnswerRow], skipped: int) -> dict[str, Any]:
    errors = sum(row.error is not None for row in rows)
    return {
        "variant": batch.variant,
        "batch": batch.number,
        "answered": len(rows) - errors,
        "errors": errors,
        "skipped": skipped,
    }
