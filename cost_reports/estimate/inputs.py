"""What all options of an estimate share: task, workload, models, machines, prices, assumptions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from contracts.units import HOURS_PER_MONTH
from cost_reports.estimate.assumptions import value
from cost_reports.estimate.plan import MONTH_START, estimate_rows
from cost_reports.estimate.tokens import Prompt, chat, prompt_of
from cost_reports.estimate.workload import ExactWorkload, Task
from cost_reports.metering.meters import UsageRowFactory
from cost_reports.prices.catalogue import Catalogue
from cost_reports.prices.usage_types import meters_of, token_usage

MONTH_SECONDS = HOURS_PER_MONTH * 3600
#: Beginning of the id of a model that Bedrock fine-tunes at a known price -> its name inside usage types.
CUSTOMISABLE = {"amazon.nova-micro": "NovaMicro", "amazon.nova-2-lite": "Nova2.0Lite"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateInputs:
    """What an estimate is made of. `measured`: variant -> mean input and output tokens of a request."""

    experiment: str
    catalogue: Catalogue
    task: Task
    workload: ExactWorkload
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
        """Return the tokens of one request (or chat) of a variant: the mean of a run where one was measured.

        A measured prompt keeps the task's fixed part; tokens are rounded up.
        """
        counted = prompt_of(self.task, variant)
        if variant in self.measured:
            read, written = (math.ceil(n) for n in self.measured[variant])
            fixed = min(counted.fixed, read)
            counted = Prompt(fixed=fixed, own=read - fixed, output=written)
        return chat(counted, self.task.turns)

    def long_tokens(self, prompt: Prompt) -> tuple[int, int]:
        """Return input and output tokens of the requests that are above the generator's long-context threshold.

        Every token of such a request has the long-context price; each turn of a chat is a request of its own.

        Raises:
            PriceError: the model is not in the catalogue.
        """
        above = self.catalogue.model(self.generator).long_context_above
        long = [] if above is None else [r for r in prompt.requests() if r.input > above]
        return sum(r.input for r in long), sum(r.output for r in long)

    def is_long(self, prompt: Prompt) -> bool:
        """Return whether a request of the prompt is above the threshold. Errors as in `long_tokens`."""
        return self.long_tokens(prompt) != (0, 0)

    def value(self, name: str) -> Fraction:
        """Return the assumption of that name, or the user's own. Errors as in `assumptions.value`."""
        return value(name, self.assumed)

    def rows(self, approach: str, variant: str) -> UsageRowFactory:
        """Return what makes the usage rows of an option in the region of the estimate."""
        return estimate_rows(self.experiment, approach, variant, self.region)

    def monthly_capacity(self, per_second: Fraction) -> Fraction:
        """Return the requests a month that a unit serves if its busiest second is `per_second`."""
        return per_second * MONTH_SECONDS / Fraction(self.workload.peak_factor)

    @property
    def customisable(self) -> bool:
        """Return whether Bedrock fine-tunes the generator at a known price."""
        return any(start in self.generator for start in CUSTOMISABLE)

    def offers(self, prompt: Prompt, tier: str) -> bool:
        """Return whether the generator has a price of the prompt in a tier (`batch`, `flex`).

        No tier has one above the long-context threshold.
        """
        known = self.priced(self.generator, f"input {tier}") and self.priced(self.generator, f"output {tier}")
        return known and not self.is_long(prompt)

    def priced(self, model: str, meter: str) -> bool:
        """Return whether the catalogue knows the meter of the model; a tier without a price is not offered."""
        if meter not in meters_of(model):
            return False
        service, kind, operation = token_usage(model, meter, self.region)
        return bool(self.catalogue.candidates(service, kind, operation, MONTH_START[:10]))
