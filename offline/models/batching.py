"""Requests that arrive together are answered together: a model decodes sixteen answers in little more time than one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

WINDOW_S = 0.01
"""How long the first request waits for company. Clients send a batch of questions within a few milliseconds."""


class Batcher(Generic[T, R]):
    """One thread that gives waiting requests, at most `size` at a time, to `answer_all`."""

    def __init__(
        self, answer_all: Callable[[Sequence[T]], Sequence[R]], *, size: int = 16, window_s: float = WINDOW_S
    ) -> None:
        self._answer_all = answer_all
        self._size = size
        self._window_s = window_s
        self._changed = threading.Condition()
        self._waiting: list[tuple[T, Future[R]]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    def submit(self, request: T) -> R:
        """Wait for the answer to `request` and return it. Raises what answering this request alone raises."""
        future: Future[R] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError("the model is no longer served")
            self._waiting.append((request, future))
            self._changed.notify_all()
        return future.result()

    def close(self) -> None:
        """Answer what waits, then stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                self._changed.wait_for(lambda: len(self._waiting) >= self._size or self._closed, self._window_s)
                batch, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
            self._answer(batch)

    def _answer(self, batch: list[tuple[T, Future[R]]]) -> None:
        try:
            answers = self._answer_all([request for request, _ in batch])
        except Exception as error:  # noqa: BLE001  (handed to the caller, whose request it was)
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            # One request that the model refuses must not fail its neighbours.
            for item in batch:
                self._answer([item])
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            future.set_result(answer)
