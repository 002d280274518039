"""Which variants are compared with which, on the same questions. Pure: score rows in, paired rows out.

The tests are paired because the questions are the same: at .83 against .90 an unpaired test would need about 370
questions a variant. Two things to say where these rows are shown: prompting is represented by its best variant on
these very questions, which favours it a little, and p-values are not corrected for the number of comparisons.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from contracts.experiment import VARIANTS, GateRule
from contracts.run import PairedRow, ScoreRow
from lambdas.evaluation.intervals import Difference, mcnemar, paired_bootstrap
from lambdas.evaluation.metrics import METRICS

#: The metrics that are compared, and, in this order, the ones that decide which prompting variant is the best.
COMPARED = (
    "exact",
    "contained",
    "numeric",
    "label-accuracy",
    "token-f1",
    "judged",
    "grounded",
    "citation",
    "format",
    "refusal-recall",
    "attempted",
    "rouge-l",
    "bleu",
    "bertscore-f1",
)
BEST_BY = ("exact", "contained", "token-f1")

#: Beside "every variant against the best prompting variant": the step up the ladder first, what it is judged by second.
FIXED_PAIRS = (
    ("rag+few-shot", "rag"),
    ("lora", "base"),
    ("lora+rag", "base+rag"),
    ("lora+rag", "lora"),
    ("lora+rag", "rag+few-shot"),
)

Columns = dict[str, dict[str, dict[str, float]]]
"""variant -> metric -> question id -> score"""


class Pair(NamedTuple):
    """The difference is a - b; positive means that `a` is better (all compared metrics are better when higher)."""

    a: str
    b: str


def compare(
    scores: Sequence[ScoreRow], *, experiment: str, run: str, seed: int, gate: Sequence[GateRule] = ()
) -> list[PairedRow]:
    """Return the differences of all pairs in all metrics that both sides have, and those that rules of `gate` ask for.

    Variants without scores are left out.
    """
    columns = by_variant(scores)
    wanted = [(pair, metric) for pair in pairs(columns) for metric in COMPARED]
    # Differences are signed: the pair the other way round says the same.
    known = set(wanted)
    wanted += [
        (Pair(variant, other), rule.metric)
        for rule in gate
        if (other := rule.not_worse_than) in columns and other is not None
        for variant in columns
        if variant != other and (Pair(other, variant), rule.metric) not in known
    ]
    rows: list[PairedRow] = []
    for pair, metric in dict.fromkeys(wanted):
        left, right = columns[pair.a].get(metric, {}), columns[pair.b].get(metric, {})
        shared = sorted(left.keys() & right.keys())
        if not shared:
            continue
        found = _difference(
            metric, [left[q] for q in shared], [right[q] for q in shared], f"{seed}/{pair.a}/{pair.b}/{metric}"
        )
        rows.append(
            PairedRow(
                experiment=experiment,
                run=run,
                metric=metric,
                a=pair.a,
                b=pair.b,
                n=len(shared),
                difference=found.difference,
                low=found.low,
                high=found.high,
                p_value=found.p_value,
                method=found.method,
            )
        )
    return rows


def pairs(columns: Columns) -> list[Pair]:
    """Return the recommended pairs among the variants that have scores, each once."""
    best = best_prompting(columns)
    wanted = [Pair(variant, best) for names in VARIANTS.values() for variant in names] if best is not None else []
    wanted += [Pair(*pair) for pair in FIXED_PAIRS]
    return [pair for pair in dict.fromkeys(wanted) if pair.a != pair.b and pair.a in columns and pair.b in columns]


def best_prompting(columns: Columns) -> str | None:
    """Return the prompting variant with the best means, by `BEST_BY` in turn; the simplest one among equals."""
    present = [variant for variant in VARIANTS["prompting"] if variant in columns]
    if not present:
        return None
    return max(present, key=lambda variant: tuple(_mean(columns[variant].get(metric, {})) for metric in BEST_BY))


def by_variant(scores: Iterable[ScoreRow]) -> Columns:
    columns: Columns = {}
    for row in scores:
        metrics = columns.setdefault(row.variant, {})
        for metric, value in row.scores.items():
            metrics.setdefault(metric, {})[row.question_id] = value
    return columns


def _difference(metric: str, a: Sequence[float], b: Sequence[float], seed: str) -> Difference:
    # A judge that is undecided gives half a point, which McNemar's test does not know.
    if METRICS[metric].proportion and all(value in (0, 1) for value in (*a, *b)):
        return mcnemar(a, b)
    return paired_bootstrap(a, b, seed)


def _mean(values: dict[str, float]) -> float:
    return sum(values.values()) / len(values) if values else 0.0
