"""How far a judge agrees with people, beyond what chance alone would give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from lambdas.evaluation.intervals import wilson

METHOD = "Cohen's kappa, Wilson 95 % of the agreement"


class Kappa(NamedTuple):
    value: float
    low: float
    high: float
    n: int


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> Kappa | None:
    """Return Cohen's kappa (Educ. Psychol. Meas. 20, 1960) of two raters' categories for the same things.

    kappa = (agreement - chance) / (1 - chance). The interval is that of the observed agreement with chance held at its
    estimate, as in Cohen's standard error; Wilson's keeps a width where the raters agree on everything. None: there is
    nothing to compare, or both raters have used one and the same category only, so that chance explains everything.
    """
    n = len(pairs)
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance_of = sum(first[name] * second[name] for name in first)
    if n == 0 or chance_of == n * n:
        return None
    chance = chance_of / (n * n)
    agreed = sum(a == b for a, b in pairs)
    low, high, _ = wilson(agreed, n)
    value, low, high = ((share - chance) / (1 - chance) for share in (agreed / n, low, high))
    return Kappa(value, low, high, n)
