from __future__ import annotations

from collections import Counter

import pytest
import torch

from offline.models.sampling import Seeds, sampler

LOGITS = torch.tensor([0.0, 2.0, 1.0, -30.0])


def drawn(temperature: float, top_p: float = 1.0, *, seed: int = 7, times: int = 4000) -> Counter[int]:
    draw = sampler(temperature, top_p, seed)
    assert draw is not None
    return Counter(draw(LOGITS) for _ in range(times))


def test_temperature_0_draws_nothing() -> None:
    assert sampler(0, 1.0, 1) is None


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_tokens_are_drawn_as_often_as_they_are_likely(temperature: float) -> None:
    counts = drawn(temperature)
    for token, probability in enumerate((LOGITS / temperature).softmax(-1).tolist()):
        assert counts[token] / 4000 == pytest.approx(probability, abs=0.03)
    assert counts[3] == 0


@pytest.mark.parametrize(("top_p", "kept"), [(0.0, {1}), (0.6, {1}), (0.7, {1, 2}), (0.95, {0, 1, 2})])
def test_top_p_keeps_the_likeliest_tokens(top_p: float, kept: set[int]) -> None:
    assert set(drawn(1.0, top_p)) == kept  # the likeliest has 0.67, the next 0.24


def test_a_seed_decides_what_is_drawn() -> None:
    draws = [sampler(1.0, 1.0, seed) for seed in (1, 1, 2)]
    first, again, other = ([draw(LOGITS) for _ in range(50)] for draw in draws if draw)
    assert first == again != other


def test_a_repeated_request_has_another_seed_and_a_restart_the_same_ones() -> None:
    seeds, restarted = Seeds(), Seeds()
    given = [seeds.next({"q": 1}), seeds.next({"q": 2}), seeds.next({"q": 1})]
    assert len(set(given)) == 3
    assert given == [restarted.next({"q": 1}), restarted.next({"q": 2}), restarted.next({"q": 1})]
    assert all(0 <= seed < 1 << 31 for seed in given)
