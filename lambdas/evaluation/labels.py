"""Answers that name one of a few labels: which label an answer names, and how well each label is told apart."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from lambdas.evaluation.intervals import RESAMPLES, Interval, percentile, wilson
from lambdas.evaluation.text import tokens
from lambdas.evaluation.text_metrics import exact, value_of

Pair = tuple[str, str | None]
"""(the right label, the label that was named or None)"""


class LabelFigure(NamedTuple):
    """One figure of one label, or of all (`label` None), over `n` questions."""

    metric: str
    label: str | None
    value: float
    n: int
    interval: Interval


class Labels:
    """The labels of a task: its reference answers, each once however it is spelled."""

    def __init__(self, references: Iterable[str]) -> None:
        self._by_tokens: dict[tuple[str, ...], str] = {}
        for reference in references:
            self._by_tokens.setdefault(tuple(tokens(value_of(reference))), value_of(reference))
        self._longest = max(map(len, self._by_tokens), default=0)

    def of(self, reference: str) -> str:
        """Return the label that a reference answer is."""
        return self._by_tokens[tuple(tokens(value_of(reference)))]

    def named(self, text: str, reference: str) -> str | None:
        """Return the one label that an answer names, whatever stands around it; None if it names none or several.

        Where labels begin alike the longest counts: `not urgent` does not name `not`. An answer that is exactly the
        `reference` names that one.
        """
        if exact(text, reference):
            return self.of(reference)
        words, found, at = tokens(text), set(), 0
        while at < len(words):
            runs = (tuple(words[at : at + width]) for width in range(self._longest, 0, -1))
            run = next((run for run in runs if run in self._by_tokens), None)
            if run is not None:
                found.add(self._by_tokens[run])
            at += len(run) if run else 1
        return found.pop() if len(found) == 1 else None


def figures(pairs: Sequence[Pair], seed: str) -> list[LabelFigure]:
    """Return macro-F1, then precision, recall and F1 of each label by name. A label that is never named has no
    precision.

    Intervals of F1 are bootstrapped over the questions, the labels kept.
    """
    labels = sorted({right for right, _ in pairs})
    cells = Counter(pairs)
    scores = _f1(cells, labels)
    # A resample may hold no question of a label and no answer that names it: it says nothing about that label.
    spread = [_f1(resample, labels) for resample in _resamples(pairs, seed)]
    macro = [_mean(row.values()) for row in spread]
    found = [LabelFigure("macro-f1", None, _mean(scores.values()), len(pairs), _interval(macro))]
    for label in labels:
        hits = cells[label, label]
        support = sum(n for (right, _), n in cells.items() if right == label)
        named = sum(n for (_, name), n in cells.items() if name == label)
        if named:
            found.append(LabelFigure("label-precision", label, hits / named, named, wilson(hits, named)))
        found.append(LabelFigure("label-recall", label, hits / support, support, wilson(hits, support)))
        of_label = _interval([row[label] for row in spread if label in row])
        found.append(LabelFigure("label-f1", label, scores[label], support, of_label))
    return found


def _f1(cells: Mapping[Pair, int], labels: Sequence[str]) -> dict[str, float]:
    hits: Counter[str | None] = Counter()
    seen: Counter[str | None] = Counter()
    for (right, name), n in cells.items():
        seen[right] += n
        seen[name] += n
        if right == name:
            hits[right] += n
    return {label: 2 * hits[label] / seen[label] for label in labels if seen[label]}


def _resamples(pairs: Sequence[Pair], seed: str) -> Iterator[Counter[Pair]]:
    rng = random.Random(seed)  # noqa: S311  (statistics, no secret)
    return (Counter(rng.choices(pairs, k=len(pairs))) for _ in range(RESAMPLES))


def _mean(values: Collection[float]) -> float:
    return math.fsum(values) / len(values)


def _interval(values: Iterable[float]) -> Interval:
    ordered = sorted(values)
    method = f"bootstrap 95 %, {RESAMPLES} resamples"
    return Interval(percentile(ordered, 0.025), percentile(ordered, 0.975), method)
