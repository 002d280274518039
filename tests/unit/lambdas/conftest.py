"""Fixtures of the Lambda tests: a run in a mocked bucket and fake model clients."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts import json_codec, keys, times
from contracts.run import Manifest
from lambdas.common import runtime
from lambdas.common.store import Results
from tests.unit.lambdas.lambda_world import (
    EXPERIMENT,
    RUN,
    TASK,
    Clock,
    Context,
    FakeConverse,
    FakeEndpoint,
    World,
    documents,
    held_out_questions,
    train_questions,
)

_numbers = itertools.count()


@pytest.fixture(scope="module")  # a mock that outlived its module would keep its buckets for the next one
def _aws() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


@pytest.fixture
def results(_aws: Any) -> Results:
    """An empty results bucket."""
    bucket = f"results-{next(_numbers)}"
    _aws.create_bucket(Bucket=bucket)
    return Results(bucket, _aws)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that would have been taken."""
    taken: list[float] = []
    monkeypatch.setattr(runtime, "_sleep", taken.append)
    return taken


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of deadlines and retries."""
    made = Clock()
    monkeypatch.setattr(times, "time", SimpleNamespace(monotonic=made))
    monkeypatch.setattr(runtime, "_sleep", made.sleep)
    return made


@pytest.fixture
def world(_aws: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    bucket = f"results-{next(_numbers)}"
    _aws.create_bucket(Bucket=bucket)
    for name, value in {
        "BUCKET": bucket,
        "EXPERIMENT": EXPERIMENT,
        "AWS_REGION": "us-east-1",
        "GENERATOR_PROFILE_ARN": "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/gen",
        "GENERATOR_MODEL_ID": "us.amazon.nova-micro-v1:0",
        "FINE_TUNING_BASE": "Qwen/Qwen3-4B-Instruct-2507",
        "FINE_TUNING_BASE_REVISION": "cdbee75f17c01a7cc42f958dc650907174af0554",
        "HOSTING_INSTANCE": "ml.g5.xlarge",
        "REQUESTS_IN_FLIGHT": "16",
        "MODEL_WORKERS": "4",
        "PROJECT": "fm-cost-ladder",
        "OWNER": "team-a",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(runtime, "_clients", {"s3": _aws})
    train, test = train_questions(), held_out_questions()
    manifest = Manifest(
        experiment=EXPERIMENT,
        run=RUN,
        profile="quick",
        input_prefix=keys.input_prefix(EXPERIMENT, "ab" * 32),
        input_sha256="ab" * 32,
        seed=7,
        batch_size=5,
        test_question_ids=tuple(q.id for q in test),
        closed_book_ids=tuple(q.id for q in train),
        rag_ids=tuple(q.id for q in train),
        epochs_closed_book=4,
        epochs_rag=1,
        created="2026-11-23T00:00:00+00:00",
    )
    made = World(results=Results(bucket, _aws), manifest=manifest, bucket=bucket)
    made.write_manifest()
    made.results.write_text(f"{manifest.input_prefix}experiment.json", json.dumps(json_codec.to_jsonable(TASK)))
    made.results.write(f"{manifest.input_prefix}documents.jsonl", documents())
    made.results.write(f"{manifest.input_prefix}questions.train.jsonl", train)
    made.results.write(f"{manifest.input_prefix}questions.test.jsonl", test)
    return made


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture
def bedrock_client(world: World, monkeypatch: pytest.MonkeyPatch) -> FakeConverse:
    """The bedrock-runtime client that the handlers get; retries do not sleep."""
    fake = FakeConverse()
    runtime._clients["bedrock-runtime"] = fake
    monkeypatch.setattr(runtime, "_sleep", lambda seconds: None)
    return fake


@pytest.fixture
def endpoint_client(world: World, monkeypatch: pytest.MonkeyPatch) -> FakeEndpoint:
    fake = FakeEndpoint()
    runtime._clients["sagemaker-runtime"] = fake
    monkeypatch.setattr(runtime, "_sleep", lambda seconds: None)
    return fake
