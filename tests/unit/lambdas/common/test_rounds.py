"""Questions that a quota leaves over are asked again, round by round; none is lost, or the run says how to go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from contracts import keys
from contracts.experiment import VARIANTS, Approach, Question
from contracts.run import AnswerRow
from lambdas.common import answering, rounds
from lambdas.common.answering import Batch
from lambdas.common.step import EventError
from lambdas.evaluation import handler as evaluation
from lambdas.prompting import handler as prompting
from offline.common.faults import Faults
from tests.unit.lambdas.lambda_world import EXPERIMENT, RUN, Clock, Context, FakeConverse, World, client_error

THROTTLE = {"service": "bedrock-runtime", "operation": "Converse", "status": 429, "code": "ThrottlingException"}


class FaultyConverse(FakeConverse):
    """A bedrock-runtime client that meets the faults of the embedded AWS's own store, on the clock of the test."""

    def __init__(self, clock: Clock, **fault: Any) -> None:
        super().__init__()
        self.faults = Faults(clock)
        status, answer = self.faults.control(
            "POST", json.dumps({**THROTTLE, **fault}).encode(), services=["bedrock-runtime"]
        )
        assert status == 200, answer
        self.refused = 0

    def converse(self, **request: Any) -> dict[str, Any]:
        fault = self.faults.take("bedrock-runtime", "Converse")
        if fault is not None:
            self.refused += 1
            raise client_error(fault.code, fault.status, fault.message)
        return super().converse(**request)


