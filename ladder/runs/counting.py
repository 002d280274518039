"""How far the step of a run is that takes longest, from what the run has written and what a training job has said.

Answers and ingested pages are counted in the listing of the run's objects that `follow` makes anyway. Steps of training
stand in the lines that SageMaker writes to CloudWatch Logs while the job runs; `FinalMetricDataList` is set at its end.
Reading a log is free of charge; accounts allow few requests a second.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contracts import keys
from contracts.run import Manifest
from ladder.progress import Count

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
#: Between two readings of a log.
LOG_SECONDS = 10.0
LOG_LINES = 50
TRAINING_STATES = frozenset({"WaitForTraining", "DescribeTrainingJob", "TrainingStatus"})
_STEP = re.compile(r"\badapter=(?P<adapter>\S+) .*?\bstep=(?P<done>\d+)/(?P<total>\d+)")
_PART = re.compile(r"/part-(?P<what>[^/]+)-(?P<number>\d{5})\.jsonl$")


def answers(manifest: Manifest, approach: str, written: Iterable[str], variants: int) -> Count:
    """Return how many of the approach's answers stand in the bucket; a batch counts when it is complete."""
    size, questions = manifest.batch_size, len(manifest.test_question_ids)
    prefix = f"{keys.approach_prefix(manifest.experiment, manifest.run, approach)}answers/"
    numbers = [int(part["number"]) for key in written if key.startswith(prefix) and (part := _PART.search(key))]
    done = sum(max(0, min(size, questions - number * size)) for number in numbers)
    return Count(done=done, total=questions * variants, unit="answers")


def ingested(manifest: Manifest, written: Iterable[str], mirror: Path) -> Count | None:
    """Return how many pages are in the index: a slice of them is when its usage is written. None: not yet planned."""
    try:
        items = json.loads((mirror / keys.ingest_items(manifest.experiment, manifest.run)).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    present = set(written)
    part = [keys.usage(manifest.experiment, manifest.run, "rag", f"ingest-{item['batch']:05d}") for item in items]
    pages = [item["last"] - item["first"] for item in items]
    done = sum(count for key, count in zip(part, pages, strict=True) if key in present)
    return Count(done=done, total=sum(pages), unit="pages")


class TrainingLog:
    """Reads how far the training of a run is; remembers what it has read for some seconds.

    `prefix`: what the names of the run's training jobs begin with, and so those of their log streams.
    """

    def __init__(
        self, client: Any, prefix: str, *, every_s: float = LOG_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._every_s = every_s
        self._clock = clock
        self._next = clock()
        self._known: Count | None = None

    def progress(self) -> Count | None:
        """Return the steps of the adapter that is trained; None where nothing is known, or no log may be read."""
        if self._clock() >= self._next:
            self._next = self._clock() + self._every_s
            # Not there yet, or not allowed: training goes on all the same, and is shown without its steps.
            with contextlib.suppress(ClientError, BotoCoreError):
                self._known = self._newest() or self._known
        return self._known

    def _newest(self) -> Count | None:
        found = self._client.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=self._prefix)
        streams = sorted(found["logStreams"], key=lambda stream: stream.get("creationTime", 0))
        if not streams:
            return None
        events = self._client.get_log_events(
            logGroupName=LOG_GROUP, logStreamName=streams[-1]["logStreamName"], startFromHead=False, limit=LOG_LINES
        )["events"]
        steps = [match for event in events if (match := _STEP.search(event["message"]))]
        if not steps:
            return None
        last = steps[-1]
        return Count(done=int(last["done"]), total=int(last["total"]), unit=f"steps of {last['adapter']}")
