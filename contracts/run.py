"""What a run writes and its steps read: manifest, answers, scores, quality, environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contracts.experiment import Approach

#: The error of an execution that wrote its report, which has variants without a verdict.
NOT_MEASURED = "NotMeasured"
#: What an answer is: all of it, ended at a limit of length, replaced or suppressed by a filter, without text, or none.
AnswerClass = Literal["whole", "cut", "filtered", "empty", "failed"]
ANSWER_CLASSES: tuple[AnswerClass, ...] = ("whole", "cut", "filtered", "empty", "failed")
#: Why a model stopped, in the words of Converse and of OpenAI's chat completions. Other reasons are an end of its own.
_CUT = frozenset({"max_tokens", "model_context_window_exceeded", "length"})
_FILTERED = frozenset({"guardrail_intervened", "content_filtered", "content_filter"})
_BROKEN = frozenset({"malformed_model_output", "malformed_tool_use"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What one run was asked to do; written once, read by every step. `input_prefix` holds the experiment's files."""

    experiment: str
    run: str
    profile: str
    input_prefix: str
    input_sha256: str
    seed: int
    batch_size: int
    test_question_ids: tuple[str, ...]
    closed_book_ids: tuple[str, ...]
    rag_ids: tuple[str, ...]
    epochs_closed_book: int
    epochs_rag: int
    created: str
    git_commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """A page that was put before the model; `rank` counts from 1."""

    document: str
    chunk: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """One answer. `latency_ms` is the model call alone, `overhead_ms` all else that the handler did for the question.

    A question that could not be answered keeps its row: `text` is empty and `error` is one line. `input_tokens` counts
    neither those read from a cache (`cached_tokens`) nor those written to one, by how long it keeps them. `stop_reason`
    and `service_tier` are the service's words; `device` is what ran the model and `model_revision` its version, where
    that is known and `model_id` does not say it.
    """

    experiment: str
    run: str
    approach: Approach
    variant: str
    question_id: str
    text: str
    citations: tuple[str, ...] = ()
    retrieved: tuple[Retrieved, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    latency_ms: float = 0.0
    overhead_ms: float = 0.0
    model_id: str = ""
    model_revision: str = ""
    device: str = ""
    service_tier: str = ""
    stop_reason: str = ""
    attempt: int = 1
    error: str | None = None


def answer_class(row: AnswerRow) -> AnswerClass:
    """Return the class of an answer. An answer without text that stopped at a limit is cut: more room may help it."""
    if row.error is not None or row.stop_reason in _BROKEN:
        return "failed"
    if row.stop_reason in _FILTERED:
        return "filtered"
    if row.stop_reason in _CUT:
        return "cut"
    return "whole" if row.text.strip() else "empty"


def prompt_tokens(row: AnswerRow) -> int:
    """Return all tokens of the prompt, those read from a cache and those written to one among them."""
    return row.input_tokens + row.cached_tokens + row.cache_write_5m_tokens + row.cache_write_1h_tokens


def all_tokens(row: AnswerRow) -> int:
    """Return the tokens of prompt and answer."""
    return prompt_tokens(row) + row.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRow:
    """What an approach of a run gave: answers without errors, accepted ones (None: not measured), tokens of all."""

    experiment: str
    run: str
    approach: Approach
    answers: int
    accepted: int | None
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRow:
    """One metric of one variant over `n` questions of `split` (`all` = every test question), with a 95 % interval.

    The split of a figure of one label is the label. `left_out`: questions of the split that the metric could not
    measure, which are not among the `n`.
    """

    experiment: str
    run: str
    approach: Approach
    variant: str
    metric: str
    split: str
    value: float
    n: int
    low: float
    high: float
    method: str
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """The scores of one answer, kept beside the QualityRows so that approaches can be compared in pairs.

    `left_out` are the metrics that could not measure it.
    """

    experiment: str
    run: str
    approach: Approach
    variant: str
    question_id: str
    split: str
    scores: dict[str, float]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementRow:
    """One reply of the judge: `subject` says what it was about, `asked` is a hash of all that it was asked."""

    experiment: str
    run: str
    subject: str
    asked: str
    text: str
    model_id: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRow:
    """Difference of two variants on the same questions: mean of (a - b), 95 % interval, two-sided p-value."""

    experiment: str
    run: str
    metric: str
    a: str
    b: str
    n: int
    difference: float
    low: float
    high: float
    p_value: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnvironment:
    """Where a run took place, for its report; the starter of a run writes it beside the manifest.

    `embedded`: no AWS account was used; `stand_ins` then names for each priced model or instance what did its work.
    `model_hashes` and `versions` are name -> sha256 and name -> version.
    """

    embedded: bool
    stand_ins: dict[str, str] = field(default_factory=dict)
    model_hashes: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
