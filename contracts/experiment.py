"""What people write in an experiment folder: pages, questions, `experiment.yaml`.

All are frozen dataclasses of plain values, so that a Lambda function needs no library to read them and
`pydantic.TypeAdapter` can validate the ones that people write (`ladder.experiment.validation`). `jsonl` turns them into
JSON Lines and back. Money and usage records belong to `contracts.money`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

Approach = Literal["prompting", "rag", "fine-tuning"]
TrainingMethod = Literal["lora", "qlora", "dora", "full"]
APPROACHES: tuple[Approach, ...] = ("prompting", "rag", "fine-tuning")

#: The variants of each approach, in the order in which reports show them. `base` and `base+rag` are the controls of
#: fine-tuning: the same endpoint and prompt with the adapter switched off.
VARIANTS: dict[Approach, tuple[str, ...]] = {
    "prompting": ("zero-shot", "few-shot", "chain-of-thought"),
    "rag": ("rag", "rag+few-shot"),
    "fine-tuning": ("base", "base+rag", "lora", "lora+rag"),
}
CONTROL_VARIANTS = ("base", "base+rag")
#: Variants whose prompt shows pages, and those whose prompt shows worked examples (shots).
PAGE_VARIANTS = frozenset({"rag", "rag+few-shot", "base+rag", "lora+rag"})
SHOT_VARIANTS = frozenset({"few-shot", "rag+few-shot"})

#: What an answer is: a value of a few words, one of a fixed set of labels, or text. It decides the defaults.
TaskKind = Literal["short-value", "label", "free-form"]
TASK_KINDS: tuple[TaskKind, ...] = ("short-value", "label", "free-form")

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One page of the experiment's knowledge."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """An answer to a question, and whether people found it right: what the judge's verdicts are held against."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    answer: str
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One line of `questions.train.jsonl` or `questions.test.jsonl`.

    `answer` is the reference answer in house style. `document` is the id of the page that holds the answer: None for
    an unanswerable question, and where no one has noted the page. The first tag says which part of the test the
    question belongs to (`evaluation.scoring.split_of`). `rated` are answers that people have rated, for the judge's
    agreement with them.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    id: str
    question: str
    answer: str
    document: str | None = None
    unanswerable: bool = False
    tags: tuple[str, ...] = ()
    rated: tuple[Rated, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseStyle:
    """How an accepted answer looks.

    `instruction` goes into prompts; `pattern` is a regular expression that a whole answer must match, None for any
    form; `refusal` is the one sentence for a question that cannot be answered, None where all can be.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    instruction: str
    pattern: str | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSettings:
    """What the variants send beside question and pages, and how much may come back, in tokens.

    `reasoning_tokens` is the room for thinking before the answer, which chain-of-thought has on top of
    `answer_tokens`. A `temperature` of None is not sent.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    answer_tokens: int = 64
    reasoning_tokens: int = 320
    shots: int = 4
    page_shots: int = 2
    temperature: float | None = 0.0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """One demand on a metric; a rule makes one demand or both.

    `minimum`: the value over all test questions (or those tagged `split`) is at least this. `not_worse_than`: on the
    same questions, with 95 % confidence, the value is less than `margin` below that of this variant.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    metric: str
    minimum: float | None = None
    split: str | None = None
    not_worse_than: str | None = None
    margin: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """How far a number may be from the reference: the larger of a distance and a share of the reference."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    absolute_tolerance: float = 0.0
    relative_tolerance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A Bedrock model that says whether an answer is right. `rubric`: what it goes by.

    Its verdicts decide nothing while their agreement with people (`Question.rated`), as Cohen's kappa, is below
    `minimum_agreement`.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    model: str
    rubric: str
    minimum_agreement: float = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Bedrock model or inference-profile ids, the open-weight base that LoRA adapts, and its SageMaker instances.

    `fine_tuning_base_revision` is a commit of the base's hub repository; None is the one that
    `cost_reports.estimate.base_models` knows.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    generator: str = "us.amazon.nova-2-lite-v1:0"
    embedding: str = "amazon.titan-embed-text-v2:0"
    embedding_dimensions: int = 512
    fine_tuning_base: str = "Qwen/Qwen3-4B-Instruct-2507"
    fine_tuning_base_revision: str | None = None
    training_instance: str = "ml.g5.xlarge"
    hosting_instance: str = "ml.g5.xlarge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """Chunking in characters, candidates per list before rank fusion, pages put into a prompt."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    chunk_characters: int = 1200
    chunk_overlap: int = 120
    candidates: int = 20
    pages: int = 3
    pages_few_shot: int = 3
    pages_fine_tuned: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How the open-weight base is trained. All of it is that of every adapter; examples are drawn by seed.

    `method` is LoRA, QLoRA (4-bit base, a GPU only), DoRA or all weights. `last_layers` are the layers that are
    adapted, counted from the output; None is half of the model's. `learning_rate` None is the default of the method
    (ADR 0014); adapters below the last half learn at a tenth of it. With several `learning_rates` each is tried, and
    the best on held-out examples is kept. `dev_share` of the examples is held out; None is 0.15 where a rate is chosen
    or training stops early, else 0. `early_stopping_patience` are the epochs that may pass without a lower loss on the
    held-out examples; None trains all epochs. Weights are those of the best epoch if examples are held out. A
    checkpoint is written every `checkpoint_steps` steps, so that an interrupted job goes on there.

    `spot` trains on managed spot capacity; `time_limit_hours` is what SageMaker lets a job train before it stops it.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    method: TrainingMethod = "lora"
    rank: int = 16
    alpha: int = 32
    last_layers: int | None = None
    learning_rate: float | None = None
    learning_rates: tuple[float, ...] = ()
    warmup_ratio: float = 0.1
    batch_size: int = 8
    epochs_closed_book: int = 6
    epochs_rag: int = 1
    packing: bool = False
    gradient_checkpointing: bool = False
    dev_share: float | None = None
    early_stopping_patience: int | None = None
    checkpoint_steps: int = 50
    spot: bool = False
    time_limit_hours: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How much of the experiment one run uses; None means all of it."""

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
    """The content of `experiment.yaml`, with what it leaves out filled in (`ladder.experiment.defaults`).

    A variant of which more than the share `most_unfinished` of the answers failed or were cut off has no verdict.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    name: str
    description: str = ""
    task: TaskKind = "short-value"
    house_style: HouseStyle
    prompt: PromptSettings = field(default_factory=PromptSettings)
    gate: tuple[GateRule, ...]
    most_unfinished: float = 0.1
    workload: Workload
    models: Models = field(default_factory=Models)
    retrieval: Retrieval = field(default_factory=Retrieval)
    training: Training = field(default_factory=Training)
    profiles: dict[str, Profile] = field(default_factory=dict)
    scoring: Scoring = field(default_factory=Scoring)
    judge: Judge | None = None
    seed: int = 20261123
