from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.units import MONEY
from cost_reports.estimate import assumptions, gpu, pretraining, tokens
from cost_reports.estimate.estimate import Estimate, OptionEstimate, estimate, estimate_option
from cost_reports.estimate.expected_usage import estimated_charges, month_usage
from cost_reports.estimate.gpu import CapacityError, Method
from cost_reports.estimate.options.fine_tuning import training_instance
from cost_reports.estimate.options.ladder import all_options, from_nothing
from cost_reports.estimate.options.prompting import ContextError, prompting
from cost_reports.estimate.options.rag import rag, retrieval
from cost_reports.estimate.options.serving import serve
from cost_reports.estimate.plan import Part
from cost_reports.estimate.tokens import Prompt
from cost_reports.estimate.workload import ExactWorkload, WorkloadError
from cost_reports.metering.charges import total
from cost_reports.metering.meters import scaled
from cost_reports.prices.catalogue import Catalogue, PriceError
from cost_reports.prices.quote import Quoter
from tests.unit.cost_reports.estimate.sample_inputs import CATALOGUE, TASK, inputs


@pytest.fixture(scope="module")
def whole() -> Estimate:
    return estimate(inputs())


def test_every_approach_and_setup_is_there(whole: Estimate) -> None:
    names = {o.name for o in whole.options}
    assert len(names) == len(whole.options) >= 40
    for name in (
        "prompting / zero-shot / on demand",
        "prompting / chain-of-thought / batch",
        "rag / rag / nextgen",
        "rag / rag+few-shot / aurora pgvector",
        "fine-tuning / qlora / model import, trained spot",
        "fine-tuning / reft / scale to zero, trained on demand",
        "fine-tuning / lora+rag / endpoint, s3 vectors",
        "fine-tuning / nova / Bedrock, on demand",
        "pre-training / from scratch / endpoint",
    ):
        assert name in names
    assert "fine-tuning / reft / model import, trained spot" not in names


def test_every_line_has_a_price_with_a_source_and_a_date(whole: Estimate) -> None:
    for option in whole.options:
        for item in option.items:
            assert item.price_source
            if item.service_code != "(none)":
                assert (item.price_usd is None) == (item.usd is None) == (item.confidence == "unknown")
                assert item.price_as_of
                assert item.formula


def test_the_sums_fit_together(whole: Estimate) -> None:
    for o in whole.options:
        assert o.first_month_usd == pytest.approx(o.fixed_monthly_usd + 10 * o.per_1000_usd, abs=Decimal("1e-9"))
        assert o.total_usd == pytest.approx(
            o.one_time_usd + 12 * (o.first_month_usd + o.refresh_monthly_usd), abs=Decimal("1e-9")
        )
        assert o.idle_monthly_usd <= o.fixed_monthly_usd


def test_flex_and_caching_appear_where_the_model_offers_them() -> None:
    names = {o.setup for o in prompting(inputs(generator="us.amazon.nova-pro-v1:0"))}
    assert names == {"on demand", "batch", "flex"}
    long = replace(TASK, style_tokens=2000)
    cached = [o for o in prompting(inputs(long)) if o.setup == "prompt caching"]
    assert [o.variant for o in cached] == ["zero-shot", "few-shot", "chain-of-thought"]
    plain = {o.variant: o for o in prompting(inputs(long)) if o.setup == "on demand"}
    found = estimate_option(inputs(long), cached[0])
    # 2,000 fixed tokens: 1,600 read at a quarter, 400 written at the price of input (Nova has no write price)
    saved = (found.per_1000_usd - estimate_option(inputs(long), plain["zero-shot"]).per_1000_usd) / 1000
    assert saved == Decimal("-1600") * Decimal("0.035") * Decimal("0.75") / 10**6


def test_the_long_context_price_begins_at_its_threshold() -> None:
    haiku = "us.anthropic.claude-haiku-5-5"

    def usd(style: int) -> Decimal:
        s = inputs(replace(TASK, style_tokens=style, question_tokens=1), generator=haiku)
        return estimate_option(s, next(o for o in prompting(s) if o.setup == "on demand")).per_1000_usd

    # 99,999 + 1 tokens cost 0.11 a million; one more costs five times as much for every token
    step = usd(100_000) - usd(99_999)
    assert step == pytest.approx(Decimal("44"), abs=Decimal("0.1"))
    with pytest.raises(
        ContextError, match=r"prompting zero-shot: a prompt of 1,000,001 tokens is longer than us\.anth"
    ):
        usd(1_000_000)


