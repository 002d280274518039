"""The names of all metrics: what each measures, which way is better, and whether it says that an answer is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from contracts.experiment import TaskKind

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Metric:
    """`proportion`: scores are 0 or 1 and the value is a share, else the value is a mean.

    `use_instead` names the metric that a gate takes in place of one where lower is better. `of`: whether there is a
    score of each question, or one figure of all questions or of each label. `judged`: a model gives it, so it counts
    only as far as the model agrees with people. `caveat`: what a verdict says beside the value.
    """

    meaning: str
    proportion: bool = True
    better: Better = "higher"
    use_instead: str | None = None
    of: Literal["question", "all", "label"] = "question"
    judged: bool = False
    caveat: str = ""


METRICS: dict[str, Metric] = {
    "exact": Metric("value and page id as in the reference; case and white space aside"),
    "contained": Metric("the reference value is in the answer, as whole tokens"),
    "numeric": Metric("the answer's number is the reference's within the tolerance (references with one number)"),
    "label-accuracy": Metric("the answer names the right label and no other"),
    "macro-f1": Metric("F1 of naming a label, the mean of all labels", proportion=False, of="all"),
    "label-precision": Metric("answers naming the label that were right", of="label"),
    "label-recall": Metric("questions of the label whose answer names it", of="label"),
    "label-f1": Metric("F1 of naming the label", proportion=False, of="label"),
    "token-f1": Metric(
        "F1 of the tokens that answer and reference share, 0 to 1",
        proportion=False,
        caveat="a proxy: shared words, not facts",
    ),
    "judged": Metric("the judge finds the answer right; 0.5: it changed its mind with the order", judged=True),
    "undecided": Metric(
        "the judge changed its mind with the order, or gave no verdict",
        better="lower",
        use_instead="judged",
        judged=True,
    ),
    "grounded": Metric(
        "share of an answer's statements that the retrieved pages support, by the judge", proportion=False, judged=True
    ),
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

#: The metrics that tell a right answer from a wrong one, by kind of task: form and word overlap rank invented answers
#: in house style above right ones. Free text has no such metric without a judge; token-f1 stands in for it.
CORRECTNESS: dict[TaskKind, tuple[str, ...]] = {
    "short-value": ("exact", "contained", "numeric"),
    "label": ("exact", "label-accuracy"),
    "free-form": ("token-f1", "judged", "exact"),
}
#: Agreement of the judge with people, beside the metrics of each variant.
KAPPA = "judge-kappa"
#: Bounds of the values; BLEU counts in per cent.
TOPS = {"bleu": 100.0}


def top_of(metric: str) -> float:
    """Return the highest value of a metric."""
    return TOPS.get(metric, 1.0)
