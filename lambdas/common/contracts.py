"""The records that cross a boundary: experiment folder, S3 object, Lambda payload.

All are frozen dataclasses of plain values, so that a Lambda function needs no library to read them and
`pydantic.TypeAdapter` can validate the ones that people write (`ladder.validation`). `jsonl` turns them into
JSON Lines and back. Money and usage records belong to `cost_reports.contracts`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

Approach = Literal["prompting", "rag", "fine-tuning"]
APPROACHES: tuple[Approach, ...] = ("prompting", "rag", "fine-tuning")

#: The variants of each approach, in the order in which reports show them. `base` and `base+rag` are the controls of
#: fine-tuning: the same endpoint and prompt with the adapter switched off.
VARIANTS: dict[Approach, tuple[str, ...]] = {
    "prompting": ("zero-shot", "few-shot", "chain-of-thought"),
    "rag": ("rag", "rag+few-shot"),
    "fine-tuning": ("base", "base+rag", "lora", "lora+rag"),
}
CONTROL_VARIANTS = ("base", "base+rag")

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One page of the experiment's knowledge."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One line of `questions.train.jsonl` or `questions.test.jsonl`.

    `answer` is the reference answer in house style. `document` is the id of the page that holds the answer, null for
    an unanswerable question. The first tag says which part of the test the question belongs to
    (`evaluation.scoring.split_of`).
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    id: str
    question: str
    answer: str
    document: str | None = None
    unanswerable: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseStyle:
    """How an accepted answer looks.

    `instruction` goes into prompts; `pattern` is a regular expression that a whole answer must match; `refusal` is
    the one sentence for a question that the documents do not answer.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    instruction: str
    pattern: str
    refusal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """One threshold: the metric's value over all test questions (or those tagged `split`) is at least `minimum`."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    metric: str
    minimum: float
    split: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Bedrock model or inference-profile ids, the open-weight base that LoRA adapts, and its SageMaker instances."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    generator: str = "us.amazon.nova-micro-v1:0"
    embedding: str = "amazon.titan-embed-text-v2:0"
    embedding_dimensions: int = 512
    fine_tuning_base: str = "HuggingFaceTB/SmolLM2-135M-Instruct"
    training_instance: str = "ml.g5.xlarge"
    hosting_instance: str = "ml.g5.xlarge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """Chunking in characters, candidates per list before rank fusion, pages put into a prompt."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    chunk_characters: int = 1200
    chunk_overlap: int = 120
    candidates: int = 20
    pages: int = 1
    pages_few_shot: int = 1
    pages_fine_tuned: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """LoRA settings. Ranks and epochs are those of every adapter; examples are drawn by seed."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    rank: int = 16
    alpha: int = 32
    learning_rate: float = 2e-3
    batch_size: int = 8
    epochs_closed_book: int = 6
    epochs_rag: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How much of the experiment one run uses; null means all of it."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    test_questions: int | None = None
    closed_book_examples: int | None = None
    rag_examples: int | None = None
    epochs_closed_book: int | None = None
    epochs_rag: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What the business will ask of the answer, for estimates: volumes a month, horizon, value of an answer in USD."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    requests_per_month: int
    horizon_months: int = 12
    peak_factor: float = 4.0
    monthly_growth: float = 0.0
    value_per_accepted_answer_usd: str | None = None
    minutes_saved_per_accepted_answer: float | None = None
    hourly_wage_usd: str | None = None
    document_changes_per_month: int = 0
    retrain_every_months: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """The content of `experiment.yaml`."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    name: str
    description: str
    house_style: HouseStyle
    gate: tuple[GateRule, ...]
    workload: Workload
    models: Models = field(default_factory=Models)
    retrieval: Retrieval = field(default_factory=Retrieval)
    training: Training = field(default_factory=Training)
    profiles: dict[str, Profile] = field(default_factory=dict)
    seed: int = 20261123


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
class QualityRow:
    """One metric of one variant over `n` questions of `split` (`all` = every test question), with a 95 % interval."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """The scores of one answer, kept beside the QualityRows so that approaches can be compared in pairs."""

    experiment: str
    run: str
    approach: Approach
    variant: str
    question_id: str
    split: str
    scores: dict[str, float]


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