@pytest.mark.parametrize("threshold", [100_000, 200_000, 272_000])
def test_the_threshold_of_the_long_context_price_comes_from_the_price_file(threshold: int) -> None:
    haiku = "us.anthropic.claude-haiku-5-5"
    model = replace(CATALOGUE.model(haiku), long_context_above=threshold)
    catalogue = Catalogue(CATALOGUE.prices, [model])

    def options(style: int) -> dict[str, OptionEstimate]:
        s = inputs(replace(TASK, style_tokens=style, question_tokens=1), generator=haiku, catalogue=catalogue)
        return {o.setup: estimate_option(s, o) for o in prompting(s) if o.variant == "zero-shot"}

    below, above = options(threshold - 1), options(threshold)
    kinds = [item.usage_type for item in above["on demand"].items if "input" in item.usage_type]
    assert kinds == ["USE1-MP:USE1_input_tokens_long_context-Units"]
    assert not any("long_context" in item.usage_type for item in below["on demand"].items)
    # every token costs five times as much, not only those above the threshold
    tokens_below, tokens_above = (
        next(i.usd for i in o["on demand"].items if i.driver == "input tokens") for o in (below, above)
    )
    assert tokens_below == threshold * Decimal("0.11") / 10**6
    assert tokens_above == (threshold + 1) * Decimal("0.55") / 10**6
    assert "prompt caching" in below
    assert set(above) == {"on demand"}


def _compute(store: str, requests: int) -> Fraction:
    s = inputs()
    quoter = Quoter(CATALOGUE)
    parts = retrieval(s, s.rows("rag", "rag"), store)
    return sum((quoter.term(p).monthly(requests) for p in parts if p.input in ("capacity", "idle floor")), Fraction(0))


def test_idle_compute_of_the_stores() -> None:
    assert _compute("nextgen", 0) == 0
    assert _compute("classic with redundancy", 0) == Fraction("350.40")
    assert _compute("classic", 0) == Fraction("175.20")


def test_known_sizes() -> None:
    llama = gpu.shape_of("meta-llama/Meta-Llama-3-8B-Instruct")
    assert gpu.lora_parameters(llama, 16) == 41_943_040
    assert gpu.lora_parameters(llama, 16, all_linear=False) == 6_815_744
    assert gpu.reft_parameters(4096, 4) == 32_772
    assert gpu.weight_bytes(10**9, "full", 10**9) == 16 * 10**9
    # QLoRA of 65 B (rank 64 on all linear layers of LLaMA-65B is about 0.8 B parameters x 4 bytes of bf16 and paged
    # optimiser aside): the frozen weights of 33.5 GB leave room on one 48 GB GPU
    frozen = gpu.weight_bytes(65 * 10**9, "qlora", 0)
    assert gpu.fits(gpu.instance_of("ml.g6e.xlarge"), frozen)
    assert not gpu.fits(gpu.instance_of("ml.g6e.xlarge"), gpu.weight_bytes(65 * 10**9, "lora", 0))
    for billions, gib in ((Fraction("6.74"), 100), (Fraction("8.03"), 120), (Fraction("70.6"), 1052)):
        assert float(gpu.weight_bytes(0, "full", int(billions * 10**9))) / 2**30 == pytest.approx(gib, rel=0.01)


@pytest.mark.parametrize(("name", "gpus"), [("ml.g5.xlarge", 1), ("ml.g5.12xlarge", 4)])
def test_each_gpu_of_24_gb_keeps_one_and_a_half_gib_to_itself(name: str, gpus: int) -> None:
    most = Fraction(gpus * (24 * 10**9 - 1_610_612_736))
    assert gpu.fits(gpu.instance_of(name), most)
    assert not gpu.fits(gpu.instance_of(name), most + 1)


