"""The names of all metrics: what each measures, which way is better, and whether it says that an answer is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Metric:
    """`proportion`: scores are 0 or 1 and the value is a share, else the value is a mean.

    `correctness`: a right value cannot be faked by form or word overlap; a gate needs at least one such metric.
    `use_instead` names the metric that a gate takes in place of one where lower is better.
    """

    meaning: str
    proportion: bool = True
    better: Better = "higher"
    correctness: bool = False
    use_instead: str | None = None


METRICS: dict[str, Metric] = {
    "exact": Metric("value and page id as in the reference; case and white space aside", correctness=True),
    "contained": Metric("the reference value is in the answer, as whole tokens", correctness=True),
    "citation": Metric("the first page id in brackets is the reference page (answerable questions)"),
    "format": Metric("the whole answer is in house style, or is the refusal sentence"),
    "refusal-recall": Metric("unanswerable questions that were refused"),
    "fabricated": Metric(
        "unanswerable questions that got an answer all the same", better="lower", use_instead="refusal-recall"
    ),
    "false-refusal": Metric("answerable questions that were refused", better="lower", use_instead="attempted"),
    "attempted": Metric("answerable questions whose answer was no refusal, and was neither missing nor cut off"),
    "error": Metric("questions without any answer", better="lower", use_instead="exact"),
    "hit@1": Metric("the reference page was the first one that retrieval gave (answerable questions)"),
    "hit@3": Metric("the reference page was among the first three in the prompt (answerable questions)"),
    "hit@5": Metric("the reference page was among the first five in the prompt (answerable questions)"),
    "rouge-1": Metric("ROUGE-1 F1, 0 to 1", proportion=False),
    "rouge-2": Metric("ROUGE-2 F1, 0 to 1", proportion=False),
    "rouge-l": Metric("ROUGE-L F1, 0 to 1", proportion=False),
    "bleu": Metric("sentence BLEU with effective order, 0 to 100", proportion=False),
    "bertscore-p": Metric("BERTScore (all-MiniLM-L6-v2 int8, layer 6, unscaled) precision", proportion=False),
    "bertscore-r": Metric("BERTScore (all-MiniLM-L6-v2 int8, layer 6, unscaled) recall", proportion=False),
    "bertscore-f1": Metric("BERTScore (all-MiniLM-L6-v2 int8, layer 6, unscaled) F1", proportion=False),
}

CORRECTNESS = tuple(name for name, metric in METRICS.items() if metric.correctness)
