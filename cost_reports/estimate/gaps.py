"""What an estimate leaves out and why: an option that the model cannot take, or whose price nobody has published."""

from __future__ import annotations

from dataclasses import dataclass

from cost_reports.estimate.options import PROMPTING, EstimateInputs
from cost_reports.estimate.tokens import CACHE_MINIMUM


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """An option without an amount. `price_unknown`: it exists, but has no public price; it is never taken as 0."""

    approach: str
    variant: str
    setup: str
    why: str
    price_unknown: bool

    @property
    def name(self) -> str:
        """`approach / variant / setup`, which no two options share."""
        return f"{self.approach} / {self.variant} / {self.setup}"


#: Ways to fine-tune that AWS sells without a public price (read 2026-11-23).
UNPRICED = (
    (
        "reinforcement",
        "Bedrock, by the hour",
        "no public price of a training hour (usage type Nova2.0Lite-RFT-Training-Hours)",
    ),
    ("lora", "SageMaker serverless customisation", "no public price of a billable token"),
)


def gaps(s: EstimateInputs) -> list[Gap]:
    """The options that the estimate of `s` leaves out, in the order of the ladder.

    Sources: AWS user guide (least length of a cached prompt), AWS price pages read on the day of `UNPRICED`.
    """
    return [*_prompting(s), *_fine_tuning(s)]


def unpriced(s: EstimateInputs) -> list[str]:
    """One sentence for each reason and way for which there is no price, with the variants that it concerns."""
    variants: dict[tuple[str, str, str], list[str]] = {}
    for gap in gaps(s):
        if gap.price_unknown:
            variants.setdefault((gap.approach, gap.setup, gap.why), []).append(gap.variant)
    return [f"{approach} ({', '.join(v)}), {setup}: {why}" for (approach, setup, why), v in variants.items()]


def _prompting(s: EstimateInputs) -> list[Gap]:
    found = []
    for variant in PROMPTING:
        prompt = s.prompt(variant)
        last = prompt.requests()[-1]
        fixed = last.fixed + last.history
        if s.is_long(prompt):
            why = f"no price of it above the long-context threshold of {s.generator}"
            found += [_gap("prompting", variant, setup, why, True) for setup in ("prompt caching", "batch", "flex")]
            continue
        if not s.priced(s.generator, "cache read"):
            found.append(
                _gap("prompting", variant, "prompt caching", f"no price of cache reads of {s.generator}", True)
            )
        elif fixed < CACHE_MINIMUM:
            why = f"a fixed prompt of {fixed:,} tokens is below the {CACHE_MINIMUM:,} that are cached at least"
            found.append(_gap("prompting", variant, "prompt caching", why))
        for tier in ("batch", "flex"):
            if not s.offers(prompt, tier):
                found.append(_gap("prompting", variant, tier, f"no {tier} price of {s.generator}", True))
    return found


def _fine_tuning(s: EstimateInputs) -> list[Gap]:
    found = [_gap("fine-tuning", "reft", "model import", "it edits activations, so it cannot be merged into weights")]
    found += [_gap("fine-tuning", variant, setup, why, True) for variant, setup, why in UNPRICED]
    if not s.customisable:
        why = f"a price of customising {s.generator} is not known"
        found.append(_gap("fine-tuning", "nova", "Bedrock, on demand", why, True))
    return found


def _gap(approach: str, variant: str, setup: str, why: str, price_unknown: bool = False) -> Gap:
    return Gap(approach=approach, variant=variant, setup=setup, why=why, price_unknown=price_unknown)