@pytest.mark.parametrize(
    ("base", "method", "instance"),
    [
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "full", "ml.g5.xlarge"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "qlora", "ml.g5.xlarge"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "full", "ml.g6e.12xlarge"),
        ("meta-llama/Meta-Llama-3-70B-Instruct", "lora", "ml.g6e.12xlarge"),
    ],
)
def test_which_instance_fits(base: str, method: Method, instance: str) -> None:
    assert training_instance(inputs(base_model=base), method) == instance


def test_nothing_is_large_enough() -> None:
    with pytest.raises(CapacityError, match="no instance type holds 1,1"):
        training_instance(inputs(base_model="meta-llama/Meta-Llama-3-70B-Instruct"), "full")
    with pytest.raises(CapacityError, match="base model 'x' has no known shape"):
        gpu.shape_of("x")
    with pytest.raises(CapacityError, match=r"instance 'ml\.x' is unknown"):
        estimate(inputs(hosting_instance="ml.x"))


def test_pretraining_against_published_runs() -> None:
    verdicts = {c.run.name: c.verdict for c in map(pretraining.check, pretraining.PUBLISHED)}
    assert [n for n, v in verdicts.items() if v == "inside"] == ["Llama 2 7B", "Llama 2 13B", "Llama 2 70B"]
    assert [n for n, v in verdicts.items() if v == "within 10 %"] == ["Llama 3.1 405B", "DeepSeek-V3"]
    outside = [c for c in map(pretraining.check, pretraining.PUBLISHED) if c.verdict == "above"]
    assert len(outside) == 8
    assert all(c.why for c in outside)
    assert float(pretraining.implied_mfu(pretraining.PUBLISHED[0])) == pytest.approx(0.391, abs=0.0005)


def test_pretraining_costs() -> None:
    plan = pretraining.Plan(parameters=8 * 10**9, tokens=160 * 10**9)
    low, high = plan.gpu_hours()
    # 6 x 8e9 x 160e9 FLOPs at 989 TFLOPS and an MFU of 43 %, and a quarter more
    assert float(low) == pytest.approx(6 * 8e9 * 160e9 / (3600 * 989e12 * 0.43) * 1.25)
    assert high / low == Fraction(43, 35)
    assert plan.wages_usd == 20 * 12 * 20_000
    with pytest.raises(ValueError, match="GPU 'TPU' is unknown"):
        pretraining.gpu_hours(1, 1, "TPU", Fraction(1, 2))
    with pytest.raises(ValueError, match="MFU must be above 0"):
        pretraining.gpu_hours(1, 1, "H100", Fraction(2))
    assert "no open model may be used" in from_nothing(inputs()).notes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"requests_per_month": 0}, "requests_per_month must be from 1"),
        ({"requests_per_month": -5}, "requests_per_month must be from 1"),
        ({"requests_per_month": 10**11}, "requests_per_month must be from 1 to 10000000000"),
        ({"requests_per_month": True}, "requests_per_month must be a number \\(got True"),
        ({"requests_per_month": 1.5}, "requests_per_month must be a number \\(got 1.5"),
        ({"horizon_months": 0}, "horizon_months"),
        ({"horizon_months": 1000}, "horizon_months"),
        ({"peak_factor": Decimal("0.5")}, "peak_factor"),
        ({"peak_factor": Decimal("NaN")}, "peak_factor must be finite \\(got NaN"),
        ({"monthly_growth": Decimal(2), "horizon_months": 120}, "monthly_growth 2 leads to more than"),
        ({"cache_hit_share": Decimal("1.1")}, "cache_hit_share"),
        ({"retrain_every_months": 0}, "retrain_every_months"),
        ({"hourly_wage_usd": Decimal(-1)}, "hourly_wage_usd"),
    ],
)
def test_bad_workloads(change: dict[str, Any], message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        ExactWorkload(**{"requests_per_month": 1, **change})


def test_bad_tasks() -> None:
    with pytest.raises(WorkloadError, match="question_tokens must be from 1"):
        replace(TASK, question_tokens=0)
    with pytest.raises(WorkloadError, match="epochs must be from 0"):
        replace(TASK, epochs=-1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"generator": "us.acme.nova-x"}, "model 'us.acme.nova-x' has no price"),
        ({"embedding": "acme.embed"}, "no price in the catalogue for AmazonBedrock USE1-acme.embed-input-tokens"),
        ({"region": "eu-west-1"}, "region 'eu-west-1' has no prices here; there are prices for us-east-1"),
        ({"region": "us-moon-1"}, "region 'us-moon-1' has no prices"),
    ],
)
def test_what_is_not_known_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate(inputs(**change))