class Machine:
    """The prompting machine's answering step: rounds of invocations of 15 minutes, as its definition has them."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world, self.clock = world, clock
        self.rounds = 0
        self.invocations = 0

    def run(self) -> dict[str, Any]:
        """Answer until the function that settles a round says that there is no other; return what it said."""
        answering.write_items(self.world.results, self.world.manifest, "prompting")
        before = rounds.UNKNOWN
        while True:
            key = keys.answer_items(EXPERIMENT, RUN, "prompting")
            for item in json.loads(self.world.results.read_text(key)):
                self.invocations += 1
                prompting.answer(item, Context(remaining_ms=900_000))
            settled = evaluation.evaluate(
                self.world.event(approach="prompting", round=self.rounds, left_before=before), Context()
            )
            if not settled["left"] or not settled["again"]:
                return settled
            self.rounds, before = self.rounds + 1, settled["left"]
            self.clock.sleep(60)

    def rows(self) -> list[AnswerRow]:
        return self.world.results.read_prefix(
            f"{keys.approach_prefix(EXPERIMENT, RUN, 'prompting')}answers/", AnswerRow
        )


@pytest.fixture
def many(world: World) -> World:
    """36 questions to three variants: 108 calls."""
    asked = [
        Question(id=f"q{n:02d}", question=f"How wide is number {n}?", answer=f"{n} mm [PRD-01]", document="PRD-01")
        for n in range(36)
    ]
    world.results.write(f"{world.manifest.input_prefix}questions.test.jsonl", asked)
    world.change_manifest(test_question_ids=tuple(q.id for q in asked), batch_size=16)
    return world


@pytest.fixture
def serve(many: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FaultyConverse]:
    from lambdas.common import runtime

    def made(**fault: Any) -> FaultyConverse:
        client = FaultyConverse(clock, **fault)
        monkeypatch.setitem(runtime._clients, "bedrock-runtime", client)
        return client

    return made


@pytest.mark.parametrize("per_minute", [10, 20, 60])
def test_no_question_of_108_is_lost_to_a_quota(
    many: World, clock: Clock, serve: Callable[..., FaultyConverse], per_minute: int
) -> None:
    client = serve(per_minute=per_minute)
    machine = Machine(many, clock)
    assert machine.run()["left"] == 0
    rows = machine.rows()
    assert len(rows) == 108
    assert [row.error for row in rows if row.error] == []
    assert len(client.requests) == 108  # nothing that was answered was asked, and paid for, again
    assert client.refused == sum(row.attempt - 1 for row in rows) > 0


def test_a_quota_of_one_call_takes_rounds_and_loses_nothing(
    many: World, clock: Clock, serve: Callable[..., FaultyConverse]
) -> None:
    client = serve(per_minute=1)
    machine = Machine(many, clock)
    settled = machine.run()
    rows = machine.rows()
    assert machine.rounds >= 1
    answered = [row for row in rows if row.error is None]
    assert len(answered) == len(client.requests) == 108 - settled["left"]
    if settled["left"]:  # then it says how to go on
        assert f"go on with `ladder run --resume {RUN}`" in settled["message"]
    # Later rounds call only the batches that have something left.
    assert machine.invocations < 9 * (machine.rounds + 1)


def test_a_service_that_never_answers_is_given_up_after_two_rounds(
    many: World, clock: Clock, serve: Callable[..., FaultyConverse]
) -> None:
    client = serve(times=10**9)
    settled = Machine(many, clock).run()
    assert client.requests == []
    assert (settled["left"], settled["again"]) == (108, False)
    assert settled["message"].startswith(
        "108 of 108 answers of prompting are missing after 2 rounds, the others are kept; wait or ask AWS for a higher "
        "quota, then go on with `ladder run --resume r1`; "
    )
    assert "ThrottlingException: injected fault" in settled["message"]
    assert "\n" not in settled["message"]


def test_a_resumed_run_goes_on_where_it_was_given_up(
    many: World, clock: Clock, serve: Callable[..., FaultyConverse]
) -> None:
    serve(times=10**9)
    Machine(many, clock).run()
    client = serve(per_minute=30)
    again = Machine(many, clock)
    assert again.run()["left"] == 0
    assert len(client.requests) == 108
    assert [row.error for row in again.rows() if row.error] == []


# ---- what is left ----------------------------------------------------------------------------------------------------


def write(world: World, variant: str, number: int, errors: list[str | None], approach: Approach = "prompting") -> None:
    batch = Batch(manifest=world.manifest, approach=approach, variant=variant, number=number, model_id="m")
    rows = [
        AnswerRow(
            experiment=EXPERIMENT,
            run=RUN,
            approach=approach,
            variant=variant,
            question_id=question,
            text="" if error else "7 mm",
            error=error,
        )
        for question, error in zip(batch.question_ids, errors, strict=True)
    ]
    world.results.write(batch.answers_key, rows)


def settled(world: World, round_number: int = 0, left_before: int = rounds.UNKNOWN) -> dict[str, Any]:
    return rounds.settle(world.results, world.manifest, "prompting", round_number=round_number, left_before=left_before)


def listed(world: World) -> list[tuple[str, int]]:
    text = world.results.read_text(keys.answer_items(EXPERIMENT, RUN, "prompting"))
    return [(item["variant"], item["batch"]) for item in json.loads(text)]


@pytest.fixture
def answered(world: World) -> World:
    """Four batches of 5, 5, 5 and 4 questions, all of them answered by every variant."""
    answering.write_items(world.results, world.manifest, "prompting")
    for variant in VARIANTS["prompting"]:
        for number, size in enumerate([5, 5, 5, 4]):
            write(world, variant, number, [None] * size)
    return world


def test_nothing_is_left_of_answers_and_of_final_errors(answered: World) -> None:
    write(answered, "few-shot", 3, [None, "permanent: question test-POL-05: too long", None, None])
    assert settled(answered) == {
        "left": 0,
        "again": False,
        "message": "every question of prompting has its final row",
    }
    assert len(listed(answered)) == 12  # the list stays as it was


def test_only_batches_with_something_left_are_listed(answered: World) -> None:
    ids = answered.manifest.test_question_ids
    write(answered, "zero-shot", 1, [None, "deadline", None, f"temporary: question {ids[8]}: ServiceUnavailable", None])
    answered.results.s3.delete_object(
        Bucket=answered.bucket, Key=keys.answers(EXPERIMENT, RUN, "prompting", "few-shot", 3)
    )
    found = settled(answered)
    assert (found["left"], found["again"]) == (6, True)
    assert listed(answered) == [("zero-shot", 1), ("few-shot", 3)]
    assert found["message"].endswith("4 times: not asked")


@pytest.mark.parametrize(
    ("round_number", "before", "again"),
    [(0, rounds.UNKNOWN, True), (1, 2, True), (1, 1, False), (5, 3, True), (rounds.MOST_ROUNDS, 9, False)],
)
def test_rounds_go_on_while_they_help_up_to_a_bound(
    answered: World, round_number: int, before: int, again: bool
) -> None:
    write(answered, "zero-shot", 0, ["deadline", None, None, None, None])
    assert settled(answered, round_number, before)["again"] is again


@pytest.mark.parametrize("broken", [None, "1", True, 1.5])
def test_the_number_of_a_round_is_whole(answered: World, broken: object) -> None:
    given = evaluation.evaluate(answered.event(approach="prompting", round=1.0, left_before=-1.0), Context())
    assert given["left"] == 0
    with pytest.raises(EventError, match=r"event field 'round' must be a whole number"):
        evaluation.evaluate(answered.event(approach="prompting", round=broken, left_before=-1), Context())


def test_a_settled_round_is_metered(answered: World) -> None:
    evaluation.evaluate(answered.event(approach="prompting", round=0, left_before=-1), Context())
    assert answered.results.exists(keys.usage(EXPERIMENT, RUN, "prompting", "settle-00"))
    assert not answered.results.exists(keys.quality(EXPERIMENT, RUN, "prompting"))
