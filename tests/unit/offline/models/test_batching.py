from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from offline.models.batching import Batcher


def test_requests_that_arrive_together_are_answered_together() -> None:
    sizes: list[int] = []
    started, go = threading.Event(), threading.Event()

    def answer(requests: Sequence[int]) -> list[int]:
        sizes.append(len(requests))
        started.set()
        go.wait(10)
        return [r * 10 for r in requests]

    batcher: Batcher[int, int] = Batcher(answer, size=4, window_s=0)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(batcher.submit, 0)
        started.wait(10)
        rest = [pool.submit(batcher.submit, n) for n in range(1, 9)]
        while len(batcher._waiting) < 8:
            threading.Event().wait(0.001)
        go.set()
        assert [f.result(10) for f in [first, *rest]] == [n * 10 for n in range(9)]
    assert sizes == [1, 4, 4]
    batcher.close()


def test_one_refused_request_does_not_fail_its_neighbours() -> None:
    def answer(requests: Sequence[int]) -> list[int]:
        if 13 in requests:
            raise ValueError("not thirteen")
        return list(requests)

    batcher: Batcher[int, int] = Batcher(answer, size=3, window_s=5)
    with ThreadPoolExecutor(3) as pool:
        good, bad, fine = (pool.submit(batcher.submit, n) for n in (1, 13, 2))
        assert good.result(10) == 1
        assert fine.result(10) == 2
        with pytest.raises(ValueError, match="not thirteen"):
            bad.result(10)
    batcher.close()


def test_a_closed_batcher_refuses() -> None:
    batcher: Batcher[int, int] = Batcher(list, window_s=0)
    assert batcher.submit(1) == 1
    batcher.close()
    with pytest.raises(RuntimeError, match="no longer served"):
        batcher.submit(2)
