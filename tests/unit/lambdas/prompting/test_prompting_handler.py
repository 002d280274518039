"""The prompting functions, from event to objects."""

from __future__ import annotations

import json

import pytest

from contracts import keys
from contracts.experiment import VARIANTS
from contracts.money import UsageRow
from contracts.run import AnswerRow
from lambdas.common.settings import SettingsError
from lambdas.common.step import EventError
from lambdas.common.store import MissingObjectError
from lambdas.prompting import handler
from tests.unit.lambdas.lambda_world import (
    EXPERIMENT,
    INVALID,
    REFUSAL,
    RUN,
    THROTTLED,
    Context,
    FakeConverse,
    World,
    client_error,
)


def answers(world: World, variant: str, batch: int = 0) -> list[AnswerRow]:
    return world.results.read(keys.answers(EXPERIMENT, RUN, "prompting", variant, batch), AnswerRow)


def test_prepare_writes_the_items_and_its_usage(world: World, context: Context, bedrock_client: FakeConverse) -> None:
    given = handler.prepare(world.event(), context)
    assert given == {"bucket": world.bucket, "items_key": keys.answer_items(EXPERIMENT, RUN, "prompting"), "items": 12}
    assert len(json.loads(world.results.read_text(given["items_key"]))) == 12
    usage = world.results.read(keys.usage(EXPERIMENT, RUN, "prompting", "prepare"), UsageRow)
    assert {row.usage_type: row.amount for row in usage if row.service_code == "AmazonS3"} == {
        "Requests-Tier1": 3,
        "Requests-Tier2": 6,
    }


@pytest.mark.parametrize("variant", VARIANTS["prompting"])
def test_each_variant_answers_its_batch(
    world: World, context: Context, bedrock_client: FakeConverse, variant: str
) -> None:
    given = handler.answer(world.event(variant=variant, batch=1), context)
    assert given == {"variant": variant, "batch": 1, "answered": 5, "errors": 0, "skipped": 0}
    rows = answers(world, variant, 1)
    assert tuple(row.question_id for row in rows) == world.manifest.test_question_ids[5:10]
    assert rows[0].text.startswith("answer to What is the width")
    assert rows[0].input_tokens == 50
    request = bedrock_client.requests[0]
    assert request["modelId"].endswith("application-inference-profile/gen")
    assert request["requestMetadata"]["variant"] == variant
    assert len(request["messages"]) == (9 if variant == "few-shot" else 1)


def test_few_shot_shows_the_same_shots_with_one_refusal_to_every_question(
    world: World, context: Context, bedrock_client: FakeConverse
) -> None:
    handler.answer(world.event(variant="few-shot", batch=0), context)
    shots = [[m["content"][0]["text"] for m in request["messages"][:-1]] for request in bedrock_client.requests]
    assert all(shot == shots[0] for shot in shots)
    assert shots[0].count(REFUSAL) == 1
    assert not set(bedrock_client.asked) & set(shots[0])


def test_chain_of_thought_keeps_what_follows_the_mark(
    world: World, context: Context, bedrock_client: FakeConverse
) -> None:
    bedrock_client.reply = lambda question: "The page says 7. Answer: 7 mm [PRD-01]"
    handler.answer(world.event(variant="chain-of-thought", batch=0), context)
    row = answers(world, "chain-of-thought")[0]
    assert (row.text, row.citations) == ("7 mm [PRD-01]", ("PRD-01",))


def test_throttling_then_success_and_a_refused_question(
    world: World, context: Context, bedrock_client: FakeConverse
) -> None:
    bedrock_client.failures = {
        "What is the width of PRD 1?": [client_error(*THROTTLED), client_error(*THROTTLED)],
        "What is the width of PRD 2?": [client_error(*INVALID)],
    }
    given = handler.answer(world.event(variant="zero-shot", batch=0), context)
    assert (given["answered"], given["errors"]) == (4, 1)
    rows = answers(world, "zero-shot")
    assert (rows[0].attempt, rows[0].error) == (3, None)
    assert rows[1].error == (
        "permanent: question test-PRD-02: ValidationException: Input is too long for requested model."
    )


def test_a_resumed_batch_asks_nothing_that_is_answered(
    world: World, context: Context, bedrock_client: FakeConverse
) -> None:
    outage = [client_error("ServiceUnavailableException", 503) for _ in range(6)]
    bedrock_client.failures = {"What is the width of PRD 1?": outage}
    handler.answer(world.event(variant="zero-shot", batch=0), context)
    bedrock_client.requests.clear()
    given = handler.answer(world.event(variant="zero-shot", batch=0), context)
    assert bedrock_client.asked == ["What is the width of PRD 1?"]
    assert (given["answered"], given["skipped"]) == (5, 4)


def test_an_invocation_without_time_leaves_rows_that_are_repeated(
    world: World, bedrock_client: FakeConverse, context: Context
) -> None:
    given = handler.answer(world.event(variant="zero-shot", batch=0), Context(remaining_ms=5_000))
    assert given["errors"] == 5
    assert bedrock_client.requests == []
    assert handler.answer(world.event(variant="zero-shot", batch=0), context)["answered"] == 5


def test_usage_holds_tokens_lambda_time_and_requests(
    world: World, context: Context, bedrock_client: FakeConverse
) -> None:
    handler.answer(world.event(variant="zero-shot", batch=0), context)
    usage = world.results.read(keys.usage(EXPERIMENT, RUN, "prompting", "answer-zero-shot-00000"), UsageRow)
    found = {row.usage_type: row for row in usage}
    assert found["USE1-NovaMicro-input-tokens"].amount == 250
    assert found["USE1-NovaMicro-output-tokens"].amount == 35
    compute, requests = (row for row in usage if row.service_code == "AWSLambda")
    assert compute.amount > 0
    assert requests.amount == 1
    assert found["Requests-Tier1"].amount == 2
    assert {(row.experiment, row.approach, row.variant) for row in usage} == {(EXPERIMENT, "prompting", "zero-shot")}


@pytest.mark.parametrize("name", ["BUCKET", "EXPERIMENT", "GENERATOR_PROFILE_ARN", "GENERATOR_MODEL_ID"])
def test_a_missing_variable_is_named(
    world: World, context: Context, bedrock_client: FakeConverse, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(SettingsError, match=f"{name} is not set"):
        handler.answer(world.event(variant="zero-shot", batch=0), context)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"run": RUN, "variant": "zero-shot", "batch": 0}, "'experiment' is missing"),
        ({"experiment": EXPERIMENT, "variant": "zero-shot", "batch": 0}, "'run' is missing"),
        ({"experiment": EXPERIMENT, "run": RUN, "batch": 0}, "'variant' is missing"),
        ({"experiment": EXPERIMENT, "run": RUN, "variant": "zero-shot", "batch": "0"}, "'batch' must be int, not '0'"),
        ({"experiment": EXPERIMENT, "run": RUN, "variant": "zero-shot", "batch": True}, "'batch' must be int"),
        ({"experiment": "other", "run": RUN, "variant": "zero-shot", "batch": 0}, "was deployed for 'handbook'"),
    ],
)
def test_a_wrong_event_is_named(
    world: World, context: Context, bedrock_client: FakeConverse, event: dict[str, object], message: str
) -> None:
    with pytest.raises(EventError, match=message):
        handler.answer(event, context)


def test_an_unknown_run_is_named(world: World, context: Context) -> None:
    with pytest.raises(MissingObjectError, match=r"run=nope/manifest\.json: no such object"):
        handler.prepare({"experiment": EXPERIMENT, "run": "nope"}, context)
