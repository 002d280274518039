"""What an estimate leaves out is named with its reason, and never counted as 0."""

from __future__ import annotations

from dataclasses import replace

from cost_reports.estimate.estimate import estimate
from cost_reports.estimate.gaps import Gap, gaps, unpriced
from cost_reports.render import markdown
from cost_reports.render.documents import estimate_document
from tests.unit.cost_reports.estimate.sample_inputs import TASK, inputs

HAIKU = "us.anthropic.claude-haiku-5-5"


def found(**changes: object) -> dict[str, Gap]:
    return {gap.name: gap for gap in gaps(inputs(**changes))}


def test_what_has_no_public_price() -> None:
    named = found()
    for name in (
        "prompting / zero-shot / flex",
        "fine-tuning / reinforcement / Bedrock, by the hour",
        "fine-tuning / lora / SageMaker serverless customisation",
    ):
        assert named[name].price_unknown
    short = named["prompting / few-shot / prompt caching"]
    assert not short.price_unknown
    assert short.why == "a fixed prompt of 350 tokens is below the 1,024 that are cached at least"
    assert "fine-tuning / nova / Bedrock, on demand" not in named
    assert "fine-tuning / nova / Bedrock, on demand" in found(generator=HAIKU)
    sentences = unpriced(inputs())
    assert sentences[0].startswith("prompting (zero-shot, few-shot, chain-of-thought), flex: no flex price of us.")
    assert len(sentences) == 3


def test_flex_and_caching_are_offered_where_they_have_a_price() -> None:
    s = inputs(replace(TASK, style_tokens=2000), generator="us.amazon.nova-2-lite-v1:0")
    estimated = {o.name for o in estimate(s).options}
    for setup in ("on demand", "prompt caching", "batch", "flex"):
        assert f"prompting / chain-of-thought / {setup}" in estimated
    assert not any(gap.approach == "prompting" for gap in gaps(s))


def test_above_the_long_context_threshold_only_its_own_price_is_known() -> None:
    s = inputs(replace(TASK, style_tokens=150_000), generator=HAIKU)
    why = {gap.setup: gap.why for gap in gaps(s) if gap.variant == "zero-shot"}
    assert set(why) == {"prompt caching", "batch", "flex"}
    assert "long-context threshold" in why["batch"]


def test_no_option_is_both_estimated_and_left_out() -> None:
    for generator in ("us.amazon.nova-micro-v1:0", "us.amazon.nova-2-lite-v1:0", HAIKU):
        made = estimate(inputs(generator=generator))
        assert not {o.name for o in made.options} & {g.name for g in made.gaps}


def test_the_reader_sees_unknown_and_what_the_sums_lack() -> None:
    text = markdown.render(estimate_document.document(estimate(inputs())))
    assert "| reinforcement | Bedrock, by the hour | unknown |" in text
    assert "Unknown, in no sum: AWS's own fee for each labelled object" in text
    assert "Unknown, in no sum: data that queries of S3 Vectors process" in text
    unlabelled = estimate(inputs(assumed={"labels_per_example": 0}))
    assert not any("labelled" in u for o in unlabelled.options for u in o.unknown)
