"""What an estimate is asked: requests a month, what an answer is worth, and how large the task is. Checked, exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Any

from contracts.experiment import Workload

MAX_REQUESTS = 10**10
MAX_HORIZON = 120
MAX_TOKENS = 10**13
MAX_TURNS = 1000


class WorkloadError(ValueError):
    """A number of the workload is missing, impossible or absurd; the message names the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactWorkload:
    """The workload of an experiment, exact and checked: requests in the first month, horizon, value of an answer.

    `peak_factor`: the busiest second against the average one. `monthly_growth`: 0.05 = 5 % more each month.
    `cache_hit_share`: share of requests whose fixed prompt is found in the cache. Amounts are USD.
    """

    requests_per_month: int
    horizon_months: int = 12
    peak_factor: Decimal = Decimal(4)
    monthly_growth: Decimal = Decimal(0)
    cache_hit_share: Decimal = Decimal("0.8")
    document_changes_per_month: int = 0
    retrain_every_months: int | None = None
    value_per_accepted_answer_usd: Decimal | None = None
    minutes_saved_per_accepted_answer: Decimal | None = None
    hourly_wage_usd: Decimal | None = None

    def __post_init__(self) -> None:
        _between("requests_per_month", self.requests_per_month, 1, MAX_REQUESTS)
        _between("horizon_months", self.horizon_months, 1, MAX_HORIZON)
        _between("peak_factor", self.peak_factor, 1, 10_000)
        _between("monthly_growth", self.monthly_growth, Decimal("-0.9"), 2)
        _between("cache_hit_share", self.cache_hit_share, 0, 1)
        _between("document_changes_per_month", self.document_changes_per_month, 0, 10**9)
        if self.retrain_every_months is not None:
            _between("retrain_every_months", self.retrain_every_months, 1, MAX_HORIZON)
        for name in ("value_per_accepted_answer_usd", "minutes_saved_per_accepted_answer", "hourly_wage_usd"):
            if getattr(self, name) is not None:
                _between(name, getattr(self, name), 0, 10**6)
        if max(self.volumes()) > MAX_REQUESTS:
            raise WorkloadError(
                f"monthly_growth {self.monthly_growth} leads to more than {MAX_REQUESTS} requests a month"
            )

    @classmethod
    def of(cls, stated: Workload, **changes: int | None) -> ExactWorkload:
        """Convert what an experiment states; fields in `changes` that are not None take its place.

        Raises:
            WorkloadError: a number is impossible, or an amount is not a number.
        """
        values = {**asdict(stated), **{name: value for name, value in changes.items() if value is not None}}
        return cls(**{name: _exact(name, value) for name, value in values.items()})

    def volumes(self) -> list[int]:
        """Return the requests of each month, V0 (1 + g)^t rounded half-even."""
        return list(_volumes(self.requests_per_month, self.monthly_growth, self.horizon_months))

    def answer_value(self) -> Fraction | None:
        """Return USD that one accepted answer is worth: as stated, or the minutes that it saves times the wage."""
        if self.value_per_accepted_answer_usd is not None:
            return Fraction(self.value_per_accepted_answer_usd)
        if self.minutes_saved_per_accepted_answer is None or self.hourly_wage_usd is None:
            return None
        return Fraction(self.minutes_saved_per_accepted_answer) * Fraction(self.hourly_wage_usd) / 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The size of the task in tokens of the model, as measured or estimated from the experiment's files.

    `style_tokens` is the fixed part of a prompt, `shot_tokens` one worked example, `reasoning_tokens` what
    chain-of-thought writes beside the answer, `chunk_tokens` one retrieved passage. `rendered` holds variants whose
    prompt was rendered: tokens that every prompt has, tokens of the question and its pages, tokens of the answer. With
    `turns` above 1 each "request" of the workload is a chat of so many questions.
    """

    documents: int
    corpus_tokens: int
    question_tokens: int
    answer_tokens: int
    style_tokens: int
    shots: int
    shot_tokens: int
    reasoning_tokens: int
    pages: int
    chunk_tokens: int
    train_examples: int
    train_example_tokens: int
    epochs: int
    turns: int = 1
    rendered: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for f in fields(self):
            if f.name == "rendered":
                continue
            low = 1 if f.name in ("documents", "corpus_tokens", "question_tokens", "answer_tokens", "turns") else 0
            _between(f.name, getattr(self, f.name), low, MAX_TURNS if f.name == "turns" else MAX_TOKENS)

    @property
    def chunks(self) -> int:
        """Return the passages of the whole corpus, at least one a document."""
        return max(self.documents, -(-self.corpus_tokens // max(1, self.chunk_tokens)))

    @property
    def training_tokens(self) -> int:
        """Return the tokens that training reads: examples x tokens x epochs."""
        return self.train_examples * self.train_example_tokens * self.epochs


@lru_cache(maxsize=64)
def _volumes(first: int, growth: Decimal, months: int) -> tuple[int, ...]:
    """Return the volumes; kept, because an estimate asks for the same months once for each option."""
    rate = 1 + Fraction(growth)
    return tuple(round(first * rate**t) for t in range(months))


def _exact(name: str, value: Any) -> Any:
    """Return a number with a point, or an amount that is text, as a Decimal; anything else as it is."""
    if not isinstance(value, float | str):
        return value
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise WorkloadError(f"workload.{name}: not an amount (got {value!r}); write a number such as 0.05") from error


def _between(name: str, value: int | Decimal, low: int | Decimal, high: int | Decimal) -> None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise WorkloadError(f"workload: {name} must be a number (got {value!r})")
    if isinstance(value, Decimal) and not value.is_finite():
        raise WorkloadError(f"workload: {name} must be finite (got {value})")
    if not low <= value <= high:
        raise WorkloadError(f"workload: {name} must be from {low} to {high} (got {value})")
