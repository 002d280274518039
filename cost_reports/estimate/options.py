"""The options of every approach below fine-tuning: prompting by variant and tier, RAG by variant and vector store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from contracts.units import HOURS_PER_MONTH, to_decimal
from cost_reports.estimate.assumptions import value
from cost_reports.estimate.plan import Manual, Option, Part, UsageRowFactory
from cost_reports.estimate.tokens import Prompt, cached, chat, prompt_of
from cost_reports.estimate.workload import Task, Workload
from cost_reports.prices.catalogue import Catalogue
from cost_reports.prices.usage_types import meters_of, token_usage

MONTH_SECONDS = HOURS_PER_MONTH * 3600
#: Beginning of the id of a model that Bedrock fine-tunes at a known price -> its name inside usage types.
CUSTOMISABLE = {"amazon.nova-micro": "NovaMicro", "amazon.nova-2-lite": "Nova2.0Lite"}
PROMPTING = ("zero-shot", "few-shot", "chain-of-thought")


class ContextError(ValueError):
    """A prompt is longer than the model takes; the message names both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateInputs:
    """What all options of an estimate share. `measured`: variant -> mean input and output tokens of a request."""

    experiment: str
    catalogue: Catalogue
    task: Task
    workload: Workload
    generator: str
    embedding: str
    dimensions: int
    base_model: str
    training_instance: str
    hosting_instance: str
    region: str = "us-east-1"
    rank: int = 16
    assumed: Mapping[str, Fraction | Decimal | int] = field(default_factory=dict)
    measured: Mapping[str, tuple[Fraction, Fraction]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.assumed:
            value(name, self.assumed)

    def prompt(self, variant: str) -> Prompt:
        """Tokens of one request (or chat) of a variant: the mean of a run where one was measured, else as counted.

        A measured prompt keeps the task's fixed part; tokens are rounded up.
        """
        counted = prompt_of(self.task, variant)
        if variant in self.measured:
            read, written = (math.ceil(n) for n in self.measured[variant])
            fixed = min(counted.fixed, read)
            counted = Prompt(fixed=fixed, own=read - fixed, output=written)
        return chat(counted, self.task.turns)

    def long_tokens(self, prompt: Prompt) -> tuple[int, int]:
        """Input and output tokens of those requests that are above the generator's long-context threshold.

        Every token of such a request has the long-context price; each turn of a chat is a request of its own.

        Raises:
            PriceError: the model is not in the catalogue.
        """
        above = self.catalogue.model(self.generator).long_context_above
        long = [] if above is None else [r for r in prompt.requests() if r.input > above]
        return sum(r.input for r in long), sum(r.output for r in long)

    def is_long(self, prompt: Prompt) -> bool:
        """Whether a request of the prompt is above the threshold; errors as for `long_tokens`."""
        return self.long_tokens(prompt) != (0, 0)

    def value(self, name: str) -> Fraction:
        """The assumption of that name, or the user's own; errors as for `assumptions.value`."""
        return value(name, self.assumed)

    def maker(self, approach: str, variant: str) -> UsageRowFactory:
        """Makes the usage rows of an option in the region of the estimate."""
        return UsageRowFactory(experiment=self.experiment, approach=approach, variant=variant, region=self.region)

    def monthly_capacity(self, per_second: Fraction) -> Fraction:
        """Requests a month that a unit serves if its busiest second is `per_second`."""
        return per_second * MONTH_SECONDS / Fraction(self.workload.peak_factor)

    @property
    def customisable(self) -> bool:
        """Whether Bedrock fine-tunes the generator at a known price."""
        return any(start in self.generator for start in CUSTOMISABLE)

    def offers(self, prompt: Prompt, tier: str) -> bool:
        """Whether the generator has a price of the prompt in a tier (`batch`, `flex`); above the threshold none has."""
        known = self.priced(self.generator, f"input {tier}") and self.priced(self.generator, f"output {tier}")
        return known and not self.is_long(prompt)

    def priced(self, model: str, meter: str) -> bool:
        """Whether the catalogue knows the meter of the model; a tier without a price is not offered."""
        if meter not in meters_of(model):
            return False
        service, kind, operation = token_usage(model, meter, self.region)
        return bool(self.catalogue.candidates(service, kind, operation, "2026-12-01"))


def prompting(s: EstimateInputs) -> list[Option]:
    """Every prompting variant on demand, with caching where its fixed prompt is long enough, in batch and flex."""
    found = []
    for variant in PROMPTING:
        prompt = s.prompt(variant)
        make = s.maker("prompting", variant)
        shared = (*platform(s, make), people(s, "prompting"))
        found.append(_option(variant, "on demand", (*tokens(s, make, prompt), *shared)))
        if (parts := caching(s, make, prompt)) is not None:
            found.append(_option(variant, "prompt caching", (*parts, *shared)))
        for tier in ("batch", "flex"):
            if s.offers(prompt, tier):
                found.append(_option(variant, tier, (*tokens(s, make, prompt, f" {tier}"), *shared)))
    return found


def _option(variant: str, setup: str, parts: tuple[Part, ...]) -> Option:
    notes = ("answers within 24 hours, not at once",) if setup == "batch" else ()
    at_once = setup != "batch"
    return Option(approach="prompting", variant=variant, setup=setup, parts=parts, notes=notes, interactive=at_once)


def tokens(s: EstimateInputs, make: UsageRowFactory, prompt: Prompt, tier: str = "") -> tuple[Part, ...]:
    """Input and output of one request; those above the model's threshold have the long-context price in every token.

    Raises:
        ContextError: a prompt and its answer are longer than the model takes.
        PriceError: the model has no price.
    """
    model, last = s.catalogue.model(s.generator), prompt.requests()[-1]
    if last.input + last.output > model.max_input_tokens:
        raise ContextError(
            f"{make.approach} {make.variant}: a prompt of {last.input:,} tokens is longer than {s.generator} takes"
            f" ({model.max_input_tokens:,})"
        )
    long_input, long_output = s.long_tokens(prompt)
    return (
        _metered(s, make, "input", tier, prompt.input - long_input, long_input, "tokens of a prompt"),
        _metered(s, make, "output", tier, prompt.output - long_output, long_output, "tokens of an answer"),
    )


def _metered(
    s: EstimateInputs, make: UsageRowFactory, meter: str, tier: str, usual: int, long: int, source: str
) -> Part:
    amounts = ((f"{meter}{tier}", usual), (f"{meter} long-context", long))
    rows = tuple(make.tokens(s.generator, name, amount, source) for name, amount in amounts if amount)
    return Part(growth="request", driver=f"{meter} tokens", rows=rows)


def caching(s: EstimateInputs, make: UsageRowFactory, prompt: Prompt) -> tuple[Part, ...] | None:
    """Tokens with prompt caching; null where the model has no cache price or the fixed prompt is too short.

    Null too above the long-context threshold: no price list gives the cache prices that hold there. A model
    without a price for writing to the cache (Nova) writes at the price of input.
    """
    if s.is_long(prompt) or not s.priced(s.generator, "cache read"):
        return None
    share = cached(prompt, s.workload.cache_hit_share)
    if not share.read and not share.written:
        return None
    write = "cache write 5m" if s.priced(s.generator, "cache write 5m") else "input"
    rows = (
        make.tokens(s.generator, "input", share.plain, "tokens of a prompt that are not cached"),
        make.tokens(s.generator, "cache read", share.read, "fixed tokens x cache hit share"),
        make.tokens(s.generator, write, share.written, "fixed tokens x (1 - cache hit share)"),
    )
    output = make.tokens(s.generator, "output", prompt.output, "tokens of an answer")
    return (
        Part(growth="request", driver="input tokens", rows=rows),
        Part(growth="request", driver="output tokens", rows=(output,)),
    )


def platform(s: EstimateInputs, make: UsageRowFactory) -> tuple[Part, ...]:
    """What every answer needs beside its model: a function call and its log; and the daily cost report."""
    gb_seconds = s.value("lambda_seconds") * s.value("lambda_memory") / 1024
    request = (
        make.row("AWSLambda", "Lambda-GB-Second-ARM", "Invoke", gb_seconds, "GB-second", "memory x seconds"),
        make.row("AWSLambda", "Request-ARM", "Invoke", 1, "requests", "one call an answer"),
        make.row(
            "AmazonCloudWatch", "DataProcessing-Bytes", "PutLogEvents", s.value("log_bytes"), "bytes", "log lines"
        ),
    )
    report = make.exact(
        "AWSCostExplorer", "USE1-APIRequest", "GetCostAndUsage", 5 * 30, "requests", "5 requests a day for the report"
    )
    return (
        Part(growth="request", driver="platform", rows=request),
        Part(growth="monthly", driver="platform", rows=(report,)),
    )


def people(s: EstimateInputs, approach: str) -> Part:
    """Hours of work to build the approach; counted only where the experiment states a wage."""
    wage = s.workload.hourly_wage_usd
    if wage is None:
        return Part(growth="once", driver="people")
    hours = s.value(f"people_{approach}")
    usd = to_decimal(hours * Fraction(wage))
    manual = Manual(name=f"{float(hours):g} hours of work", usd=usd, source=f"assumption x stated wage of {wage} USD")
    return Part(growth="once", driver="people", manual=(manual,))
