"""Fixtures of the billing tests: nobody waits, and a bucket of a mocked S3."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambdas.common import runtime
from lambdas.common.store import Results

_numbers = itertools.count()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that would have been taken."""
    taken: list[float] = []
    monkeypatch.setattr(runtime, "_sleep", taken.append)
    return taken


@pytest.fixture(scope="module")  # a mock that outlived its module would keep its buckets for the next one
def _s3() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


@pytest.fixture
def results(_s3: Any) -> Results:
    bucket = f"billing-{next(_numbers)}"
    _s3.create_bucket(Bucket=bucket)
    return Results(bucket, _s3)
