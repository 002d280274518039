"""What a run writes and its steps read: manifest, answers, scores, quality, environment."""

from __future__ import annotations

from dataclasses import dataclass, field

from contracts.experiment import Approach


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

    A question that could not be answered keeps its row: `text` is empty and `error` is one line.
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
    latency_ms: float = 0.0
    overhead_ms: float = 0.0
    model_id: str = ""
    attempt: int = 1
    error: str | None = None


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
