"""A NextGen store that insists on signatures, with the index that the stack makes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambdas.common.store import Results
from lambdas.rag.index import VectorIndex
from lambdas.rag.store import index_body
from offline.opensearch.api import OpenSearchServer, serve
from tests.unit.lambdas.rag.rag_world import DIMENSIONS, WordEmbedder, open_index


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OpenSearchServer]:
    server = serve(0, tmp_path / "store", "aoss_nextgen", require_signature=True)
    server.engine.create_index("chunks", index_body(DIMENSIONS))
    yield server
    server.shutdown()


@pytest.fixture
def index(store: OpenSearchServer) -> VectorIndex:
    return open_index(store)


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


_numbers = itertools.count()


@pytest.fixture(scope="module")  # a mock that outlived its module would keep its buckets for the next one
def _s3() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


@pytest.fixture
def bucket(_s3: Any) -> Results:
    """A results bucket of its own."""
    name = f"rag-results-{next(_numbers)}"
    _s3.create_bucket(Bucket=name)
    return Results(name, _s3)
