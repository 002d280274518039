"""Property tests without a time limit for each example, since the machine may be busy; the sample run in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from hypothesis import settings
from moto import mock_aws

from lambdas.common.store import Results
from tests.unit.cost_reports.sample_bucket import fill

settings.register_profile("money", deadline=None, derandomize=True)
settings.load_profile("money")

BUCKET = "results-of-a-sample"


@pytest.fixture
def results() -> Iterator[Results]:
    """A bucket of its own for the test, with the sample run in it."""
    with mock_aws():
        s3: Any = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        store = Results(BUCKET, s3)
        fill(store)
        yield store
