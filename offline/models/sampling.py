"""Sampling at a temperature, with numbers that depend on the request alone: neighbours in a batch change no answer."""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class Seeds:
    """Gives each sampled request a seed: another one each time that it is repeated, the same ones after a restart."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def next(self, request: Mapping[str, Any]) -> int:
        text = json.dumps(request, sort_keys=True)
        with self._lock:
            self._asked[text] += 1
            times = self._asked[text]
        return int.from_bytes(hashlib.sha256(f"{times} {text}".encode()).digest()[:4], "big") >> 1


def sampler(temperature: float, top_p: float, seed: int) -> Callable[[torch.Tensor], int] | None:
    """Return what draws a token from logits (one row); None for temperature 0, which takes the likeliest token.

    `top_p` keeps the likeliest tokens that together have this probability.
    """
    if temperature == 0:
        return None
    dice = random.Random(seed)  # noqa: S311 (no secret)

    def draw(logits: torch.Tensor) -> int:
        probabilities, tokens = (logits.float() / temperature).softmax(-1).sort(descending=True)
        sums = probabilities.cumsum(-1)
        kept = int((sums < top_p).sum()) + 1  # with the token that reaches it
        total = float(sums[:kept].max())
        place = int((sums[:kept] < dice.random() * total).sum())
        return int(tokens[min(place, kept - 1, len(tokens) - 1)])

    return draw
