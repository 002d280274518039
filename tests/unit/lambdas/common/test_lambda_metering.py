"""Usage counted on the clients' events."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import boto3
import pytest

from contracts.money import UsageRow
from cost_reports.metering import meters
from cost_reports.prices.catalogue import Catalogue, PriceError
from lambdas.common.metering import Meter
from lambdas.common.runtime import Log
from tests.unit.lambdas.lambda_world import Context, World


def meter_of(world: World, **more: Any) -> Meter:
    return Meter(experiment="e", run="r", approach="prompting", region="us-east-1", **more).watch(world.results.s3)


def amounts(rows: list[UsageRow]) -> dict[str, Decimal]:
    return {row.usage_type: row.amount for row in rows}


def test_s3_requests_are_counted_by_tier_and_deletes_are_free(world: World) -> None:
    with meter_of(world) as meter:
        world.results.write_text("a", "1")
        world.results.read_text("a")
        world.results.exists("a")
        world.results.exists("b")
        world.results.list_keys("")
        world.results.s3.delete_object(Bucket=world.bucket, Key="a")
        assert amounts(meter.rows()) == {"Requests-Tier1": 2, "Requests-Tier2": 3}


def test_the_request_that_writes_the_usage_is_in_it_and_counting_stops(world: World) -> None:
    meter = meter_of(world)
    written = meter.write(world.results, "usage.jsonl")
    world.results.read_text("usage.jsonl")
    assert amounts(written) == {"Requests-Tier1": 1}
    assert world.results.read("usage.jsonl", UsageRow) == written
    assert amounts(meter.rows()) == {"Requests-Tier1": 1}


def test_hooks_leave_the_shared_client_even_after_an_error(world: World) -> None:
    with pytest.raises(KeyError), meter_of(world) as meter:
        raise KeyError
    world.results.exists("a")
    assert meter.rows() == []


def test_two_meters_on_one_client_count_apart(world: World) -> None:
    first, second = meter_of(world), meter_of(world)
    first.close()
    world.results.exists("a")
    assert first.rows() == []
    assert amounts(second.rows()) == {"Requests-Tier2": 1}
    second.close()


def test_tokens_add_up_by_model_and_meter(world: World) -> None:
    with meter_of(world, variant="few-shot") as meter:
        meter.generated("us.amazon.nova-micro-v1:0", input_tokens=100, output_tokens=5)
        meter.generated("us.amazon.nova-micro-v1:0", input_tokens=11, output_tokens=2, cached_tokens=90)
        meter.embedded("amazon.titan-embed-text-v2:0", 8)
        rows = meter.rows()
    assert {(row.model, row.usage_type): row.amount for row in rows} == {
        ("us.amazon.nova-micro-v1:0", "USE1-NovaMicro-input-tokens"): 111,
        ("us.amazon.nova-micro-v1:0", "USE1-NovaMicro-output-tokens"): 7,
        ("us.amazon.nova-micro-v1:0", "USE1-NovaMicro-cache-read-input-token-count"): 90,
        ("amazon.titan-embed-text-v2:0", "USE1-TitanEmbeddingV2-Text-input-tokens"): 8,
    }
    assert {(row.basis, row.variant) for row in rows} == {("reported", "few-shot")}


def test_a_prompt_above_the_long_context_threshold_is_metered_as_such_in_every_token(world: World) -> None:
    haiku = "us.anthropic.claude-haiku-5-5"
    with meter_of(world, variant="few-shot") as meter:
        meter.generated(haiku, input_tokens=100_000, output_tokens=5)
        meter.generated(haiku, input_tokens=100_001, output_tokens=7)
        # what was read from a cache is part of the prompt
        meter.generated(haiku, input_tokens=60_000, output_tokens=2, cached_tokens=50_000)
        meter.generated("us.openai.gpt-6-luna", input_tokens=272_001, output_tokens=1)
        meter.generated("us.amazon.nova-2-lite-v1:0", input_tokens=900_000, output_tokens=1)
        rows = meter.rows()
    assert {row.usage_type: row.amount for row in rows} == {
        "USE1-MP:USE1_input_tokens_standard-Units": 100_000,
        "USE1-MP:USE1_output_tokens_standard-Units": 5,
        "USE1-MP:USE1_input_tokens_long_context-Units": 160_001,
        "USE1-MP:USE1_output_tokens_long_context-Units": 9,
        "USE1-MP:USE1_cache_read_input_tokens_long_context-Units": 50_000,
        "USE1-openai.gpt-6-luna-input-tokens-long-context": 272_001,
        "USE1-openai.gpt-6-luna-output-tokens-long-context": 1,
        "USE1-Nova2.0Lite-input-tokens": 900_000,
        "USE1-Nova2.0Lite-output-tokens": 1,
    }


def test_tokens_written_to_a_cache_are_metered_by_how_long_they_are_kept(world: World) -> None:
    with meter_of(world, variant="few-shot") as meter:
        meter.generated(
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            input_tokens=40,
            output_tokens=12,
            cached_tokens=2000,
            cache_write_5m_tokens=5000,
            cache_write_1h_tokens=1000,
        )
        meter.generated("us.openai.gpt-6-luna", input_tokens=7, output_tokens=1, cache_write_5m_tokens=300)
        rows = meter.rows()
    assert {row.usage_type: row.amount for row in rows} == {
        "USE1-MP:USE1_input_tokens_standard-Units": 40,
        "USE1-MP:USE1_output_tokens_standard-Units": 12,
        "USE1-MP:USE1_cache_read_input_tokens_standard-Units": 2000,
        "USE1-MP:USE1_cache_write_input_tokens_standard-Units": 5000,
        "USE1-MP:USE1_cache_write_1h_input_tokens_standard-Units": 1000,
        "USE1-openai.gpt-6-luna-input-tokens": 7,
        "USE1-openai.gpt-6-luna-output-tokens": 1,
        "USE1-openai.gpt-6-luna-cache-write-input-token-count": 300,
    }
    # Every one of them has a price of its own: a written token costs more than one that is only read as input.
    prices = {row.usage_type: Catalogue.load().price_for(row).usd for row in rows}
    claude = {name.split("_", 1)[1]: usd for name, usd in prices.items() if "MP" in name}
    assert (
        claude["cache_write_1h_input_tokens_standard-Units"]
        > claude["cache_write_input_tokens_standard-Units"]
        > claude["input_tokens_standard-Units"]
        > claude["cache_read_input_tokens_standard-Units"]
    )


def test_tokens_written_to_a_cache_are_part_of_a_long_prompt(world: World) -> None:
    with meter_of(world, variant="few-shot") as meter:
        meter.generated("us.anthropic.claude-haiku-5-5", input_tokens=1, output_tokens=3, cache_write_1h_tokens=100_000)
        rows = meter.rows()
    assert {row.usage_type.split("_", 1)[1]: row.amount for row in rows} == {
        "input_tokens_long_context-Units": 1,
        "output_tokens_long_context-Units": 3,
        "cache_write_1h_input_tokens_long_context-Units": 100_000,
    }
    written = next(row for row in rows if "cache_write" in row.usage_type)
    # No public source gives this rate: the report names it, and does not count it as nothing.
    with pytest.raises(PriceError, match="cache_write_1h_input_tokens_long_context"):
        Catalogue.load().price_for(written)


@pytest.mark.parametrize(
    ("tier", "ending"),
    [("", ""), ("default", ""), ("flex", "-flex"), ("priority", "-priority"), ("reserved", "-reserved")],
)
def test_the_tier_that_served_a_request_decides_its_meters(world: World, tier: str, ending: str) -> None:
    with meter_of(world, variant="few-shot") as meter:
        meter.generated("us.amazon.nova-2-lite-v1:0", input_tokens=9, output_tokens=4, service_tier=tier)
        rows = meter.rows()
    assert {row.usage_type for row in rows} == {
        f"USE1-Nova2.0Lite-input-tokens{ending}",
        f"USE1-Nova2.0Lite-output-tokens{ending}",
    }


def test_lambda_time_is_memory_times_whole_milliseconds_rounded_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.chain([100.0], itertools.repeat(100.2501))
    monkeypatch.setattr("lambdas.common.metering.time.perf_counter", lambda: next(clock))
    with meter_of(world, context=Context(memory_limit_in_mb="768"), architecture="arm64") as meter:
        rows = amounts(meter.rows())
    assert rows["Lambda-GB-Second-ARM"] == Decimal("0.18825")
    assert rows["Request-ARM"] == 1


@pytest.mark.parametrize(
    ("machine", "kind"), [("aarch64", "Request-ARM"), ("arm64", "Request-ARM"), ("x86_64", "Request")]
)
def test_the_processor_that_it_runs_on_is_billed(
    world: World, monkeypatch: pytest.MonkeyPatch, machine: str, kind: str
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    with meter_of(world, context=Context()) as meter:
        assert amounts(meter.rows())[kind] == 1


def test_log_bytes_are_those_of_this_step(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    Log().info("before")
    capsys.readouterr()
    with meter_of(world, context=Context()) as meter:
        Log().info("während")
        rows = amounts(meter.rows())
    assert rows["USE1-DataProcessing-Bytes"] == len(capsys.readouterr().out.encode())


@pytest.fixture
def table(world: World) -> Iterator[Any]:
    client = boto3.client("dynamodb", region_name="us-east-1")
    client.create_table(
        TableName=world.bucket,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield client
    client.delete_table(TableName=world.bucket)


def test_dynamodb_units_are_those_that_the_service_reports(world: World, table: Any) -> None:
    consumed: list[tuple[str, Any]] = []

    def remember(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        parsed["ConsumedCapacity"] = {"TableName": world.bucket, "CapacityUnits": 2.5}
        consumed.append((model.name, parsed))

    table.meta.events.register_first("after-call.dynamodb", remember)
    asked: list[Any] = []
    table.meta.events.register_last("provide-client-params.dynamodb", lambda params, **_: asked.append(dict(params)))
    meter = Meter(experiment="e", run="r", approach="shared", region="us-east-1").watch(table)
    table.put_item(TableName=world.bucket, Item={"id": {"S": "a"}})
    table.get_item(TableName=world.bucket, Key={"id": {"S": "a"}})
    table.query(
        TableName=world.bucket,
        KeyConditionExpression="id = :i",
        ExpressionAttributeValues={":i": {"S": "a"}},
    )
    meter.close()
    assert amounts(meter.rows()) == {"WriteRequestUnits": Decimal("2.5"), "ReadRequestUnits": Decimal("5.0")}
    assert len(consumed) == 3


def test_dynamodb_calls_ask_for_their_capacity(world: World, table: Any) -> None:
    seen: list[Any] = []
    table.meta.events.register("before-parameter-build.dynamodb", lambda params, **_: seen.append(params))
    with Meter(experiment="e", run="r", approach="shared", region="us-east-1").watch(table):
        table.get_item(TableName=world.bucket, Key={"id": {"S": "a"}})
        table.describe_table(TableName=world.bucket)
    assert [params.get("ReturnConsumedCapacity") for params in seen] == ["TOTAL", None]


def test_other_services_are_refused(world: World) -> None:
    with pytest.raises(ValueError, match="requests of sts are not metered"):
        Meter(experiment="e", run="r", approach="p", region="us-east-1").watch(boto3.client("sts"))


def test_added_rows_and_earlier_rows_are_written_too(world: World) -> None:
    meter = meter_of(world)
    meter.add([meter.context().row(meters.HOSTING, 60, variety="ml.g5.xlarge")])
    earlier = [meter.context().row(meters.S3_REQUESTS[2], 9)]
    rows = meter.write(world.results, "usage.jsonl", earlier)
    assert [row.amount for row in rows] == [9, 1, 60]
    assert rows[1].start <= rows[1].end
    assert rows[1].start.endswith("Z")
