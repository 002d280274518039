"""Usage that runs write becomes the account's bill, once, and stays on it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from bill_bench import Bench, ask, context, cuts, groups, usage

from contracts import json_codec
from cost_reports.metering import meters
from cost_reports.metering.charges import charge_rows, exact_sum, total
from cost_reports.prices.bill_names import at_bill_precision
from cost_reports.prices.catalogue import Catalogue
from offline.billing.bill import bedrock_names


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def by(bench: Bench, *keys: str) -> dict[tuple[str, ...], Decimal]:
    return groups(bench.ce.get_cost_and_usage(**ask(GroupBy=cuts(*keys))))


def test_the_bill_is_the_metered_usage_to_the_last_digit(billed: Bench, catalogue: Catalogue) -> None:
    rows = [row for approach in ("prompting", "rag", "shared") for row in usage(approach)]
    metered = at_bill_precision(charge_rows(catalogue, rows), catalogue)
    answer = billed.ce.get_cost_and_usage(**ask(GroupBy=cuts("cost-cell", "DIMENSION", "USAGE_TYPE")))
    found = groups(answer)
    assert found == {(f"cost-cell$handbook/{row.approach}", row.usage_type): row.amount_usd for row in metered}
    quantities = {
        tuple(group["Keys"]): Decimal(group["Metrics"]["UsageQuantity"]["Amount"])
        for group in answer["ResultsByTime"][0]["Groups"]
    }
    assert quantities == {(f"cost-cell$handbook/{row.approach}", row.usage_type): row.quantity for row in metered}


def test_rounding_comes_after_grouping(bench: Bench, catalogue: Catalogue) -> None:
    row = context("rag").row(meters.S3_STORAGE, 1_000 * 3_600)
    for step in range(40):
        bench.write([row], approach="rag", step=f"s{step}")
    bench.control(advance_hours=72)
    exact = total(charge_rows(catalogue, [row] * 40))
    answer = bench.ce.get_cost_and_usage(**ask())
    shown = Decimal(answer["ResultsByTime"][0]["Total"]["UnblendedCost"]["Amount"])
    assert shown == exact.quantize(Decimal("1e-10")) != 0
    assert exact_sum([total(charge_rows(catalogue, [row])).quantize(Decimal("1e-10"))] * 40) == 0


def test_a_marketplace_model_is_a_service_of_its_own(billed: Bench) -> None:
    found = by(billed, "cost-cell", "DIMENSION", "SERVICE")
    services = {service for _, service in found}
    assert "Claude Haiku 5.5 (Amazon Bedrock Edition)" in services
    assert services >= {"Amazon Bedrock", "Amazon OpenSearch Service", "AWS Step Functions", "AWS Lambda"}
    entities = billed.ce.get_dimension_values(TimePeriod=ask()["TimePeriod"], Dimension="BILLING_ENTITY")
    assert [entry["Value"] for entry in entities["DimensionValues"]] == ["AWS", "AWS Marketplace"]


def test_project_and_owner_come_from_the_bucket(billed: Bench) -> None:
    assert {keys[0] for keys in by(billed, "owner", "DIMENSION", "RECORD_TYPE")} == {"owner$team-a"}
    assert {keys[0] for keys in by(billed, "project", "DIMENSION", "RECORD_TYPE")} == {"project$fm-cost-ladder"}


def test_an_object_that_is_written_again_takes_the_place_of_its_rows(billed: Bench) -> None:
    before = by(billed, "cost-cell", "DIMENSION", "SERVICE")
    billed.run()
    assert by(billed, "cost-cell", "DIMENSION", "SERVICE") == before
    fewer = [context("prompting").tokens("us.amazon.nova-micro-v1:0", "input", 1_000_000)]
    billed.write(fewer, approach="prompting")
    after = by(billed, "cost-cell", "DIMENSION", "SERVICE")
    assert {key: usd for key, usd in after.items() if key[0].endswith("/prompting")} == {
        ("cost-cell$handbook/prompting", "Amazon Bedrock"): Decimal("0.035")
    }


def test_nothing_is_read_again_that_did_not_change(billed: Bench) -> None:
    reads = billed.s3.reads
    by(billed, "cost-cell", "DIMENSION", "SERVICE")
    assert billed.s3.reads == reads == 3


def test_a_copy_in_another_bucket_is_the_same_usage(billed: Bench) -> None:
    before = by(billed, "cost-cell", "DIMENSION", "SERVICE")
    for key, (_, content) in list(billed.s3.buckets["results"].items()):
        billed.s3.put("copies", key, content)
    assert by(billed, "cost-cell", "DIMENSION", "SERVICE") == before


def test_the_bill_outlives_the_buckets_and_the_process(billed: Bench) -> None:
    before = by(billed, "cost-cell", "DIMENSION", "SERVICE")
    billed.s3.buckets.clear()
    billed.restart()
    assert by(billed, "cost-cell", "DIMENSION", "SERVICE") == before
    assert billed.control()["offset_s"] == 72 * 3600


def test_other_objects_are_no_usage(billed: Bench) -> None:
    for key in ("experiment=e/run=r/approach=rag/answers/part-a.jsonl", "experiment=e/usage/part-a.jsonl", "x.jsonl"):
        billed.s3.put("results", key, b"{}\n")
    state = billed.control()
    assert (state["objects"], state["problems"]) == (3, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "line 1"),
        ('{"experiment": "e"}\n', "UsageRow: field 'run' is missing"),
        (json_codec.dump_lines([replace(usage("rag")[0], start="2026-11-20T09:00:00")]), "has no offset"),
        (json_codec.dump_lines([usage("rag")[0]]).replace('"1234"', '"many"'), "line 1|ConversionSyntax"),
    ],
)
def test_a_broken_object_is_named_and_the_rest_is_billed(billed: Bench, text: str, problem: str) -> None:
    key = "experiment=handbook/run=run-1/approach=rag/usage/part-broken.jsonl"
    billed.s3.put("results", key, text.encode())
    (found,) = billed.control()["problems"]
    assert found.startswith(f"s3://results/{key}: not billed: ")
    assert any(part in found for part in problem.split("|"))
    assert len(by(billed, "cost-cell", "DIMENSION", "SERVICE")) == 9


def test_usage_without_a_price_is_named_and_the_rest_is_billed(bench: Bench) -> None:
    unknown = context("rag").tokens("us.acme.model-1", "input", 5)
    bench.write([unknown, *usage("prompting")], approach="prompting")
    state = bench.control(advance_hours=72)
    (problem,) = state["problems"]
    assert "no price" in problem
    assert "acme.model-1" in problem
    assert state["lines_shown"] == len(usage("prompting"))


def test_answered_requests_are_billed_without_tags(billed: Bench) -> None:
    for _ in range(3):
        by(billed, "cost-cell", "DIMENSION", "SERVICE")
    billed.ce.list_cost_allocation_tags()
    with pytest.raises(billed.ce.exceptions.ClientError):
        billed.ce.get_cost_and_usage(**{**ask(), "Metrics": ["Nonsense"]})
    assert billed.control(advance_hours=48)["requests"] == 3
    found = groups(
        billed.ce.get_cost_and_usage(
            **ask("2026-11-23", "2026-11-24", GroupBy=cuts("cost-cell", "DIMENSION", "USAGE_TYPE"))
        )
    )
    assert found == {("cost-cell$", "USE1-APIRequest"): Decimal("0.03")}


def test_requests_that_a_run_metered_are_not_billed_twice(bench: Bench) -> None:
    bench.write([context("shared").row(meters.COST_EXPLORER, 5)], approach="shared")
    assert bench.control(advance_hours=72)["lines"] == 0


def test_usage_that_crosses_midnight_is_split(bench: Bench) -> None:
    rows = replace(context("fine-tuning"), start="2026-11-19T23:00:00Z", end="2026-11-20T01:00:00Z")
    row = rows.row(meters.HOSTING, 7_200, variety="ml.g5.xlarge")
    bench.write([row], approach="fine-tuning")
    bench.control(advance_hours=72)
    answer = bench.ce.get_cost_and_usage(**ask("2026-11-19", "2026-11-21"))
    first, second = (r["Total"] for r in answer["ResultsByTime"])
    assert first == second
    assert first["UsageQuantity"] == {"Amount": "1", "Unit": "Hrs"}


def test_every_model_with_a_price_has_a_name_and_a_maker(catalogue: Catalogue) -> None:
    for model in catalogue.models:
        attributes = bedrock_names.product_attributes("AmazonBedrock", "USE1-x-input-tokens", model.id)
        assert attributes is not None
        assert attributes["model"] in bedrock_names.NAMES.values()
        assert attributes["provider"] in bedrock_names.PROVIDERS.values()


@pytest.mark.parametrize(
    ("usage_type", "kind", "feature"),
    [
        ("USE1-NovaMicro-input-tokens", "Input tokens", "On-demand Inference"),
        ("USE1-NovaLite-output-tokens-batch", "Output tokens", "Batch Inference"),
        ("USE1-NovaLite-cache-read-input-token-count", "Cache read input tokens", "On-demand Inference"),
        ("USE1-Nova2.0Lite-input-tokens-cross-region-global", "Input tokens", "On-demand Inference"),
        ("USE1-MP:USE1_output_tokens_standard-Units", "Output tokens", "On-demand Inference"),
        ("USE1-NovaMicro-input-tokens-custom-model", "Input tokens", "Custom Model On-demand Inference"),
        ("USE1-CohereRerank-v3-5-searchunits", None, "Reranker"),
        ("USE1-NovaMicro-Customization-Training", None, "Model Customization"),
    ],
)
def test_meters_have_a_type_and_a_feature(usage_type: str, kind: str | None, feature: str) -> None:
    found = bedrock_names.product_attributes("AmazonBedrock", usage_type, None)
    assert found == ({"feature": feature} if kind is None else {"inferenceType": kind, "feature": feature})
    assert bedrock_names.product_attributes("AWSLambda", usage_type, None) is None


def test_the_real_clock_moves_the_bill(bench: Bench) -> None:
    bench.run()
    assert bench.control()["lines_shown"] == 0
    bench.clock.now += timedelta(days=3)
    assert bench.control()["lines_shown"] == bench.control()["lines"] == 13


def test_starting_the_engines_loads_nothing_of_billing() -> None:
    program = (
        "import sys; import offline.engines;"
        "print([n for n in ('cost_reports', 'duckdb', 'boto3', 'sqlite3') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
