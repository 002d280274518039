"""What an estimate leaves out and why: an option that the model cannot take, or whose price is not published."""

from __future__ import annotations

from dataclasses import dataclass

from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.options.prompting import PROMPTING
from cost_reports.estimate.plan import OptionName
from cost_reports.estimate.tokens import CACHE_MINIMUM


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(OptionName):
    """An option without an amount. `price_unknown`: it exists, but has no public price; it is never taken as 0."""

    why: str
    price_unknown: bool


#: Ways to fine-tune that AWS sells without a public price (read 2026-11-23).
UNPRICED = (
    (
        "reinforcement",
        "Bedrock, by the hour",
        "no public price of a training hour (usage type Nova2.0Lite-RFT-Training-Hours)",
    ),
    ("lora", "SageMaker serverless customisation", "no public price of a billable token"),
)


def gaps(inputs: EstimateInputs) -> list[Gap]:
    """Return the options that an estimate leaves out, in the order of the ladder.

    Sources: AWS user guide (least length of a cached prompt), AWS price pages read on the day of `UNPRICED`.
    """
    return [*_prompting(inputs), *_fine_tuning(inputs)]


def unpriced(inputs: EstimateInputs) -> list[str]:
    """Return a sentence for each reason and setup for which there is no price, with the variants that it concerns."""
    variants: dict[tuple[str, str, str], list[str]] = {}
    for gap in gaps(inputs):
        if gap.price_unknown:
            variants.setdefault((gap.approach, gap.setup, gap.why), []).append(gap.variant)
    return [f"{approach} ({', '.join(v)}), {setup}: {why}" for (approach, setup, why), v in variants.items()]


def _prompting(inputs: EstimateInputs) -> list[Gap]:
    left_out, generator = [], inputs.generator
    for variant in PROMPTING:
        prompt = inputs.prompt(variant)
        last = prompt.requests()[-1]
        fixed = last.fixed + last.history
        reasons: dict[str, tuple[str, bool]] = {}
        if inputs.is_long(prompt):
            above = f"no price of it above the long-context threshold of {generator}"
            reasons = dict.fromkeys(("prompt caching", "batch", "flex"), (above, True))
        else:
            if not inputs.priced(generator, "cache read"):
                reasons["prompt caching"] = f"no price of cache reads of {generator}", True
            elif fixed < CACHE_MINIMUM:
                short = f"a fixed prompt of {fixed:,} tokens is below the {CACHE_MINIMUM:,} that are cached at least"
                reasons["prompt caching"] = short, False
            for tier in ("batch", "flex"):
                if not inputs.offers(prompt, tier):
                    reasons[tier] = f"no {tier} price of {generator}", True
        left_out += [_gap("prompting", variant, setup, why, unknown) for setup, (why, unknown) in reasons.items()]
    return left_out


def _fine_tuning(inputs: EstimateInputs) -> list[Gap]:
    merged = "it edits activations, so it cannot be merged into weights"
    left_out = [_gap("fine-tuning", "reft", "model import", merged, False)]
    left_out += [_gap("fine-tuning", variant, setup, why, True) for variant, setup, why in UNPRICED]
    if not inputs.customisable:
        why = f"a price of customising {inputs.generator} is not known"
        left_out.append(_gap("fine-tuning", "nova", "Bedrock, on demand", why, True))
    return left_out


def _gap(approach: str, variant: str, setup: str, why: str, price_unknown: bool) -> Gap:
    return Gap(approach=approach, variant=variant, setup=setup, why=why, price_unknown=price_unknown)
