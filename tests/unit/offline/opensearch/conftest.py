"""Servers on free loopback ports, driven by the real opensearch-py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opensearchpy import OpenSearch

from offline.opensearch.api import OpenSearchServer, serve
from tests.unit.offline.opensearch.engine_help import BODY, connect


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., OpenSearchServer]]:
    """`start(flavour, delay)` gives a running server; all of them are stopped after the test."""
    running: list[OpenSearchServer] = []

    def begin(flavour: Any = "aoss_nextgen", delay: float = 0.0, **options: Any) -> OpenSearchServer:
        server = serve(0, options.pop("directory", tmp_path / "store"), flavour, delay, **options)
        running.append(server)
        return server

    yield begin
    for server in running:
        if server.fileno() != -1:
            server.shutdown()


@pytest.fixture
def server(start: Callable[..., OpenSearchServer]) -> OpenSearchServer:
    return start()


@pytest.fixture
def client(server: OpenSearchServer) -> Iterator[OpenSearch]:
    """A client of a NextGen server with the index `notes`."""
    made = connect(server)
    made.indices.create(index="notes", body=BODY)
    yield made
    made.close()
