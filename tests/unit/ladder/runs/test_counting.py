"""How far a step is: answers and pages from the listing, steps of training from the job's log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contracts import keys
from contracts.job_names import job_name, run_prefix
from contracts.run import Manifest
from ladder.progress import Count
from ladder.runs import counting, follow
from ladder.runs.counting import LOG_GROUP, TrainingLog
from tests.unit.ladder.conftest import RUN, Account


def manifest(questions: int = 40) -> Manifest:
    return Manifest(
        experiment="shop",
        run=RUN,
        profile="full",
        input_prefix="",
        input_sha256="",
        seed=1,
        batch_size=16,
        test_question_ids=tuple(f"q{n}" for n in range(questions)),
        closed_book_ids=(),
        rag_ids=(),
        epochs_closed_book=1,
        epochs_rag=1,
        created="",
    )


def test_the_last_batch_has_fewer_answers() -> None:
    written = [keys.answers("shop", RUN, "rag", variant, n) for variant, n in (("rag", 0), ("rag", 2), ("rag+x", 1))]
    other = [keys.answers("shop", RUN, "prompting", "few-shot", 0), keys.usage("shop", RUN, "rag", "answer-rag-00001")]
    count = counting.answers(manifest(), "rag", [*written, *other], 2)
    assert count == Count(done=16 + 8 + 16, total=80, unit="answers")


def test_pages_are_in_the_index_when_the_usage_of_their_slice_is_written(tmp_path: Path) -> None:
    written = [keys.usage("shop", RUN, "rag", step) for step in ("prepare", "ingest-00001", "ingest-00000")]
    assert counting.ingested(manifest(), written, tmp_path) is None
    items = [{"batch": n, "first": 50 * n, "last": min(50 * n + 50, 120)} for n in range(3)]
    file = tmp_path / keys.ingest_items("shop", RUN)
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(items))
    assert counting.ingested(manifest(), written, tmp_path) == Count(done=100, total=120, unit="pages")


def put_log(account: Account, stream: str, *lines: str) -> None:
    logs = account.deployment.session.client("logs")
    logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
    events = [{"timestamp": 1_796_000_000_000 + n, "message": line} for n, line in enumerate(lines)]
    logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=stream, logEvents=events)


def test_steps_of_training_stand_in_the_log_of_the_run_s_job(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    client = account.deployment.session.client("logs")
    asked = []
    describe = client.describe_log_streams
    monkeypatch.setattr(client, "describe_log_streams", lambda **named: asked.append(now[0]) or describe(**named))
    log = TrainingLog(client, run_prefix("shop", RUN), clock=lambda: now[0])
    assert log.progress() is None  # the group is not there yet
    client.create_log_group(logGroupName=LOG_GROUP)
    now[0] = 10
    assert log.progress() is None  # the job has not written yet
    first = job_name("shop", RUN, "first")
    put_log(account, f"{first}/algo-1-1", "pip", "adapter=lora epoch=1/4 step=10/56 loss=2.1", "adapter=lora loss=1")
    put_log(account, f"{job_name('other', RUN, 'x')}/algo-1-1", "adapter=lora epoch=1/4 step=50/56 loss=2.1")
    now[0] = 19
    assert log.progress() is None  # asked a moment ago
    now[0] = 20
    assert log.progress() == Count(done=10, total=56, unit="steps of lora")
    assert asked == [0, 10, 20]


def test_what_is_counted_depends_on_the_state(account: Account) -> None:
    run = account.start()
    watching = account.follower(run)
    assert watching._count("prompting", "AnswerAll") == Count(done=0, total=18, unit="answers")
    assert watching._count("rag", "IngestAll") is None
    assert watching._count("fine-tuning", "WaitForTraining") is None
    assert watching._count("rag", "Evaluate") is None


def test_a_run_on_aws_is_looked_at_less_often(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    watching: Any = account.follower(account.start())
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        account.states.stop_execution(executionArn=watching._run.execution_arn)

    monkeypatch.setattr(follow.time, "sleep", sleep)
    assert [snapshot.status for snapshot in watching.snapshots()] == ["RUNNING", "ABORTED"]
    assert slept == [follow.AWS_POLL_SECONDS]
    assert follow.AWS_POLL_SECONDS >= 2
