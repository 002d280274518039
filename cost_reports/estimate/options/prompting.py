"""The options of prompting, by variant and tier; and what the options of every approach share."""

from __future__ import annotations

from fractions import Fraction

from contracts.units import to_decimal
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.plan import Manual, Option, Part
from cost_reports.estimate.tokens import Prompt, cached
from cost_reports.metering import meters
from cost_reports.metering.meters import UsageRowFactory

PROMPTING = ("zero-shot", "few-shot", "chain-of-thought")


class ContextError(ValueError):
    """A prompt is longer than the model takes; the message names both."""


def prompting(inputs: EstimateInputs) -> list[Option]:
    """Return every variant on demand, with caching where its fixed prompt is long enough, in batch and flex."""
    options = []
    for variant in PROMPTING:
        prompt, rows = inputs.prompt(variant), inputs.rows("prompting", variant)
        setups = {"on demand": tokens(inputs, rows, prompt)}
        if (parts := caching(inputs, rows, prompt)) is not None:
            setups["prompt caching"] = parts
        for tier in ("batch", "flex"):
            if inputs.offers(prompt, tier):
                setups[tier] = tokens(inputs, rows, prompt, f" {tier}")
        shared = (*platform(inputs, rows), people(inputs, "prompting"))
        options += [
            Option(
                approach="prompting",
                variant=variant,
                setup=setup,
                parts=(*parts, *shared),
                notes=("answers within 24 hours, not at once",) if setup == "batch" else (),
                interactive=setup != "batch",
            )
            for setup, parts in setups.items()
        ]
    return options


def tokens(inputs: EstimateInputs, rows: UsageRowFactory, prompt: Prompt, tier: str = "") -> tuple[Part, ...]:
    """Return input and output of one request; above the model's threshold every token has the long-context price.

    Raises:
        ContextError: a prompt and its answer are longer than the model takes.
        PriceError: the model has no price.
    """
    generator, last = inputs.generator, prompt.requests()[-1]
    most = inputs.catalogue.model(generator).max_input_tokens
    if last.input + last.output > most:
        raise ContextError(
            f"{rows.approach} {rows.variant}: a prompt of {last.input:,} tokens is longer than {generator} takes"
            f" ({most:,})"
        )
    long_input, long_output = inputs.long_tokens(prompt)
    amounts = (("input", prompt.input, long_input, "a prompt"), ("output", prompt.output, long_output, "an answer"))
    return tuple(
        Part(
            "request",
            f"{meter} tokens",
            tuple(
                rows.tokens(generator, name, amount, f"tokens of {what}")
                for name, amount in ((f"{meter}{tier}", total - long), (f"{meter} long-context", long))
                if amount
            ),
        )
        for meter, total, long, what in amounts
    )


def caching(inputs: EstimateInputs, rows: UsageRowFactory, prompt: Prompt) -> tuple[Part, ...] | None:
    """Return tokens with prompt caching; None where the model has no cache price or the fixed prompt is too short.

    None also above the long-context threshold: no price list gives the cache prices that hold there. A model
    without a price for writing to the cache (Nova) writes at the price of input.
    """
    generator = inputs.generator
    if inputs.is_long(prompt) or not inputs.priced(generator, "cache read"):
        return None
    share = cached(prompt, inputs.workload.cache_hit_share)
    if not share.read and not share.written:
        return None
    write = "cache write 5m" if inputs.priced(generator, "cache write 5m") else "input"
    read = (
        rows.tokens(generator, "input", share.plain, "tokens of a prompt that are not cached"),
        rows.tokens(generator, "cache read", share.read, "fixed tokens x cache hit share"),
        rows.tokens(generator, write, share.written, "fixed tokens x (1 - cache hit share)"),
    )
    written = (rows.tokens(generator, "output", prompt.output, "tokens of an answer"),)
    return Part("request", "input tokens", read), Part("request", "output tokens", written)


def platform(inputs: EstimateInputs, rows: UsageRowFactory) -> tuple[Part, ...]:
    """Return what every answer needs beside its model: a function call and its log; and the daily cost report."""
    gb_seconds = inputs.value("lambda_seconds") * inputs.value("lambda_memory") / 1024
    request = (
        rows.row(meters.LAMBDA_TIME["arm64"], gb_seconds, source="memory x seconds"),
        rows.row(meters.LAMBDA_REQUESTS["arm64"], 1, source="one call an answer"),
        rows.row(meters.LOG_BYTES, inputs.value("log_bytes"), source="log lines"),
    )
    report = rows.row(meters.COST_EXPLORER, 5 * 30, source="5 requests a day for the report")
    return Part("request", "platform", request), Part("monthly", "platform", (report,))


def people(inputs: EstimateInputs, approach: str) -> Part:
    """Return the hours of work to build the approach; they are counted only where the experiment states a wage."""
    wage = inputs.workload.hourly_wage_usd
    if wage is None:
        return Part("once", "people")
    hours = inputs.value(f"people_{approach}")
    usd = to_decimal(hours * Fraction(wage))
    manual = Manual(name=f"{float(hours):g} hours of work", usd=usd, source=f"assumption x stated wage of {wage} USD")
    return Part("once", "people", manual=(manual,))