def test_a_value_of_ones_own() -> None:
    s = inputs(assumed={"ocu_rate": 20})
    assert s.value("ocu_rate") == 20
    assert s.value("node_rate") == assumptions.ASSUMPTIONS["node_rate"].value
    with pytest.raises(ValueError, match="assumption 'x' is unknown"):
        s.value("x")
    for wrong, message in (
        ({"ocu_rate": -1}, "ocu_rate must be 0 or more"),
        ({"ocu_rate": 0}, "ocu_rate must be above 0"),
        ({"spot_saving": Decimal("1.1")}, "spot_saving is a share: from 0 to 1"),
        ({"lambda_seconds": 10**9}, "lambda_seconds must be at most 30000"),
    ):
        with pytest.raises(ValueError, match=message):
            inputs(assumed=wrong)
    with pytest.raises(ValueError, match=r"ocu_rate must be at least 0\.0004"):
        inputs(assumed={"ocu_rate": Fraction(1, 10**6)})
    for name, a in assumptions.ASSUMPTIONS.items():
        assert a.low <= a.value <= a.high, name


def test_people_cost_only_where_a_wage_is_stated() -> None:
    free = estimate(inputs()).options[0]
    paid = estimate(inputs(hourly_wage_usd=Decimal(50))).options[0]
    assert free.one_time_usd == 0
    assert paid.one_time_usd == 16 * 50
    assert "assumption x stated wage of 50 USD" in {i.price_source for i in paid.items}
    thirds = inputs(hourly_wage_usd=Decimal(30), assumed={"people_prompting": Fraction(1, 3)})
    assert estimate(thirds).options[0].one_time_usd == 10  # money never passes through a float: 9.999999999999999


def test_a_model_from_nothing_is_served_by_its_own_size() -> None:
    """70 B parameters do not fit on the ml.g5.xlarge that serves the small base model."""

    def hosted(**assumed: int) -> str:
        option = from_nothing(inputs(assumed=assumed))
        (row,) = (r for p in option.parts for r in p.rows if "Host:" in r.usage_type)
        return row.usage_type

    assert hosted() == "USE1-Host:ml.g5.xlarge"
    assert hosted(pretraining_parameters=70 * 10**9) == "USE1-Host:ml.g6e.12xlarge"


def test_retraining_and_reindexing_cost_again() -> None:
    s = inputs(retrain_every_months=3, document_changes_per_month=64)
    options = {o.name: o for o in estimate(s).options}
    tuned = options["fine-tuning / lora / endpoint, trained on demand"]
    trained = next(i.usd for i in tuned.items if i.driver == "training time")
    assert tuned.refresh_monthly_usd == pytest.approx(trained * 4 / 12, abs=MONEY)
    # 64 of 64 documents a month: 30,000 tokens x 0.02 / 1M
    assert options["rag / rag / nextgen"].refresh_monthly_usd == Decimal("0.0006")


def test_a_month_of_usage_costs_what_the_estimate_says() -> None:
    s = inputs()
    for option in all_options(s):
        found = estimate_option(s, option)
        rows = month_usage(option, 10_000)
        charges = estimated_charges(CATALOGUE, rows)
        assert {c.source for c in charges} <= {"estimated"}
        expected = found.first_month_usd + (found.refresh_monthly_usd if option.approach == "rag" else 0)
        assert total(charges) == pytest.approx(expected, abs=Decimal("1e-9")), option.name


def test_parts_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="units of d: the capacity must be above 0"):
        Part(cost_behavior="unit", input="d")
    with pytest.raises(ValueError, match="awakenings of d: the usage of a whole month is missing"):
        Part(cost_behavior="awake", input="d")
    s = inputs()
    with pytest.raises(ValueError, match="vector store 'x' is unknown"):
        retrieval(s, s.rows("rag", "rag"), "x")
    with pytest.raises(ValueError, match="serving 'x' is unknown"):
        serve(s, s.rows("fine-tuning", "lora"), "x")


