"""One row a question, whatever happens; resume repeats nothing and loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contracts.experiment import Question
from contracts.money import UsageRow
from contracts.run import AnswerRow, Retrieved
from contracts.times import Deadline
from lambdas.common.answering import Answered, Batch, answer_batch, batch_count, write_items
from lambdas.common.bedrock import Generated, ModelCallError
from lambdas.common.metering import Meter
from lambdas.common.runtime import DeadlineError, Log
from tests.unit.lambdas.lambda_world import EXPERIMENT, RUN, THROTTLED, World, client_error

MODEL = "us.amazon.nova-micro-v1:0"
PAGE = Retrieved(document="PRD-01", chunk="PRD-01#0", rank=1, score=0.5)


def generated(text: str = "7 mm [PRD-01]", attempts: int = 1) -> Generated:
    return Generated(text=text, input_tokens=10, output_tokens=3, cached_tokens=0, latency_ms=0.0, attempts=attempts)


class Asked:
    """An approach that remembers what it was asked."""

    def __init__(self, answer: Callable[[Question], Answered] | None = None) -> None:
        self.answer = answer or (lambda question: Answered(generated=generated(), retrieved=(PAGE,)))
        self.ids: list[str] = []

    def __call__(self, question: Question) -> Answered:
        self.ids.append(question.id)
        return self.answer(question)


def batch_of(world: World, number: int = 0, **more: Any) -> Batch:
    return Batch(
        manifest=world.manifest, approach="prompting", variant="few-shot", number=number, model_id=MODEL, **more
    )


def run(
    world: World, asked: Asked, number: int = 0, deadline: Deadline | None = None, **more: Any
) -> tuple[dict[str, Any], list[AnswerRow], list[UsageRow]]:
    batch = batch_of(world, number, **more)
    meter = Meter(experiment=EXPERIMENT, run=RUN, approach="prompting", region="us-east-1", variant="few-shot")
    summary = answer_batch(
        world.results, batch, asked, meter=meter, deadline=deadline or Deadline.after(60), log=Log(), workers=4
    )
    return summary, world.results.read(batch.answers_key, AnswerRow), world.results.read(batch.usage_key, UsageRow)


def tokens(usage: list[UsageRow]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for row in usage:
        if row.unit == "tokens":
            totals[row.usage_type] = totals.get(row.usage_type, 0) + int(row.amount)
    return totals


def failing_for(question_id: str, error: Exception) -> Asked:
    def answer(question: Question) -> Answered:
        if question.id == question_id:
            raise error
        return Answered(generated=generated())

    return Asked(answer)


def test_every_question_becomes_a_row_in_the_order_of_the_manifest(world: World) -> None:
    summary, rows, usage = run(world, Asked())
    assert summary == {"variant": "few-shot", "batch": 0, "answered": 5, "errors": 0, "skipped": 0}
    assert tuple(row.question_id for row in rows) == world.manifest.test_question_ids[:5]
    assert rows[0].citations == ("PRD-01",)
    assert rows[0].retrieved == (PAGE,)
    assert rows[0].model_id == MODEL
    assert rows[0].overhead_ms >= 0
    assert tokens(usage) == {"USE1-NovaMicro-input-tokens": 50, "USE1-NovaMicro-output-tokens": 15}


def test_the_facts_of_an_answer_are_kept_with_it(world: World) -> None:
    facts = {
        "cache_write_5m_tokens": 40,
        "cache_write_1h_tokens": 60,
        "stop_reason": "max_tokens",
        "service_tier": "flex",
        "device": "ml.g5.xlarge",
        "model_revision": "12fd25f77366fa6b3b4b768ec3050bf629380bac",
    }
    answer = Answered(generated=replace(generated(), cached_tokens=20, **facts))  # type: ignore[arg-type]
    _, rows, usage = run(world, Asked(lambda question: answer))
    for row in rows:
        assert {name: getattr(row, name) for name in facts} == facts
        assert row.cached_tokens == 20
    assert tokens(usage) == {
        "USE1-NovaMicro-input-tokens-flex": 50,
        "USE1-NovaMicro-output-tokens-flex": 15,
        "USE1-NovaMicro-cache-read-input-token-count-flex": 100,
        "USE1-NovaMicro-cache-write-input-token-count-flex": 200,
        "USE1-NovaMicro-cache-write-1h-input-token-count-flex": 300,
    }


def test_the_last_batch_is_shorter_and_none_comes_after_it(world: World) -> None:
    last = batch_count(world.manifest) - 1
    _, rows, _ = run(world, Asked(), last)
    assert (last, len(rows)) == (3, 4)
    with pytest.raises(ValueError, match="batch 4 is not one of the 4 batches"):
        batch_of(world, 4)


def test_an_unknown_variant_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="variant 'lora' of prompting is unknown; known are zero-shot"):
        Batch(manifest=world.manifest, approach="prompting", variant="lora", number=0, model_id=MODEL)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ModelCallError("ValidationException: too long", attempts=1, retryable=False),
            "permanent: question {id}: ValidationException: too long",
        ),
        (
            ModelCallError("ThrottlingException: wait", attempts=6, retryable=True),
            "temporary: question {id}: ThrottlingException: wait",
        ),
        (client_error(*THROTTLED), "temporary: question {id}: ThrottlingException: Too many requests, please wait"),
        (KeyError("usage"), "permanent: question {id}: KeyError: 'usage'"),
        (DeadlineError("deadline after 2 attempts"), "deadline"),
    ],
)
def test_a_question_that_fails_is_one_row_and_the_others_stay(world: World, error: Exception, text: str) -> None:
    failed = world.manifest.test_question_ids[2]
    summary, rows, usage = run(world, failing_for(failed, error))
    assert (summary["answered"], summary["errors"]) == (4, 1)
    assert [row.error for row in rows] == [None, None, text.format(id=failed), None, None]
    assert (rows[2].text, rows[2].attempt) == ("", getattr(error, "attempts", 1))
    assert tokens(usage)["USE1-NovaMicro-input-tokens"] == 40


def test_nothing_is_asked_after_the_deadline(world: World) -> None:
    asked = Asked()
    summary, rows, usage = run(world, asked, deadline=Deadline.after(0))
    assert asked.ids == []
    assert {row.error for row in rows} == {"deadline"}
    assert {row.attempt for row in rows} == {0}
    assert (summary["errors"], tokens(usage)) == (5, {})


def test_a_call_that_hangs_does_not_take_the_others_with_it(world: World) -> None:
    release = threading.Event()
    hanging = world.manifest.test_question_ids[1]

    def answer(question: Question) -> Answered:
        if question.id == hanging:
            release.wait(10)
        return Answered(generated=generated())

    try:
        _, rows, _ = run(world, Asked(answer), deadline=Deadline.after(0.2))
    finally:
        release.set()
    assert [row.error for row in rows] == [None, "deadline", None, None, None]
    assert rows[1].attempt == 1


def test_a_finished_batch_is_skipped_and_nothing_is_written_again(world: World) -> None:
    run(world, Asked())
    before = {key: world.results.read_text(key) for key in world.results.list_keys(f"experiment={EXPERIMENT}/run=")}
    again = Asked()
    summary, _, _ = run(world, again)
    assert again.ids == []
    assert summary == {"variant": "few-shot", "batch": 0, "answered": 5, "errors": 0, "skipped": 5}
    assert before == {
        key: world.results.read_text(key) for key in world.results.list_keys(f"experiment={EXPERIMENT}/run=")
    }


def test_resume_asks_only_what_may_succeed_now_and_keeps_all_usage(world: World) -> None:
    first, second, third = world.manifest.test_question_ids[:3]
    errors = {
        first: ModelCallError("throttled", attempts=6, retryable=True),
        second: ModelCallError("invalid", attempts=1, retryable=False),
        third: DeadlineError("deadline"),
    }

    def answer(question: Question) -> Answered:
        if question.id in errors:
            raise errors[question.id]
        return Answered(generated=generated())

    run(world, Asked(answer))
    again = Asked()
    summary, rows, usage = run(world, again)
    assert sorted(again.ids) == sorted([first, third])
    assert (summary["answered"], summary["errors"], summary["skipped"]) == (4, 1, 3)
    assert rows[0].attempt == 7
    assert rows[1].error == f"permanent: question {second}: invalid"
    assert tokens(usage) == {"USE1-NovaMicro-input-tokens": 40, "USE1-NovaMicro-output-tokens": 12}


@pytest.mark.parametrize("cut", [0, 1, 700, -30, -1])
def test_a_half_written_answers_object_is_done_again(world: World, cut: int) -> None:
    batch = batch_of(world)
    run(world, Asked())
    whole = world.results.read_text(batch.answers_key)
    world.results.write_text(batch.answers_key, whole[:cut])
    asked = Asked()
    _, rows, _ = run(world, asked)
    assert len(asked.ids) == (0 if cut == -1 else 5)  # a missing last line break loses nothing
    assert len(rows) == 5


def test_rows_of_other_questions_are_not_this_batch(world: World) -> None:
    _, rows, _ = run(world, Asked())
    world.results.write(batch_of(world).answers_key, [*rows[1:], rows[0]])
    asked = Asked()
    run(world, asked)
    assert len(asked.ids) == 5


def test_usage_lost_between_the_two_writes_is_rebuilt_from_the_rows(world: World) -> None:
    batch = batch_of(world)
    _, _, usage = run(world, Asked())
    world.results.s3.delete_object(Bucket=world.bucket, Key=batch.usage_key)
    asked = Asked()
    _, _, rebuilt = run(world, asked)
    assert asked.ids == []
    assert tokens(rebuilt) == tokens(usage)


def test_lost_usage_of_kept_rows_is_rebuilt_when_others_are_repeated(world: World) -> None:
    batch = batch_of(world)
    run(world, failing_for(batch.question_ids[0], DeadlineError("deadline")))
    world.results.write_text(batch.usage_key, '{"half')
    _, _, usage = run(world, Asked())
    assert tokens(usage)["USE1-NovaMicro-input-tokens"] == 50


def test_tokens_of_an_endpoint_are_not_billed(world: World) -> None:
    _, rows, usage = run(world, Asked(), tokens_billed=False)
    assert rows[0].input_tokens == 10
    assert tokens(usage) == {}


def test_a_question_that_the_test_set_lacks_is_named(world: World) -> None:
    world.change_manifest(test_question_ids=("test-PRD-01", "ghost"))
    with pytest.raises(ValueError, match=r"question 'ghost' of the manifest is not in .*questions\.test\.jsonl"):
        run(world, Asked())


def test_items_are_every_variant_and_batch(world: World) -> None:
    given = write_items(world.results, world.manifest, "prompting")
    assert given["items"] == 3 * 4
    assert given["bucket"] == world.bucket
    text = world.results.read_text(given["items_key"])
    assert text.count('"few-shot"') == 4
    assert '{"experiment": "handbook", "run": "r1", "variant": "zero-shot", "batch": 0}' in text
