"""A base model in a process of its own: started on first use, stopped to give its memory back.

`python -m offline.models.generator MODEL` is the child: it reads a JSON list of requests a line on its standard input
and writes a JSON list of answers a line; the end of its input ends it, even in the middle of a batch. MODEL is a hub id
or a folder. A request is `{"messages", "max_new_tokens"}` and, where they are wanted, `stop` (texts), `temperature`,
`top_p` and `seed`. An answer is `{"text", "input_tokens", "output_tokens", "stop_reason"}`.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from offline.models.batching import Batcher
from offline.models.hub import HUB_ID
from offline.models.text_model import Answer, RefusedError, Request
from offline.process import children


class GeneratorError(RuntimeError):
    """The model's process could not be started or died; the message says where its log is."""


class Generator:
    """The parent's side. `answer` starts the process if need be; one batch runs at a time."""

    def __init__(self, hub_environment: Mapping[str, str], log: Path, *, model: str = HUB_ID) -> None:
        self._environment = dict(hub_environment)
        self._log = log
        self._model = model
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self) -> None:
        """Start the process now: the first request shall not wait for the imports."""
        with self._lock:
            self._running()

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Return one answer a request.

        Raises:
            RefusedError: a request is malformed or too long; none of this batch was answered.
            GeneratorError: the process died.
        """
        with self._lock:
            process = self._running()
            try:
                _pipe(process.stdin).write(json.dumps(list(requests)).encode("utf-8") + b"\n")
                _pipe(process.stdin).flush()
                line = _pipe(process.stdout).readline()
            except BrokenPipeError:
                line = b""
            if not line:
                self._stop()
                raise GeneratorError(f"the language model's process ended; see {self._log}")
        reply = json.loads(line)
        if "refused" in reply:
            raise RefusedError(reply["refused"], reply["message"])
        answers: list[Answer] = reply["answers"]
        return answers

    def stop(self) -> None:
        """End the process once its batch is done; the next request starts another."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = children.start(
                "offline.models.generator", self._model, environment=self._environment, log=self._log, answers=True
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _pipe(process.stdin).close()
        process.wait(timeout=30)
        _pipe(process.stdout).close()


class LocalModel:
    """A text model on this machine: requests that arrive together are decoded together."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._batcher: Batcher[Request, Answer] = Batcher(generator.answer)

    def answer(self, request: Request) -> Answer:
        return self._batcher.submit(request)

    def release(self) -> None:
        """Give the model's memory back; the next request loads it again."""
        self._generator.stop()

    def close(self) -> None:
        self._batcher.close()
        self._generator.stop()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise GeneratorError("the language model's process has no pipe")
    return pipe


def main() -> None:
    """Run the child's side."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up between the answers
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        descriptor = os.dup(0)
        with os.fdopen(descriptor, "rb") as source:
            for line in source:
                lines.put(line)
        os._exit(0)

    threading.Thread(target=read, name="requests", daemon=True).start()
    from offline.models import inference

    model = sys.argv[1]
    served = inference.load(model, tokenizer=model, adapters={})
    while True:
        try:
            requests = [inference.to_request(served, item) for item in json.loads(lines.get())]
            reply: dict[str, Any] = {"answers": [asdict(a) for a in inference.generate(served, requests)]}
        except ValueError as error:
            reply = {"refused": type(error).__name__, "message": str(error)}
        replies.write(json.dumps(reply).encode("utf-8") + b"\n")
        replies.flush()


if __name__ == "__main__":
    main()