def test_a_price_file_without_a_needed_row_is_an_error() -> None:
    bare = Catalogue(
        [p for p in CATALOGUE.prices if p.service_code != "AWSLambda"], [CATALOGUE.model(inputs().generator)]
    )
    with pytest.raises(PriceError, match="AWSLambda Lambda-GB-Second-ARM"):
        estimate(inputs(catalogue=bare))


prompts = st.builds(Prompt, fixed=st.integers(0, 5000), own=st.integers(1, 5000), output=st.integers(0, 2000))


@given(prompts, st.integers(1, 40))
def test_a_chat_grows_with_the_square_of_its_turns(prompt: Prompt, turns: int) -> None:
    by_hand = 0
    said = 0
    for _ in range(turns):
        by_hand += prompt.fixed + said + prompt.own
        said += prompt.own + prompt.output
    found = tokens.chat(prompt, turns)
    assert (found.input, found.output) == (by_hand, prompt.output * turns)
    with pytest.raises(ValueError, match="1 turn or more"):
        tokens.chat(prompt, 0)


@given(prompts, st.integers(1, 40), st.decimals(min_value=0, max_value=1, places=4))
def test_the_requests_of_a_chat_add_up(prompt: Prompt, turns: int, share: Decimal) -> None:
    whole = tokens.chat(prompt, turns)
    requests = whole.requests()
    assert len(requests) == turns
    assert (sum(r.input for r in requests), sum(r.output for r in requests)) == (whole.input, whole.output)
    found = tokens.cached(whole, share)
    assert found.plain + found.read + found.written == whole.input
    assert found.read <= sum(r.fixed + r.history for r in requests)


def test_each_turn_of_a_chat_is_held_against_the_threshold() -> None:
    haiku = "us.anthropic.claude-haiku-5-5"

    def rows(style: int, turns: int) -> dict[str, Decimal]:
        s = inputs(
            replace(TASK, style_tokens=style, question_tokens=20, answer_tokens=10, turns=turns), generator=haiku
        )
        options = [o for o in prompting(s) if o.variant == "zero-shot"]
        plain = estimate_option(s, next(o for o in options if o.setup == "on demand"))
        assert any(o.setup == "prompt caching" for o in options) == (not s.is_long(s.prompt("zero-shot")))
        return {i.usage_type.split("_", 1)[1]: i.amount for i in plain.items if "MP:" in i.usage_type}

    # 3 turns of 50,020, 50,050 and 50,080 tokens: together above 100,000, none of them alone
    assert rows(50_000, 3) == {"input_tokens_standard-Units": 150_150, "output_tokens_standard-Units": 30}
    # 99,980, 100,010 and 100,040: the first is not above
    assert rows(99_960, 3) == {
        "input_tokens_standard-Units": 99_980,
        "input_tokens_long_context-Units": 200_050,
        "output_tokens_standard-Units": 10,
        "output_tokens_long_context-Units": 20,
    }
    with pytest.raises(ContextError, match="a prompt of 1,000,010 tokens is longer"):
        rows(999_960, 2)
    with pytest.raises(WorkloadError, match="turns must be from 1 to 1000"):
        replace(TASK, turns=1001)


@given(prompts, st.decimals(min_value=0, max_value=1, places=4))
def test_caching_keeps_every_token(prompt: Prompt, share: Decimal) -> None:
    found = tokens.cached(prompt, share)
    assert found.plain + found.read + found.written == prompt.input
    if prompt.fixed >= 1024:
        assert (found.plain, found.read) == (prompt.own, prompt.fixed * Fraction(share))
    with pytest.raises(ValueError, match="from 0 to 1"):
        tokens.cached(prompt, Decimal(2))


@given(st.integers(1, 10**7), st.integers(0, 10**6))
def test_more_requests_never_cost_less(requests: int, more: int) -> None:
    quoter = Quoter(CATALOGUE)
    curve = quoter.curve(rag(inputs())[0])
    assert curve.monthly(requests + more) >= curve.monthly(requests)


def test_scaling_is_exact() -> None:
    row = month_usage(prompting(inputs())[0], 1)[0]
    assert scaled(row, 3).amount == row.amount * 3
